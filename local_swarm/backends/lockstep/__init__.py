"""What MLX and Transformers share: each request is a batch of its own, whose sequences all have the same length."""

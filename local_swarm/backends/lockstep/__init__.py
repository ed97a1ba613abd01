"""What MLX and Transformers share: each request a batch of its own, whose sequences all have the same length at every step."""

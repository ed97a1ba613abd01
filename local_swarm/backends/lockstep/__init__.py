"""What MLX and Transformers share: each request is a batch of its own, whose sequences have the same length at every step."""

"""MLX: models of Apple's array framework, on Apple Silicon's graphics chip, or slowly on any processor."""

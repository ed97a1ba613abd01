"""Two answers in, how alike they are out."""

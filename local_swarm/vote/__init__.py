"""Answers that somebody already has in, elections out."""

"""A question and programs in, what the programs do out."""

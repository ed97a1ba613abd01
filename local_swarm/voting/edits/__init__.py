"""A reply that changes files in, the files after it out."""

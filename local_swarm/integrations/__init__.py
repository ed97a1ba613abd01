"""What runs in, settings for the programs that use it out."""

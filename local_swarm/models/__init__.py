"""Hardware and wishes in, a plan and a model file out."""

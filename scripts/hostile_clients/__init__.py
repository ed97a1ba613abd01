"""What `scripts/hostile.py` is made of: hostile inputs as values, clients that send them, honest ones, and what is measured."""

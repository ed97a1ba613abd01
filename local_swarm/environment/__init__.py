"""A checkout in, an environment that runs it out. Standard library only: this works before anything is installed."""

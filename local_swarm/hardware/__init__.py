"""Nothing in, a description of this machine out. Standard library only, since it runs before anything is installed."""

"""Prompts in, elections of several machines out: discovery, trust, the peers' door, and the federation that votes across them."""

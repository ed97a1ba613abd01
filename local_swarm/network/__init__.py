"""Prompts in, elections over several machines out: discovery, trust, the server for peers, the vote."""

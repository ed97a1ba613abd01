"""A running swarm in, settings for the programs that use it out."""

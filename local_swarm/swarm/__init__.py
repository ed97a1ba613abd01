"""A prompt in, an election out: the workers of this machine and their vote."""

"""vLLM, where it is installed: its own scheduler and paged memory share a prompt among all voices and requests."""

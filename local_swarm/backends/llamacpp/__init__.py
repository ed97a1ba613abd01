"""llama.cpp: GGUF files on any processor or graphics card."""

from local_swarm.backends.llamacpp.backend import Description, LlamaCpp

__all__ = ["Description", "LlamaCpp"]

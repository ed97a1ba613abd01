"""llama.cpp: GGUF files on any processor or graphics card, in a child process of the daemon."""

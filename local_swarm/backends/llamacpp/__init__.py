"""llama.cpp: GGUF files on any processor or graphics card. `backend` is the daemon's side, `child` the engine's process."""

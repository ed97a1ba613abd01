"""Hugging Face's Transformers: safetensors models in PyTorch, for what neither llama.cpp nor MLX can run."""

"""Messages and tools to a model's text, and a model's text back to an answer."""

"""Everything that makes the starter model: its tasks, its tokenizer, its network, its measurement."""

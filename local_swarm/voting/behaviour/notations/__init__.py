"""Ways in which people write examples: readers of prompts, each taking a text and giving calls with what they must give."""

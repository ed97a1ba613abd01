"""OpenAI's JSON in and out; inside, prompts and elections."""

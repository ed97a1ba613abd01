"""Other people's servers as engines: whatever speaks OpenAI's chat completions, on this machine or elsewhere."""

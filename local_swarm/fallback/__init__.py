"""A prompt in, the answer of the first provider that can give one out, within what each may cost."""

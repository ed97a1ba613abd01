"""Calls of tools by an AI assistant in, what the swarm finds out: over HTTP beside the API, or over stdio through a proxy."""

"""HTTP requests in, answers out, in OpenAI's shapes; inside, prompts and elections. `routes.py` lists the endpoints."""

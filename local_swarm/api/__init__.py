"""HTTP requests in, answers out, in OpenAI's shapes; inside, prompts and elections. `routes.py` lists the endpoints that every
node has, the page's aside. `documented.py` makes an application with every route."""

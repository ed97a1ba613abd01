"""What answers when the swarm cannot: servers in an order of their own, each with what it may cost."""

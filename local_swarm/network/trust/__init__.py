"""Who belongs to a swarm, and how others prove that they do: keys, certificates, invitations, TLS."""

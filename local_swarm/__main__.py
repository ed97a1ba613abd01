"""`python -m local_swarm`."""

from local_swarm.cli import run

run()

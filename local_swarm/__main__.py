"""`python -m local_swarm`."""

from local_swarm.cli.main import run

run()

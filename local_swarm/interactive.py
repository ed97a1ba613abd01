"""The menu of a first start, under the name that the first plan gave it: what a machine could run in, what its user picks out."""

from local_swarm.cli.menu import Menu, Picked

__all__ = ["Menu", "Picked"]

"""A swarm of local language models that vote."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`from local_swarm import Chat`: imported by name and late, for this package must load before anything is installed."""
    if name == "Chat":
        return import_module("local_swarm.conversation").Chat
    raise AttributeError(f"module 'local_swarm' has no attribute {name!r}")

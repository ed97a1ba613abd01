"""A swarm of local language models that vote. Any Python from 2.7 on reads this file, so that an old one gets a sentence."""

from importlib import import_module

MYPY = False
if MYPY:
    from typing import Any

__version__ = "0.1.0"


def __getattr__(name):
    # type: (str) -> Any
    """`from local_swarm import Chat`: imported by name and late, for this package must load before anything is installed."""
    if name == "Chat":
        return import_module("local_swarm.conversation").Chat
    raise AttributeError("module 'local_swarm' has no attribute %r" % name)

"""Python source in, syntax trees out, whatever the source is. Pure but for a lock; what it does is `chat.python_source`'s."""

from __future__ import annotations

from local_swarm.chat.python_source import parse, parse_expression, unparse

__all__ = ["parse", "parse_expression", "unparse"]

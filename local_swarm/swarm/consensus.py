"""Candidates in, an election out. What it does is `voting.consensus`'s."""

from __future__ import annotations

from local_swarm.voting.consensus import elect, is_decided

__all__ = ["elect", "is_decided"]

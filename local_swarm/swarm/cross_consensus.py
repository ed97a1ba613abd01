"""Ballots of several machines in, those that count out. What it does is `voting.cross_consensus`'s."""

from __future__ import annotations

from local_swarm.voting.cross_consensus import across, ballots_that_count, reliabilities_after

__all__ = ["across", "ballots_that_count", "reliabilities_after"]

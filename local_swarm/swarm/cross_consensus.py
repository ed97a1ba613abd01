"""Ballots of several machines in, those that count out, under the name that users look for: `voting.cross_consensus`."""

from __future__ import annotations

from local_swarm.voting.cross_consensus import across, ballots_that_count, reliabilities_after

__all__ = ["across", "ballots_that_count", "reliabilities_after"]

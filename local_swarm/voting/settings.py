"""How a node votes, as its configuration has it: the strategy, the temperatures, how long a vote waits."""

from __future__ import annotations

from dataclasses import dataclass

from local_swarm.types import Strategy


@dataclass(frozen=True, slots=True)
class VoteSettings:
    """The workers beside the anchor spread their temperatures from `coolest` to `warmest`.

    `patience_s`: how long a vote waits for the others once one has answered; then those that have answered decide.
    `longest_s`: how long any request may take. `embedding_wait_s`: how long a vote waits for the embedding model to
    load.
    """

    strategy: Strategy = "auto"
    coolest: float = 0.6
    warmest: float = 0.8
    patience_s: float = 60.0
    longest_s: float = 1800.0
    embedding_wait_s: float = 30.0

"""Texts in, no vectors out: the embedder of a swarm that compares answers without an embedding model."""

from __future__ import annotations

from local_swarm.models.embedding import NONE
from local_swarm.voting.similarity.embedding import Embedder


class NoEmbedder(Embedder):
    """An `Embedder` that is never ready and loads nothing."""

    def __init__(self) -> None:
        super().__init__(NONE)

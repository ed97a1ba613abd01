"""The API's embedding function: texts in, vectors out.

They come from the embedding model where one is on this disk, else at once, pooled from the model that answers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from local_swarm.backends.base import Backend
from local_swarm.types import Embedded
from local_swarm.voting.similarity.embedding import Embedder

POOLED = "no embedding model is installed, so these vectors are pooled from the model that answers"


class Vectors:
    """Call it with texts.

    `wait_s`: how long a model that is on this disk may take to load at its first use. Vectors of different models
    cannot be compared, so callers wait rather than get another model's.
    """

    def __init__(self, embedder: Embedder, backend: Backend, wait_s: float = 60.0) -> None:
        self.embedder, self.backend, self.wait_s = embedder, backend, wait_s
        self._turn = asyncio.Semaphore(1)  # one at a time: the library uses all cores for each

    async def __call__(self, texts: Sequence[str]) -> Embedded:
        """Raises SwarmError."""
        async with self._turn:
            self.embedder.begin()
            embed = await asyncio.to_thread(self.embedder.function, self.wait_s)
            if embed:
                try:
                    vectors = await asyncio.to_thread(embed, texts)
                except OSError:  # the model's process is lost; the next call starts another one
                    pass
                else:
                    return Embedded(vectors.tolist(), self.embedder.model)
            return replace(await self.backend.embed(texts), note=POOLED)

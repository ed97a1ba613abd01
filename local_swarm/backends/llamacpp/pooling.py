"""Texts in, vectors out, nothing else: what an engine's process runs for a model that was trained to embed and not to speak."""

from __future__ import annotations

from local_swarm.backends import wire
from local_swarm.backends.llamacpp.library import Model, Pool


class Embedder:
    """Has the face of `Engine` as far as the process knows it. It is never at work between two commands."""

    idle = True

    def __init__(self, model: Model, threads: int) -> None:
        self.model, self.pool = model, Pool(model, threads)

    def beat(self) -> wire.Beat:
        return wire.Beat(0, 0, 0, 0)

    def submit(self, order: wire.Generate) -> wire.Report:
        return wire.JobBusy(order.job, "This model makes vectors of texts; it does not answer.")

    def cancel(self, order: wire.Cancel) -> None:
        """There is never anything to cancel."""

    def step(self) -> list[wire.Report]:
        return []

    def forget(self) -> None:
        """Nothing is remembered."""

"""The parts that every endpoint is given: the voice that is asked, the status of the node, what makes vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from local_swarm.api.election_log import LoggedVoice
from local_swarm.api.envelope import Envelope, new_envelope
from local_swarm.api.models import check_model
from local_swarm.api.status import Status
from local_swarm.types import Embedded


class Embeds(Protocol):
    """Makes vectors of texts. Raises SwarmError."""

    async def __call__(self, texts: Sequence[str]) -> Embedded: ...


@dataclass(frozen=True, slots=True)
class ApiContext:
    """`started`: when the application was made, in seconds since 1970."""

    voice: LoggedVoice
    status: Callable[[], Status]
    embeds: Embeds
    started: int

    def envelope(self, model: str) -> Envelope:
        """Of a new answer by this model. Raises ModelNotFound."""
        now = self.status()
        check_model(model, now)
        return new_envelope(model, self.voice.name, now.note)

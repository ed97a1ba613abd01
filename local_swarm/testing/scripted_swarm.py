"""An engine or workers in, a swarm over them out, without an embedding model and with nothing kept on disk."""

from __future__ import annotations

from collections.abc import Sequence

from local_swarm.backends.base import Backend
from local_swarm.sandbox.host import Sandbox
from local_swarm.swarm.manager import Swarm
from local_swarm.swarm.worker import Worker
from local_swarm.voting.reliability import VoterReliability
from local_swarm.voting.settings import VoteSettings
from local_swarm.voting.similarity.no_embedder import NoEmbedder


def workers_over(backend: Backend, count: int) -> list[Worker]:
    """Workers `w1`, `w2` ... over one engine."""
    return [Worker(f"w{number}", number, backend) for number in range(1, count + 1)]


def scripted_swarm(
    engines: Backend | Sequence[Worker],
    workers: int = 5,
    *,
    name: str = "here",
    settings: VoteSettings | None = None,
    sandbox: Sandbox | None = None,
    reliability: VoterReliability | None = None,
) -> Swarm:
    """A swarm of so many workers over one engine, or of the workers given. Without a `sandbox` no program is run."""
    crew = engines if isinstance(engines, Sequence) else workers_over(engines, workers)
    return Swarm(name, crew, NoEmbedder(), settings=settings, sandbox=sandbox, reliability=reliability)

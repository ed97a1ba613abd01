"""A roster's fallback providers and the node's own voice in, the chain that asks them in turn out. Starts nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from local_swarm.backends.base import Backend
from local_swarm.engines.server import provider_backend
from local_swarm.fallback.chain import Chain, Step
from local_swarm.fallback.ledger import Ledger, SpendingLimits
from local_swarm.limits import USUAL_VOICES
from local_swarm.roster import Fallback, Provider
from local_swarm.swarm.worker import Worker
from local_swarm.types import Voice

GatherVoice = Callable[[str, Sequence[Worker]], Voice]  # a swarm of this name over these workers


@dataclass(frozen=True, slots=True)
class FallbackServer:
    """A provider's server: a voice of its own beside the node's."""

    provider: Provider
    voice: Voice
    backend: Backend


def make_servers(fallback: Fallback, gather: GatherVoice) -> tuple[FallbackServer, ...]:
    """The servers that a chain may ask. Raises UsageError for a key that is not there."""
    return tuple(make_server(provider, gather) for provider in fallback.providers if not provider.swarm)


def make_server(provider: Provider, gather: GatherVoice) -> FallbackServer:
    backend = provider_backend(provider)
    workers = [Worker(f"{provider.name}-{n}", n, backend) for n in range(1, provider.workers + 1)]
    return FallbackServer(provider, gather(provider.name, workers), backend)


def make_chain(fallback: Fallback, servers: Sequence[FallbackServer], own: Voice, ledger: Ledger) -> Chain:
    """`own` answers where a provider says `swarm: true`."""
    voices = {server.provider.name: server.voice for server in servers}
    steps = [make_step(provider, voices.get(provider.name, own), ledger) for provider in fallback.providers]
    return Chain(own.name, steps, ledger, fallback.escalate_below)


def make_step(provider: Provider, voice: Voice, ledger: Ledger) -> Step:
    limits = SpendingLimits(
        requests_per_minute=provider.requests_per_minute,
        tokens_per_day=provider.tokens_per_day,
        budget=provider.budget,
        price_in=provider.price_in,
        price_out=provider.price_out,
    )
    return Step(
        voice=voice,
        account=ledger.account(provider.name, limits, time.monotonic),
        priority=provider.priority,
        patience_s=provider.timeout_s,
        voices=USUAL_VOICES if provider.swarm else provider.workers,
        longest_answer=provider.longest_answer,
    )

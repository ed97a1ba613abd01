"""A member or fallback provider with the address of a server in, a backend that asks it out, with what can be said beforehand."""

from __future__ import annotations

from pathlib import Path

from local_swarm.backends.openai_compatible.backend import (
    FIND_SERVER,
    USUAL_CONTEXT,
    OpenAICompatible,
    ServerTarget,
    normalize_url,
)
from local_swarm.engines.keys import read_key
from local_swarm.engines.machine import EnginePlan, LocatedMember, Machine, MadeEngine
from local_swarm.models.planner import MemoryNeed, Plan
from local_swarm.roster import Member, Provider

USUAL_WORKERS = 1


def make_engine(located: LocatedMember, _machine: Machine) -> MadeEngine:
    """Raises UsageError for a key that is not there."""
    member = located.member
    assert member.url
    url = FIND_SERVER if member.url == FIND_SERVER else normalize_url(member.url)
    key = read_key(member.key_env, member.keyring)
    target = ServerTarget(url, model_name(member), key, member.context, member.several)
    return OpenAICompatible(target), EnginePlan(plan_of(member))


def provider_backend(provider: Provider) -> OpenAICompatible:
    """Raises UsageError for a key that is not there."""
    key = read_key(provider.key_env, provider.keyring)
    return OpenAICompatible(ServerTarget(normalize_url(provider.url or ""), provider.model, key, provider.context))


def model_name(member: Member) -> str | None:
    return member.model if isinstance(member.model, str) else None


def plan_of(member: Member) -> Plan:
    """What can be said of a server before it is asked."""
    model = model_name(member) or "its model"
    context = member.context or USUAL_CONTEXT
    nothing = MemoryNeed(
        weights_bytes=0, kv_context_bytes=0, kv_answers_bytes=0, state_bytes=0, compute_bytes=0, budget_bytes=None
    )
    return Plan(
        model=model,
        path=Path(),
        quantization=None,
        architecture="unknown",
        engine="openai_compatible",
        workers=member.workers or USUAL_WORKERS,
        context=context,
        answer_tokens=context // 4,
        cells=0,
        sequences=0,
        threads=0,
        gpu=False,
        kv_type="f16",
        memory=nothing,
        host_cache_bytes=0,
        why=(f"model: {model} of the server at {member.url}",),
    )

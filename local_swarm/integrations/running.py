"""The address of a swarm in, what its clients must know out: from the daemon that runs there, otherwise from the plan."""

from __future__ import annotations

from dataclasses import dataclass

from local_swarm.api.key import key_to_send
from local_swarm.config import Config
from local_swarm.daemon import DaemonClient
from local_swarm.errors import DaemonAbsent, DaemonRefused


@dataclass(frozen=True, slots=True)
class RunningSwarm:
    """`url` ends in /v1. `key` is the API key to send, `none` where none is needed. `absence`: a sentence that says
    why this is what the plan says, and not a running swarm; empty where it is one."""

    url: str
    context: int
    answer_tokens: int
    thinks: bool = False
    key: str = "none"
    absence: str = ""

    @property
    def live(self) -> bool:
        return not self.absence


def find_swarm(config: Config) -> RunningSwarm:
    """Raises UsageError where neither a daemon runs nor a plan can be made."""
    daemon, key = DaemonClient(config.server), key_to_send(config.server) or "none"
    try:
        state = daemon.ask("/v1/swarm")
        return RunningSwarm(
            f"{daemon.url}/v1", int(state["context"]), int(state["answer_tokens"]), bool(state["thinks"]), key
        )
    except (DaemonAbsent, DaemonRefused, ValueError, KeyError, TypeError) as problem:
        from local_swarm.survey import Survey

        advisor, model = Survey().advisor(config), config.models.model
        plan = advisor.what_runs(advisor.find(model) if model else None)
        strange = f"What runs on port {config.server.port} is no swarm."
        why = problem.message if isinstance(problem, DaemonAbsent | DaemonRefused) else strange
        return RunningSwarm(f"{daemon.url}/v1", plan.context, plan.answer_tokens, key=key, absence=why)

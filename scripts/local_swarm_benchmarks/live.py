"""A set of problems and a swarm in, what one answer, any of its voices, the vote and the best voice get right out.

Every problem is asked twice: of the swarm, and of one greedy worker alone, whose seconds and tokens those of the vote are
compared with. They take turns at going first, since whoever is second finds the prompt read.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import statistics
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from local_swarm.api.chat import ChatReply, ChatRequest
from local_swarm.api.envelope import new_envelope
from local_swarm.config import Config, ServerConfig, load
from local_swarm.daemon import DaemonClient
from local_swarm.errors import UsageError
from local_swarm.events import election_of
from local_swarm.node import run_node
from local_swarm.sandbox.host import Sandbox
from local_swarm_benchmarks.chart import chart
from local_swarm_benchmarks.live_file import LiveFile, default_file, open_live_file
from local_swarm_benchmarks.live_sets import MOST_TOKENS, LiveProblem, live_problems
from local_swarm_benchmarks.live_verdicts import verdicts
from local_swarm_benchmarks.vote import Row, Tell, auroc, paired_difference

ANSWER_S = 1800.0
SEED = 20
KEPT = ("text", "tool_calls", "anchor", "finish_reason", "seconds", "mean_logprob", "flaw")

Wish = dict[str, Any]
Ask = Callable[[Wish], Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class LiveBenchOptions:
    """`whole`: every voice is waited for. `file`: of finished problems; None takes one under the program's home."""

    name: str
    data: Path | None = None
    url: str | None = None
    model: str | None = None
    n: int = 8
    strip: bool = False
    limit: int | None = None
    whole: bool = False
    file: Path | None = None


def measure(options: LiveBenchOptions, tell: Tell) -> Row:
    """Raises UsageError for what cannot be measured, other SwarmErrors where the swarm or the sandbox fails."""
    if bool(options.url) == bool(options.model):
        raise UsageError("Name a running swarm with --url, or a model for a swarm of its own with --model.")
    return asyncio.run(run_live(options, tell))


async def run_live(options: LiveBenchOptions, tell: Tell) -> Row:
    problems = live_problems(options.name, options.data, options.strip, options.limit)
    async with swarm_of(options) as (ask, model):
        path = options.file or default_file(options.name, model, options.strip)
        file = open_live_file(path, run_of(options, model))
        await ask_all(problems, options, file, ask, tell)
    return summary(options.name, [file.done[one.id] for one in problems])


def run_of(options: LiveBenchOptions, model: str) -> dict[str, Any]:
    """What the answers depend on."""
    path = Path(options.model or "")
    return {
        "set": options.name,
        "model": model,
        "sha256": file_hash(path) if path.is_file() else None,
        "n": options.n,
        "strip": options.strip,
        "whole": options.whole,
    }


def file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@asynccontextmanager
async def swarm_of(options: LiveBenchOptions) -> AsyncIterator[tuple[Ask, str]]:
    """How to ask, and the model's name."""
    if options.url:
        daemon = DaemonClient(server_at(options.url))
        told = await asyncio.to_thread(daemon.ask, "/v1/swarm")

        async def ask_daemon(wish: Wish) -> Mapping[str, Any]:
            answer: Mapping[str, Any] = await asyncio.to_thread(
                daemon.ask, "/v1/chat/completions", wish, wait_s=ANSWER_S
            )
            return answer

        yield ask_daemon, str(told["model"])
        return
    async with own_swarm(load(None, {"models.model": options.model, "swarm.instances": options.n})) as found:
        yield found


@asynccontextmanager
async def own_swarm(config: Config) -> AsyncIterator[tuple[Ask, str]]:
    async with run_node(config, serve=False) as node:

        async def ask_node(wish: Wish) -> Mapping[str, Any]:
            request = ChatRequest.model_validate(wish)
            election = await election_of(node.voice.answer(request.prompt(fast=False, session=None)))
            envelope = new_envelope(request.model, node.swarm.name, node.status().note)
            return ChatReply(envelope, request).completion(election).json_value()

        yield ask_node, Path(str(config.models.model)).stem


def server_at(url: str) -> ServerConfig:
    """The address in `http://HOST:PORT`, what follows aside. Raises UsageError."""
    try:
        parts = urlsplit(url if "//" in url else f"//{url}")
        host, port = parts.hostname, parts.port or 8000
    except ValueError:
        host, port = None, 0
    if not host:
        raise UsageError(f"{url} is no address such as http://127.0.0.1:8000.")
    return load(None, {"server.host": host, "server.port": port}).server


async def ask_all(
    problems: Sequence[LiveProblem], options: LiveBenchOptions, file: LiveFile, ask: Ask, tell: Tell
) -> None:
    """Those that are not in the file yet."""
    sandbox = Sandbox()
    try:
        for at, problem in enumerate(problems):
            if problem.id not in file.done:
                tell(f"{problem.id}: {at + 1} of {len(problems)}")
                file.add(await ask_one(problem, options, ask, sandbox, at % 2 == 0))
    finally:
        await sandbox.close()


async def ask_one(
    problem: LiveProblem, options: LiveBenchOptions, ask: Ask, sandbox: Sandbox, greedy_first: bool
) -> dict[str, Any]:
    wish = {**problem.wish, "model": "swarm", "max_tokens": MOST_TOKENS[options.name], "seed": SEED}
    voted = {**wish, "swarm": {"n": options.n, "ballots": True, "early": not options.whole}}
    greedy = {**wish, "temperature": 0, "swarm": {"n": 1}}
    if greedy_first:
        alone, together = await ask(greedy), await ask(voted)
    else:
        together, alone = await ask(voted), await ask(greedy)
    line = line_of(problem, together, alone)
    return line | {"right": await verdicts(problem, line["ballots"], sandbox)}


def line_of(problem: LiveProblem, together: Mapping[str, Any], alone: Mapping[str, Any]) -> dict[str, Any]:
    """What of two answers is kept."""
    swarm = together["swarm"]
    ballots = sorted(swarm["ballots"], key=lambda one: not one["anchor"])
    return {
        "id": problem.id,
        "winner": next(at for at, one in enumerate(ballots) if one["elected"]),
        "agreement": swarm["agreement"],
        "band": swarm["band"],
        "seconds": {"greedy": alone["swarm"]["seconds"], "voted": swarm["seconds"]},
        "tokens": {
            "greedy": alone["swarm"]["completion_tokens_total"],
            "voted": swarm["completion_tokens_total"],
        },
        "ballots": [{key: one[key] for key in KEPT if key in one} for one in ballots],
    }


def summary(name: str, lines: Sequence[Mapping[str, Any]]) -> Row:
    """Shares in percent; `gain` of the vote over its greedy voice, with the standard error paired by problem."""
    if not lines:
        raise UsageError(f"No problem of {name} was asked.")
    voted = [float(one["right"][one["winner"]]) for one in lines]
    greedy = [float(one["right"][anchor_of(one)]) for one in lines]
    paired = paired_difference(voted, greedy) if len(lines) > 1 else {"gain": 0.0, "se": None}
    told = np.array([one["agreement"] for one in lines])
    return {
        "set": name,
        "problems": len(lines),
        "greedy": percent(greedy),
        "any": percent([statistics.fmean(one["right"]) for one in lines]),
        "voted": percent(voted),
        "best": percent([float(any(one["right"])) for one in lines]),
        "gain": paired["gain"],
        "se": paired["se"],
        "agreement_auroc": auroc(told, np.array(voted)),
        "seconds": means(lines, "seconds"),
        "tokens": means(lines, "tokens"),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }


def anchor_of(line: Mapping[str, Any]) -> int:
    """The greedy voice; the first where it did not speak in time."""
    return next((at for at, one in enumerate(line["ballots"]) if one["anchor"]), 0)


def percent(shares: Sequence[float]) -> float:
    return 100 * statistics.fmean(shares)


def means(lines: Sequence[Mapping[str, Any]], key: str) -> dict[str, float]:
    return {who: statistics.fmean(one[key][who] for one in lines) for who in ("greedy", "voted")}


WORDS = {"voted": "voted", "greedy": "one greedy answer", "any": "any of the voices", "best": "the best voice"}


def chart_of(found: Row) -> str:
    title = f"{found['set']}: percent right of {found['problems']}"
    return chart(title, [(words, found[key]) for key, words in WORDS.items()], "%")


def csv_of(found: Row) -> str:
    """A line under its head; what has parts takes a column for each."""
    flat: Row = {}
    for key, value in found.items():
        flat |= {f"{key}_{part}": one for part, one in value.items()} if isinstance(value, dict) else {key: value}
    made = io.StringIO()
    table = csv.DictWriter(made, list(flat), lineterminator="\n")
    table.writeheader()
    table.writerow(flat)
    return made.getvalue()

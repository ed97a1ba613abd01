"""What `/v1/swarm` tells in, a screen for a terminal out: of any size, from 80 by 24 characters on. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from local_swarm.commands import command
from local_swarm.units import memory_size

COLORS = {"ok": "green", "ready": "green", "starting": "yellow", "restarting": "yellow", "degraded": "yellow"}
MOST_WORKERS = 8  # lines
FEWEST_ELECTIONS, MOST_ELECTIONS = 3, 20
BAR = 12  # characters of a bar


def screen(told: Mapping[str, Any], speed: float | None = None, height: int = 24) -> RenderableType:
    """`speed`: tokens a second that all workers wrote together lately, None where that is not known yet."""
    workers, peers = list(told["workers"]), list(told["peers"])
    parts: list[RenderableType] = [head(told), machine(told), engine(told, speed), Text(), workers_table(workers)]
    used = 5 + min(len(workers), MOST_WORKERS)
    shown = peers[: max(1, min(4, height // 6))]
    if shown:
        parts += [Text(), peers_table(shown)]
        used += 2 + len(shown)
    room = max(FEWEST_ELECTIONS, min(MOST_ELECTIONS, height - used - 3))
    parts += [Text(), elections_table(list(told["elections"])[-room:])]
    return Group(*parts)


def head(told: Mapping[str, Any]) -> Text:
    state = str(told["status"])
    line = Text.assemble((str(told["node"]), "bold"), "  ", (state, COLORS.get(state, "red")))
    line.append(f"  {told['model']}", style="bold")
    line.append(f"  context {told['context']}  v{told['version']}", style="dim")
    return crop(line)


def machine(told: Mapping[str, Any]) -> Text:
    memory = told.get("machine", {}).get("memory") or {}
    total = memory.get("limit_bytes") or memory.get("total_bytes")
    parts = []
    if total and memory.get("available_bytes") is not None:
        used = max(0.0, 1 - memory["available_bytes"] / total)
        parts.append(f"memory {bar(used)} {used:.0%} of {memory_size(total)}")
    mine = [one["memory_bytes"] for one in told["engines"] if one["memory_bytes"]]
    parts += [f"engine {memory_size(sum(mine))}"] if mine else []
    for card in told.get("machine", {}).get("accelerators", []):
        size, free = card.get("memory_bytes"), card.get("free_bytes")
        share = (
            f" {bar(1 - free / size)} {1 - free / size:.0%} of {memory_size(size)}" if size and free is not None else ""
        )
        parts.append(f"{card['name']}{share}")
    return crop(Text("  ".join(parts), style="dim"))


def engine(told: Mapping[str, Any], speed: float | None) -> Text:
    parts = []
    for one in told["engines"]:
        parts.append(f"{one['name']} {one['state']}")
        parts += [f"{one['requests']} at work"] if one["requests"] else []
        parts += [f"batch {one['batch_size']:.1f}"] if one["batch_size"] else []
        if one["cells_used"] is not None and one.get("cells"):
            parts.append(f"cache {bar(one['cells_used'] / one['cells'])} {one['cells_used'] / one['cells']:.0%}")
    tokens = told.get("tokens") or {}
    parts += [f"{tokens['cached'] / tokens['prompt']:.0%} of prompts cached"] if tokens.get("prompt") else []
    parts += [f"{speed:.0f} tokens/s"] if speed is not None else []
    return crop(Text("  ".join(parts)))


def workers_table(workers: Sequence[Mapping[str, Any]]) -> Table:
    table = columns(("worker", "state", "requests", "failed", "latency", "tokens/s"))
    shown = workers if len(workers) <= MOST_WORKERS else workers[: MOST_WORKERS - 1]
    for one in shown:
        failures = str(one["failures"]) if one["failures"] else ""
        speed = f"{one['tokens_per_s']:.1f}" if one["tokens_per_s"] else ""
        counts = (str(one["requests"]), failures, seconds(one["average_latency_s"]), speed)
        table.add_row(one["id"], worker_state(one), *counts)
    if len(shown) < len(workers):
        table.add_row(f"and {len(workers) - len(shown)} more")
    return table


def worker_state(worker: Mapping[str, Any]) -> Text:
    if not worker["healthy"]:
        return Text("down", "red")
    return Text("at work", "green") if worker["busy"] else Text("idle", "dim")


def peers_table(peers: Sequence[Mapping[str, Any]]) -> Table:
    table = columns(("peer", "state", "model", "workers", "latency"))
    for one in peers:
        state = Text(str(one["state"]), "green" if one["state"] == "ok" else "yellow")
        latency = "" if one["latency_ms"] is None else f"{one['latency_ms']:.0f} ms"
        table.add_row(Text(str(one["name"])), state, Text(str(one["model"] or "")), str(one["workers"] or ""), latency)
    return table


def elections_table(elections: Sequence[Mapping[str, Any]]) -> RenderableType:
    if not elections:
        return Text(f"No vote yet. Ask something: {command('ask', '...')}", style="dim")
    table = columns(("vote", "agreement", "", "clusters", "tokens", "took"))
    for one in reversed(elections):
        clusters = "+".join(map(str, one["clusters"])) + missing_voices(one)
        share = float(one["agreement"])
        color = "green" if share >= 0.7 else "yellow" if share >= 0.4 else "red"
        told = (Text("no vote", "dim"), "") if one["clusters"] == [1] else (Text(bar(share), color), f"{share:.2f}")
        table.add_row(one["strategy"], *told, clusters, str(one["completion_tokens"]), seconds(one["seconds"]))
    return table


def missing_voices(election: Mapping[str, Any]) -> str:
    """Whether voices were not needed, or how many came too late; a daemon of an earlier version does not say."""
    late = election.get("asked", 0) - sum(election["clusters"])
    return " early" if election["decided_early"] else f", {late} too late" if late > 0 else ""


def columns(names: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    for name in names:
        right = name in ("requests", "failed", "latency", "tokens/s", "tokens", "took", "workers")
        table.add_column(name, no_wrap=True, overflow="ellipsis", justify="right" if right else "left")
    return table


def bar(share: float, length: int = BAR) -> str:
    """A share of one as a bar of characters that every console has."""
    full = round(max(0.0, min(1.0, share)) * length)
    return "[" + "=" * full + " " * (length - full) + "]"


def seconds(count: float | None) -> str:
    if count is None:
        return ""
    return f"{count * 1000:.0f} ms" if count < 1 else f"{count:.1f} s" if count < 100 else f"{count / 60:.0f} min"


def crop(line: Text) -> Text:
    line.no_wrap, line.overflow = True, "ellipsis"
    return line

"""What was seen in, figures and the bounds that were broken out. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from hostile_clients.clients import Sent
from hostile_clients.daemons import Held
from hostile_clients.honest import Asked, Looks, percentiles

DEATH_S = 3.0  # between a hostile request's end and the look that finds the engine dead
MOST_EXAMPLES = 12


@dataclass(frozen=True, slots=True)
class Bounds:
    """`memory_mib`: of the largest process of a role; `""` stands for every other role. `grown_mib`: of the daemon, from the
    beginning to the end."""

    health_ms: float = 200.0
    slowest_ms: float = 2_000.0
    stop_s: float = 10.0
    grown_mib: int = 256
    memory_mib: Mapping[str, int] = field(default_factory=lambda: {"daemon": 640, "engine": 1_024, "": 1_024})


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything that one stage has seen. `mishaps`: sentences about what went wrong beside that."""

    asked: Sequence[Asked] = ()
    looks: Looks = field(default_factory=Looks)
    quiet: Looks = field(default_factory=Looks)
    sent: Sequence[Sent] = ()
    deaths: Sequence[float] = ()
    held: Mapping[str, Held] = field(default_factory=dict)
    troubles: Sequence[str] = ()
    stop_s: float | None = None
    left: Sequence[str] = ()
    most_children: int = 0
    mishaps: Sequence[str] = ()


def figures(seen: Seen) -> dict[str, Any]:
    """For people and files. Times in seconds, but for /health's, which are milliseconds; memory in MiB."""
    wrong = [one for one in seen.asked if one.wrong]
    return {
        "honest": {
            "asked": len(seen.asked),
            "answered": len(seen.asked) - len(wrong),
            "failed": len(wrong),
            "seconds": percentiles([one.seconds for one in seen.asked]),
            "slowest": [
                f"{one.seconds:.1f} s: {one.name}" for one in sorted(seen.asked, key=lambda one: -one.seconds)[:3]
            ],
            "odd": sum(one.odd is not None for one in seen.asked),
            "failures": [f"{one.name}, {one.seconds:.1f} s: {one.wrong}" for one in wrong][:MOST_EXAMPLES],
        },
        "health_ms": {"before": seen.quiet.figures(), "meanwhile": seen.looks.figures()},
        "hostile": {
            "sent": len(seen.sent),
            "outcomes": dict(Counter(one.outcome for one in seen.sent).most_common()),
            "slowest": [f"{one.ended - one.began:.1f} s, {one.outcome}: {one.name}" for one in slowest(seen.sent)],
        },
        "engine_deaths": [{"at": at, "suspects": suspects(at, seen.sent)} for at in seen.deaths],
        "memory_mib": {name: asdict(held) for name, held in seen.held.items()},
        "most_children": seen.most_children,
        "log": list(seen.troubles),
        "stop_s": seen.stop_s,
        "left": list(seen.left),
    }


def slowest(sent: Sequence[Sent]) -> list[Sent]:
    return sorted(sent, key=lambda one: one.began - one.ended)[:5]


def suspects(at: float, sent: Sequence[Sent]) -> list[str]:
    """What hostile clients had in the works when the engine died, refused first."""
    near = [one for one in sent if one.began < at and one.ended > at - DEATH_S]
    return [f"{one.outcome}: {one.name}"[:140] for one in sorted(near, key=lambda one: one.outcome in ("200", "left"))]


def refused_wrongly(sent: Sequence[Sent]) -> list[Sent]:
    """Answers that no request may get: a 5xx other than a 503 that gives a reason, none at all, a connection that was cut."""
    return [
        one
        for one in sent
        if one.outcome == "hung"
        or (one.outcome == "cut" and not one.large)
        or (one.outcome.startswith("5") and not (one.outcome == "503" and '"message"' in one.said))
    ]


def broken(seen: Seen, bounds: Bounds) -> list[str]:
    """A sentence for each bound that did not hold."""
    found = counted([f"An honest question failed: {one.name}: {one.wrong}" for one in seen.asked if one.wrong])
    found += seen.mishaps
    health = seen.looks.figures()
    if (health["p99"] or 0.0) > bounds.health_ms:
        found.append(f"/health took {health['p99']} ms at the 99th percentile; {bounds.health_ms:.0f} are allowed.")
    if (health["max"] or 0.0) > bounds.slowest_ms:
        found.append(f"/health took {health['max']} ms once; {bounds.slowest_ms:.0f} are allowed.")
    if set(health["statuses"]) - {"200"}:
        found.append(f"/health did not always answer 200: {health['statuses']}.")
    found += counted(
        [
            f"A hostile request ended with {one.outcome}: {one.name}: {one.said[:200]}"
            for one in refused_wrongly(seen.sent)
        ]
    )
    found += deadly(seen)
    for name, held in seen.held.items():
        most = bounds.memory_mib.get(name, bounds.memory_mib[""])
        if held.peak > most:
            found.append(f"A process ({name}) held {held.peak} MiB; {most} are allowed.")
    if (daemon := seen.held.get("daemon")) and daemon.last - daemon.first > bounds.grown_mib:
        found.append(f"The daemon grew from {daemon.first} to {daemon.last} MiB.")
    found += [f"The daemon's log says: {line}" for line in seen.troubles]
    if seen.stop_s is not None and seen.stop_s >= bounds.stop_s:
        found.append(f"The daemon did not end within {bounds.stop_s:.0f} s.")
    return found + [f"A child outlived the daemon: {name}." for name in seen.left]


def counted(lines: Sequence[str]) -> list[str]:
    return [f"{line} ({times} times)" if times > 1 else line for line, times in Counter(lines).most_common()]


def deadly(seen: Seen) -> list[str]:
    """An engine may die of the request that it is busy with: each death takes another hostile request that was refused."""
    found, used = [], set[str]()
    for at in seen.deaths:
        names = [line for line in suspects(at, seen.sent) if not line.startswith(("200: ", "left: "))]
        if new := [line for line in names if line not in used]:
            used.add(new[0])
        else:
            found.append(
                f"The engine died, and no hostile request but those of earlier deaths was refused then: {suspects(at, seen.sent)}"
            )
    return found


def together(several: Sequence[Seen]) -> Seen:
    """What was seen of one daemon after the other, as one."""
    looks, quiet, held = Looks(), Looks(), dict[str, Held]()
    for one in several:
        for whole, part in ((looks, one.looks), (quiet, one.quiet)):
            whole.seconds += part.seconds
            whole.own_lag += part.own_lag
            for status, times in part.statuses.items():
                whole.statuses[status] = whole.statuses.get(status, 0) + times
        for name, more in one.held.items():
            known = held.setdefault(name, more)
            held[name] = Held(known.first, max(known.peak, more.peak), more.last, max(known.together, more.together))
    return Seen(
        [asked for one in several for asked in one.asked],
        looks,
        quiet,
        [sent for one in several for sent in one.sent],
        [at for one in several for at in one.deaths],
        held,
        [line for one in several for line in one.troubles],
        max((one.stop_s or 0.0 for one in several), default=0.0),
        [name for one in several for name in one.left],
        max((one.most_children for one in several), default=0),
        [line for one in several for line in one.mishaps],
    )

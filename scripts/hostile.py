"""Sends a real swarm everything hostile that is known to have hurt one, for minutes, while honest users ask and are measured.

Exits 1 where a bound is broken. Loopback only; stops by itself. Stages: `users` (hostile clients of the users' door), `models`
(model files with hostile templates), `servers` (a hostile server votes), `federation` (a hostile member of a federation) and
`votes` (the command that votes over given answers). Run on demand: python scripts/hostile.py [--minutes 5] [--federation]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from hostile_clients import stages
from hostile_clients.clients import Bout
from hostile_clients.stages import Wish
from hostile_clients.verdict import Bounds, broken, figures

STAGES = {
    "users": stages.users,
    "models": stages.models,
    "servers": stages.servers,
    "federation": stages.federation,
    "votes": stages.votes,
}
USUAL = ("users", "models", "servers", "votes")
KEPT = HERE.parent / "docs" / "data" / "hostile.json"


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


async def everything(names: Sequence[str], wish: Wish, bounds: Bounds) -> tuple[dict[str, object], list[str]]:
    """Figures of each stage, and a sentence for each bound that was broken."""
    found: dict[str, object] = {}
    wrong: list[str] = []
    for name in names:
        seen = await STAGES[name](wish, say)
        found[name] = figures(seen)
        sentences = broken(seen, bounds)
        wrong += [f"{name}: {line}" for line in sentences]
        say(f"{name}: {len(sentences)} bounds broken")
    return found, wrong


def commit() -> str | None:
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        command = ["git", "describe", "--always", "--dirty", "--abbrev=7"]
        return subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    return None


def keep(found: dict[str, object], wrong: list[str], wish: Wish) -> None:
    """Add to the kept results; stages that did not run stay as they were."""
    known = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    about = {
        "commit": commit(),
        "date": datetime.date.today().isoformat(),
        "seconds": wish.bout.seconds,
        "clients": wish.bout.clients,
    }
    for name, figures_of_stage in found.items():
        known[name] = {
            **about,
            "broken": [line for line in wrong if line.startswith(f"{name}: ")],
            "figures": figures_of_stage,
        }
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    KEPT.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0, help="How long hostile clients send. [default: 5]")
    parser.add_argument("--clients", type=int, default=8, help="How many hostile clients. [default: 8]")
    parser.add_argument("--workers", type=int, default=5, help="Workers of the daemon. [default: 5]")
    parser.add_argument("--seed", type=int, default=1, help="The same seed sends the same requests.")
    parser.add_argument(
        "--stages", default=",".join(USUAL), help=f"Of {', '.join(STAGES)}. [default: {','.join(USUAL)}]"
    )
    parser.add_argument("--federation", action="store_true", help="The stage federation alone.")
    parser.add_argument("--url", help="Attack the daemon that runs there, and no other; the stage users alone.")
    parser.add_argument("--no-mcp", action="store_true", help="Leave /mcp alone.")
    parser.add_argument("--health-ms", type=float, default=Bounds().health_ms, help="Bound of /health, 99 of 100.")
    parser.add_argument("--home", type=Path, help="Keep the daemons' homes and logs there.")
    parser.add_argument("--json", type=Path, help="Write the figures there, too.")
    parser.add_argument("--keep", action="store_true", help="Keep the figures in docs/data/hostile.json.")
    given = parser.parse_args()
    if unknown := set(given.stages.split(",")) - set(STAGES):
        parser.error(f"--stages: there is no {', '.join(sorted(unknown))}")
    return given


def main() -> int:
    given = options()
    names = ["federation"] if given.federation else ["users"] if given.url else given.stages.split(",")
    with tempfile.TemporaryDirectory(prefix="hostile", ignore_cleanup_errors=True) as folder:
        bout = Bout(given.clients, given.minutes * 60, given.seed)
        wish = Wish(given.home or Path(folder), bout, given.workers, not given.no_mcp, given.url)
        found, wrong = asyncio.run(everything(names, wish, Bounds(health_ms=given.health_ms)))
    told = json.dumps({"figures": found, "broken": wrong}, indent=1)
    print(told)
    if given.json:
        given.json.write_text(told, encoding="utf-8")
    if given.keep:
        keep(found, wrong, wish)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

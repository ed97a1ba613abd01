"""An answer that takes minutes, asked for through `local-swarm mcp` by the SDK's client with its own time limits. Exit 0 is good.

The engine is scripted, so that the time is what is asked for: `python -m tests.acceptance.mcp_long --seconds 300`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path

from mcp import StdioServerParameters
from mcp.client import Client

from tests.mcp_server.conftest import open_house

ROOT = Path(__file__).parent.parent.parent
WORDS = 200
LONGEST_GAP_S = 10.5


async def one(port: int, home: str, era: str, number: int) -> tuple[bool, float]:
    """Whether the answer came, and the longest time without a report."""
    arguments = ["-m", "local_swarm", "mcp", "--port", str(port)]
    environment = {**os.environ, "LOCAL_SWARM_HOME": home}
    told = [time.monotonic()]

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append(time.monotonic())

    proxy = StdioServerParameters(command=sys.executable, args=arguments, env=environment, cwd=ROOT)
    async with Client(proxy, mode=era) as client:
        told[0] = time.monotonic()
        found = await client.call_tool("ask_swarm", {"prompt": f"question {number}"}, progress_callback=hear)
    told.append(time.monotonic())
    return not found.is_error, max(after - before for before, after in pairwise(told))


async def main(seconds: float) -> int:
    with tempfile.TemporaryDirectory() as home:
        os.environ["LOCAL_SWARM_HOME"] = home
        async with open_house(lambda prompt, _seat: "word " * WORDS, pace_s=seconds / WORDS) as house:
            began = time.monotonic()
            found = await asyncio.gather(*(one(house.port, home, era, n) for n, era in enumerate(("auto", "legacy"))))
            took = time.monotonic() - began
    for good, gap in found:
        print(f"answered: {good}, longest silence {gap:.1f} s, in all {took:.0f} s")
    return 0 if all(good and gap <= LONGEST_GAP_S for good, gap in found) and took >= seconds else 1


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--seconds", type=float, default=300.0)
    sys.exit(asyncio.run(main(words.parse_args().seconds)))

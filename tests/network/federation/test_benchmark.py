from __future__ import annotations

import pytest

from local_swarm_benchmarks.federation import FederationBenchOptions, run

pytestmark = pytest.mark.anyio


async def test_the_benchmark_says_everything_it_promises() -> None:
    found = await run(FederationBenchOptions(3, 2, 0.1, many=3, ballots=2, characters=100, repeats=1), lambda _: None)
    assert {"nodes", "added_ms", "frozen_peer_added_s", "cpu_ms", "rss_mb"} <= set(found)
    assert found["ballots"] == 6 and found["frozen_peer_state"] == "late"

"""What a node says of itself, whom it turns away, and who may command it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from local_swarm.api.key import CONTROL, CONTROL_FILE
from local_swarm.config import load
from local_swarm.errors import PairingFailed, WrongUse
from local_swarm.network.discovery.directory import UnpairedNode
from local_swarm.network.federation.availability import Availability
from local_swarm.network.federation.peer_reliability import PeerReliabilities
from local_swarm.network.service import open_federation
from local_swarm.swarm.manager import Swarm
from local_swarm.swarm.worker import Worker
from local_swarm.testing.fake_backend import FakeBackend
from local_swarm.testing.scripted_node import node
from local_swarm.types import Candidate, Usage
from local_swarm.voting.consensus import elect
from local_swarm.voting.similarity.embedding import Embedder
from local_swarm_benchmarks.federation import FederationBenchOptions, run
from tests.network.conftest import QUICK, until

pytestmark = pytest.mark.anyio


class Own:
    load = 0


async def swarm_of(workers: int, up: bool = True) -> Swarm:
    backend = FakeBackend()
    if up:
        await backend.start()
    return Swarm("here", [Worker(f"w{n}", n, backend) for n in range(workers)], Embedder("/none", offline=True))


async def availability(up: bool = True, **settings: Any) -> Availability:
    rules = load(None, {f"federation.{key}": value for key, value in settings.items()}, {}).federation
    return Availability(await swarm_of(2, up), Own(), rules)


async def test_a_node_says_at_once_that_it_cannot() -> None:
    assert (await availability()).refusal(60.0) is None
    assert (await availability(up=False)).refusal(60.0) == "starting"
    assert (await availability(enabled=False)).refusal(60.0) == "busy"


async def test_only_so_many_requests_are_answered_at_once() -> None:
    one = await availability(max_asked=2)
    with one.counted_request():
        assert one.refusal(60.0) is None
        with one.counted_request():
            assert one.refusal(60.0) == "busy"
    assert one.peer_requests == 0 and one.refusal(60.0) is None
    one._own.load = 2  # type: ignore[misc]
    assert one.refusal(60.0) == "busy"
    one.stopping = True
    assert one.refusal(60.0) == one.state == "stopping"


async def test_short_of_memory_or_on_battery_it_is_not_asked() -> None:
    on_battery, short, allowed = await availability(), await availability(), await availability(on_battery=True)
    short._swarm.pressure = "voices"
    for one in (on_battery, short, allowed):
        one._battery = (float("inf"), True)
    assert [one.state for one in (on_battery, short, allowed)] == ["battery", "busy", "ok"]


async def test_who_cannot_be_done_in_time_declines() -> None:
    one = await availability()
    for worker in one._swarm.workers:
        worker.record(Candidate("x", worker.name, "stop", Usage(1, 1), 30.0))
    assert one.latency_s == 30.0
    assert one.refusal(60.0) is None and one.refusal(20.0) == "slow"


def test_reliabilities_are_kept_by_machine_and_model(tmp_path: Path) -> None:
    path, ids = tmp_path / "merits.json", {"a": "1 m", "b": "2 m", "c": "3 m"}
    merits = PeerReliabilities(ids.__getitem__, path)
    votes = [
        Candidate(text, "w", "stop", Usage(1, 1), 0.1, node=name) for name, text in (("a", "x"), ("b", "x"), ("c", "y"))
    ]
    merits.learn(elect(votes, "exact"))
    merits.save()
    again = PeerReliabilities(ids.__getitem__, path)
    again.learn(elect(votes, "exact"))
    known = again.reliabilities_of(ids)
    assert known["a"].total > 1.9 and known["c"].agreed == 0.0
    for text in ("", "{", '{"merits": {"x": {"agreed": 9, "total": 1}}}'):
        path.write_text(text, encoding="utf-8")
        assert PeerReliabilities(ids.__getitem__, path).reliabilities_of(ids) == {}


# ------------------------------------------------------------------------------------------------ control

Call = Callable[..., Awaitable[tuple[int, Any]]]


async def calls(folder: Path, steps: Callable[[Call], Awaitable[None]], **settings: Any) -> None:
    wish = {"discovery": "static", "federation_port": 0, **settings}
    async with node("here", folder, QUICK, **wish) as one, aiohttp.ClientSession() as http:

        async def call(path: str, wish: Any = None, token: str | None = None) -> tuple[int, Any]:
            headers = {CONTROL: (folder / CONTROL_FILE).read_text(encoding="ascii") if token is None else token}
            url = f"{one.url}/v1/swarm/control/{path}"
            async with http.request("GET" if wish is None else "POST", url, json=wish, headers=headers) as answer:
                return answer.status, await answer.json()

        await steps(call)


async def test_only_who_can_read_our_file_may_command(tmp_path: Path) -> None:
    async def steps(call: Call) -> None:
        assert (await call("peers"))[0] == 200
        for path, wish in (
            ("peers", None),
            ("invite", {}),
            ("join", {"code": "x"}),
            ("forget", {"name": "x"}),
            ("doctor", None),
        ):
            status, said = await call(path, wish, token="0" * 64)
            assert status == 403 and CONTROL_FILE in said["error"]["message"]

    await calls(tmp_path, steps)


async def test_commands_answer_with_sentences(tmp_path: Path) -> None:
    async def steps(call: Call) -> None:
        status, said = await call("invite", {})
        assert status == 200 and said["expires_in_s"] == 600 and said["code"].count("-") == 3
        assert await call("peers") == (200, [])
        assert (await call("forget", {"name": "pi"}))[1]["error"][
            "message"
        ] == "There is no member 'pi'. There are: none."
        status, said = await call("join", {"code": "nonsense"})
        assert status == 409 and "42-amber-river-piano" in said["error"]["message"]
        status, said = await call("join", {"code": "42-amber-river-piano", "peer": "127.0.0.1:1"})
        assert status == 409 and "127.0.0.1:1" in said["error"]["message"]
        assert (await call("join", {"code": "42-amber-river-piano", "peer": ":"}))[0] == 409
        assert (await call("join", {}))[0] == 400
        assert {one["check"] for one in (await call("doctor"))[1]} >= {"interfaces", "port"}

    await calls(tmp_path, steps)


async def test_a_wrong_code_is_said_to_be_wrong_whichever_address_answers(tmp_path: Path) -> None:
    """A machine announces several addresses. Silence at one must not hide the other's answer, nor may two cost two guesses."""
    settings = {"discovery": "static", "federation_port": 0}
    async with node("a", tmp_path / "a", QUICK, **settings) as a, node("b", tmp_path / "b", QUICK, **settings) as b:
        invitation = a.service.membership.invitations.invite()
        good, dead = f"127.0.0.1:{a.service.port}", "127.0.0.1:1"
        members, unpaired = b.service.membership, b.service.directory.unpaired
        for addresses in ((good, dead), (dead, good), (good, good)):
            unpaired["a"] = UnpairedNode("a", "a", addresses, swarm="other", invitation=invitation.number)
            left = invitation.guesses
            with pytest.raises(PairingFailed, match="code is wrong"):
                await members.join(f"{invitation.number}-no-such-words", None, sure=False)
            assert invitation.guesses == left - 1
        unpaired["a"].addresses = (dead, good)
        assert (await members.join(invitation.code, None, sure=False))["joined"] == "a"


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


async def test_a_node_alone_has_a_federation_that_does_nothing(tmp_path: Path) -> None:
    swarm = await swarm_of(2)
    config = load(None, {"network.enabled": False}, {})
    async with open_federation(config, swarm, "model", "hardware", tmp_path) as alone:
        assert not alone.enabled and alone.voice is swarm
        assert alone.peers() == [] and not alone.can_answer
        alone.stop_answering()
    assert names_in(tmp_path) == []


async def test_where_the_key_is_configured_codes_are_refused(tmp_path: Path) -> None:
    async def steps(call: Call) -> None:
        for path, wish in (("invite", {}), ("join", {"code": "42-amber-river-piano"})):
            status, said = await call(path, wish)
            assert status == 400 and "configuration" in said["error"]["message"]

    await calls(tmp_path, steps, auth_token="a token that is long enough")


async def test_insecure_means_anybody_who_says_so_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with node("a", tmp_path / "a", QUICK, discovery="static", federation_port=0, insecure_lan=True) as a:
        assert "ANY machine" in caplog.text
        settings = {"discovery": "static", "federation_port": 0, "peers": f"127.0.0.1:{a.service.port}"}
        async with node("b", tmp_path / "b", QUICK, insecure_lan=True, **settings) as b:
            await until(lambda: len(b.service.directory.askable(9)) == 1)


async def test_an_impossible_address_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="host:port"):
        async with node("a", tmp_path, QUICK, discovery="static", federation_port=0, peers="a:b:c:d:e"):
            pass


async def test_the_benchmark_says_everything_it_promises() -> None:
    found = await run(FederationBenchOptions(3, 2, 0.1, many=3, ballots=2, characters=100, repeats=1), lambda _: None)
    assert {"nodes", "added_ms", "frozen_peer_added_s", "cpu_ms", "rss_mb"} <= set(found)
    assert found["ballots"] == 6 and found["frozen_peer_state"] == "late"

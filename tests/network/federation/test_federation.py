"""Machines vote together, and whatever one of them does, the local answer arrives in time."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from local_swarm.confined.process import ConfinedPool, Unconfined
from local_swarm.errors import SwarmError
from local_swarm.network.protocol import MOST_BALLOTS, Report
from local_swarm.testing.scripted_node import ScriptedPace
from local_swarm.types import Accepted, Candidate, Election, Message, Prompt, Sampling, ToolCall
from local_swarm.voting.calibration import OUTSIDE
from tests.network.conftest import (
    STREAM,
    Reader,
    Writer,
    ask,
    ballot,
    chunk,
    nodes,
    states,
    until,
    with_rogue,
)

pytestmark = pytest.mark.anyio
OWN = "```python\ndef\tf():\treturn\t11\n```"


async def test_three_machines_vote_as_one_swarm(tmp_path: Path) -> None:
    async with nodes(tmp_path, "a", "b", "c") as (a, *_):
        election = await ask(a, early=False)
        assert states(election) == {"a": (3, "ok"), "b": (3, "ok"), "c": (3, "ok")}
        assert len(election.candidates) == 9 and election.share == 1.0
        assert {candidate.node for candidate in election.candidates} == {"a", "b", "c"}


async def test_machines_that_answer_what_their_model_was_not_made_for_claim_little(tmp_path: Path) -> None:
    async with nodes(tmp_path, "a", "b") as (a, _):
        a.service.federation.jury.practised = frozenset({"calls"})
        election = await ask(a, early=False)
        assert election.share == 1.0 and election.band == "low" and str(election.note).startswith(OUTSIDE)


async def test_events_are_those_of_any_voice(tmp_path: Path) -> None:
    async with nodes(tmp_path, "a", "b") as (a, _):
        prompt = Prompt((Message("user", "Hello."),), early=False)
        events = [event async for event in a.service.federation.answer(prompt)]
    assert isinstance(events[0], Accepted) and isinstance(events[-1], Election)
    assert sum(isinstance(event, Accepted) for event in events) == 1
    assert sum(isinstance(event, Candidate) for event in events) == 6


async def test_one_asks_in_vain_for_nobody(tmp_path: Path) -> None:
    async with nodes(tmp_path, "a", "b") as (a, _):
        for options in ({"federate": False}, {"voices": 1}, {"voices": 3}, {"sampling": Sampling(temperature=0.0)}):
            election = await ask(a, **options)
            assert election.nodes == () and all(candidate.node is None for candidate in election.candidates)
        election = await ask(a, voices=5, early=False)
        assert states(election) == {"a": (3, "ok"), "b": (2, "ok")}


async def test_only_one_voice_of_each_model_is_greedy(tmp_path: Path) -> None:
    async with nodes(tmp_path, "a", "b", "c") as (a, *_):
        election = await ask(a, early=False)
        assert [candidate.node for candidate in election.candidates if candidate.anchor] == ["a"]


async def test_the_vote_ends_early_and_the_others_stop(tmp_path: Path) -> None:
    paces = {"c": ScriptedPace(3, 30.0)}
    async with nodes(tmp_path, "a", "b", "c", paces=paces) as (a, _, c):
        election = await ask(a, voices=None)
        assert election.decided_early and len(election.candidates) == 6
        await until(lambda: c.service.reporter.report().requests == 0)  # it was told by hanging up


async def test_without_peers_everything_is_as_ever(tmp_path: Path) -> None:
    async with nodes(tmp_path, "a") as (a,):
        assert (await ask(a)).nodes == ()


async def test_a_machine_that_stops_is_not_asked_again(tmp_path: Path) -> None:
    async with nodes(tmp_path, "a", "b") as (a, b):
        b.service.stop_answering()
        election = await ask(a, early=False)
        assert states(election)["b"] == (0, "stopping")
        await until(lambda: not a.service.directory.askable(9))
        assert (await ask(a, early=False)).nodes == ()


async def test_where_the_local_engine_is_gone_the_others_answer(tmp_path: Path) -> None:
    async with nodes(tmp_path, "a", "b") as (a, _):
        a.swarm.workers[0].backend.crash(back=False)  # type: ignore[attr-defined]
        a.swarm.workers[0].backend._state = "failed"  # type: ignore[attr-defined]
        election = await ask(a, early=False)
        assert states(election)["b"] == (3, "ok") and election.elected.node == "b"


@pytest.mark.parametrize("strategy", ["weighted", "best_of_n", "latency"])
async def test_other_ways_to_vote(tmp_path: Path, strategy: str) -> None:
    async with nodes(tmp_path, "a", "b") as (a, _):
        rules = a.service.federation.policy
        a.service.federation.policy = type(rules)(across=strategy)  # type: ignore[arg-type]
        election = await ask(a, early=False)
        assert election.strategy == strategy and election.elected.text.startswith("```python")


# ------------------------------------------------------------------------------------- what a peer may do


async def hang(_reader: Reader, _writer: Writer) -> None:
    await asyncio.sleep(60)


async def drip(_reader: Reader, writer: Writer) -> None:
    writer.write(STREAM)
    while True:
        writer.write(chunk(b" "))
        await writer.drain()
        await asyncio.sleep(0.1)


async def flood(_reader: Reader, writer: Writer) -> None:
    writer.write(STREAM)
    for _ in range(1024):
        writer.write(chunk(b"x" * (1 << 20)))
        await writer.drain()


async def nonsense(_reader: Reader, writer: Writer) -> None:
    writer.write(STREAM + chunk(b'{"kind": "ballot", "candidate": 7}\n') + b"0\r\n\r\n")
    await writer.drain()


async def deep(_reader: Reader, writer: Writer) -> None:
    writer.write(STREAM + chunk(b'{"candidate":' + b"[" * 100_000 + b"\n"))
    await writer.drain()


async def no_http(_reader: Reader, writer: Writer) -> None:
    writer.write(b"\0\1\2 hello\r\n\r\n")
    await writer.drain()


async def vanish(_reader: Reader, writer: Writer) -> None:
    writer.write(STREAM + chunk(ballot("half")))
    await writer.drain()
    writer.transport.abort()


async def impossible(_reader: Reader, writer: Writer) -> None:
    writer.write(STREAM + chunk(ballot("x", mean_logprob=float("nan"))))
    await writer.drain()


async def redirect(_reader: Reader, writer: Writer) -> None:
    writer.write(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n")
    await writer.drain()


MISDEEDS = {
    hang: {"late"},
    drip: {"late"},
    flood: {"invalid"},
    nonsense: {"invalid"},
    deep: {"invalid"},
    no_http: {"invalid"},
    vanish: {"gone", "invalid"},
    impossible: {"invalid"},
    redirect: {"failed"},
}


@pytest.mark.parametrize("misdeed", MISDEEDS, ids=lambda one: one.__name__)
async def test_whatever_a_peer_does_the_local_answer_arrives(tmp_path: Path, misdeed: object) -> None:
    async with with_rogue(tmp_path, misdeed) as (honest, rogue):  # type: ignore[arg-type]
        began = time.monotonic()
        election = await ask(honest, early=False)
        assert time.monotonic() - began < 6.0  # three without a byte, and what a busy machine adds
        assert election.elected.text == OWN and rogue.asked == 1
        assert states(election)["honest"] == (3, "ok") and not election.decided_early
        assert states(election)["rogue"][1] in MISDEEDS[misdeed]  # type: ignore[index]


async def test_after_a_fault_a_peer_is_not_asked_before_it_has_answered_a_look(tmp_path: Path) -> None:
    async with with_rogue(tmp_path, hang) as (honest, rogue):
        await ask(honest, early=False)
        peer = next(iter(honest.service.directory.peers.values()))
        peer.due = float("inf")  # no look meanwhile
        began = time.monotonic()
        assert (await ask(honest, early=False)).nodes == ()
        assert time.monotonic() - began < 2.5 and rogue.asked == 1


async def test_ballots_beyond_those_asked_for_do_not_count(tmp_path: Path) -> None:
    async def stuff(_reader: Reader, writer: Writer) -> None:
        writer.write(STREAM + chunk(b"".join(ballot("stuffed", f"w{n}") for n in range(200))) + b"0\r\n\r\n")
        await writer.drain()

    async with with_rogue(tmp_path, stuff, Report("rogue", workers=2)) as (honest, _):
        election = await ask(honest, early=False)
        assert states(election)["rogue"] == (2, "ok") and election.elected.text == OWN


async def test_a_peer_that_announces_a_million_workers_is_clamped(tmp_path: Path) -> None:
    async with with_rogue(tmp_path, nonsense, Report("rogue", workers=10**6)) as (honest, _):
        [peer] = honest.service.directory.askable(9)
        assert peer.workers == MOST_BALLOTS


async def test_a_peers_ballots_are_held_against_the_schema_here(tmp_path: Path) -> None:
    async def disobey(_reader: Reader, writer: Writer) -> None:
        lines = b"".join(ballot('{"b": 1}', f"w{n}") for n in range(9))
        writer.write(STREAM + chunk(lines) + b"0\r\n\r\n")
        await writer.drain()

    async with with_rogue(tmp_path, disobey, Report("rogue", workers=9)) as (honest, _):
        election = await ask(honest, early=False, schema={"type": "object", "required": ["a"]})
        flaws = {one.flaw for one in election.candidates if one.node == "rogue"}
        assert flaws == {"the answer does not obey the schema: 'a' is a required property"}


class Slow(Unconfined):
    """Takes its time for everything, so that others speak before."""

    async def call(self, task: str, *arguments: Any, **how: Any) -> Any:
        await asyncio.sleep(0.3)
        return await super().call(task, *arguments, **how)


@pytest.mark.parametrize("words", [b"", chunk(ballot("hello")), chunk(ballot("hello")) * 3], ids=["none", "one", "all"])
async def test_whoever_speaks_first_an_answer_begins_as_it_should(tmp_path: Path, words: bytes) -> None:
    async def speak(_reader: Reader, writer: Writer) -> None:
        writer.write(STREAM + words + b"0\r\n\r\n")
        await writer.drain()

    async with with_rogue(tmp_path, speak) as (honest, _):
        honest.swarm.workers[0].backend.confined = Slow()  # type: ignore[attr-defined]
        async with (
            asyncio.timeout(15.0),
            aclosing(honest.service.federation.answer(Prompt((Message("user", "A question."),)))) as events,
        ):
            kinds = [type(event).__name__ async for event in events]
        assert kinds.count("Accepted") == kinds.count("Election") == 1
        assert kinds[0] == "Accepted" and kinds[-1] == "Election"


async def hostile_answers(_reader: Reader, writer: Writer) -> None:
    """What takes readers, sandboxes and schemas long."""
    sleeper = "```python\nimport time\ndef solve(x):\n    time.sleep(100)\n```"
    texts = ["\n" * 100_000, "f(" * 50_000, "A" + " " * 100_000 + ":", sleeper, "- \n" * 30_000, "{" * 100_000]
    writer.write(STREAM + chunk(b"".join(ballot(text, f"w{n}") for n, text in enumerate(texts))) + b"0\r\n\r\n")
    await writer.drain()


async def test_a_members_hostile_answers_hold_up_nobody(tmp_path: Path) -> None:
    """A child reads them, as in every node: reading takes time in proportion to their length."""
    readers = ConfinedPool(width=1)
    async with with_rogue(tmp_path, hostile_answers, Report("rogue", workers=6)) as (honest, _):
        honest.service.federation.jury.confined = readers
        longest, before = 0.0, time.monotonic()

        async def tick() -> None:
            nonlocal longest, before
            while True:
                await asyncio.sleep(0.01)
                longest, before = max(longest, time.monotonic() - before), time.monotonic()

        ticking = asyncio.create_task(tick())
        try:
            election = await ask(honest, early=False)
        finally:
            ticking.cancel()
            await readers.close()
        assert election.elected.text == OWN and states(election)["honest"] == (3, "ok")
        assert longest < 0.5  # of the event loop; on a quiet machine some hundredths


async def test_a_peer_alone_never_wins_a_tool_call(tmp_path: Path) -> None:
    calls = (ToolCall("c", "delete_everything", "{}"),)

    async def call(_reader: Reader, writer: Writer) -> None:
        lines = b"".join(ballot("", f"w{n}", tool_calls=calls) for n in range(50))
        writer.write(STREAM + chunk(lines) + b"0\r\n\r\n")
        await writer.drain()

    async with with_rogue(tmp_path, call, Report("rogue", workers=50)) as (honest, _):
        election = await ask(honest, early=False)
        assert election.elected.text == OWN and not election.elected.tool_calls
        assert states(election)["rogue"] == (50, "ok")
        honest.swarm.workers[0].backend._state = "failed"  # type: ignore[attr-defined]
        with pytest.raises(SwarmError):
            await ask(honest, early=False)


async def test_another_version_is_seen_and_not_asked(tmp_path: Path) -> None:
    async with with_rogue(tmp_path, hang, Report("rogue", version=99, workers=3)) as (honest, rogue):
        assert (await ask(honest)).nodes == () and rogue.asked == 0
        assert honest.service.peers()[0]["state"] == "version"


async def test_a_name_cannot_draw_on_the_terminal(tmp_path: Path) -> None:
    async with with_rogue(tmp_path, hang, Report("evil\x1b[2J\nname" + "x" * 500, workers=1)) as (honest, _):
        await until(lambda: honest.service.peers()[0]["name"] != "rogue")
        name = honest.service.peers()[0]["name"]
        assert name.isprintable() and len(name) <= 63


async def test_another_certificate_at_the_same_place_is_refused(tmp_path: Path) -> None:
    async with with_rogue(tmp_path, hang) as (honest, _), nodes(tmp_path, "impostor") as (impostor,):
        peer = next(iter(honest.service.directory.peers.values()))
        peer.addresses, peer.proven, peer.due = [f"127.0.0.1:{impostor.service.port}"], None, 0.0
        await until(lambda: peer.state == "refused")
        assert (await ask(honest)).nodes == ()


# ------------------------------------------------------------------------------------------------ routing


async def test_conversations_are_spread_and_stay_where_they_are(tmp_path: Path) -> None:
    async with nodes(tmp_path, "a", "b", "c") as (a, *_):
        homes = {}
        for session in map(str, range(12)):
            first = await ask(a, session=session, route=True)
            again = await ask(a, session=session, route=True)
            homes[session] = first.candidates[0].node
            assert again.candidates[0].node == first.candidates[0].node
            assert len({candidate.node for candidate in first.candidates}) == 1
        assert set(homes.values()) == {None, "b", "c"}


async def test_what_a_routed_peer_cannot_answer_is_answered_here(tmp_path: Path) -> None:
    async with with_rogue(tmp_path, vanish, Report("rogue", workers=60)) as (honest, rogue):
        for session in map(str, range(9)):
            assert (await ask(honest, session=session, route=True)).elected.text
        assert rogue.asked


async def test_prompts_with_tools_stay_here(tmp_path: Path) -> None:
    async with with_rogue(tmp_path, hang, Report("rogue", workers=60)) as (honest, rogue):
        tools = ({"type": "function", "function": {"name": "f"}},)
        election = await ask(honest, route=True, tools=tools, voices=2)
        assert election.elected.text == OWN and rogue.asked == 0

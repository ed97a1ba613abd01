"""The page over HTTP, and in a real browser where there is one."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from local_swarm.api import page
from local_swarm.api.page import TOKEN
from local_swarm.api.server import AccessPolicy
from local_swarm.backends.base import Seat
from local_swarm.commands import program_name
from local_swarm.testing.fake_backend import FakeBackend
from local_swarm.types import Prompt
from tests.api.browser import Browser, browser, program
from tests.api.conftest import Door, Open

pytestmark = pytest.mark.anyio
WORDS = "the-page-token"
TABS = 50
HTML = (Path(page.__file__).parent / "page.html").read_text(encoding="utf-8")


def divided(_prompt: Prompt, seat: Seat) -> str:
    body = "return max(numbers)" if seat.voter in ("w2", "w5") else "return sum(numbers)"
    return f"Here it is:\n\n```python\ndef solve(numbers):\n    {body}\n```"


async def ask(door: Door, **swarm: Any) -> Any:
    wish = {"model": "swarm", "messages": [{"role": "user", "content": "a secret question"}], "swarm": swarm}
    async with door.http.post(f"{door.url}/v1/chat/completions", json=wish) as reply:
        return await reply.json()


async def told(reply: aiohttp.ClientResponse) -> AsyncIterator[Any]:
    async for line in reply.content:
        if line.startswith(b"data: "):
            yield json.loads(line[6:])


async def test_the_page_is_one_file_that_asks_nothing_of_anybody_else(door: Door) -> None:
    async with door.http.get(door.url) as reply:
        text = await reply.text()
        policy = reply.headers["content-security-policy"]
    assert text == HTML.replace("$PROGRAM", program_name()) and "$PROGRAM" in HTML
    assert "default-src 'none'" in policy and "connect-src 'self'" in policy and "unsafe" not in policy
    outside = re.findall(r"https?://[^\s\"'`]+", text)
    assert set(outside) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b", text)


async def test_the_page_is_for_this_machine_alone(open_a_door: Open) -> None:
    everywhere = AccessPolicy(key="k", hosts=None)
    async with open_a_door(who=everywhere) as door:
        async with door.http.get(door.url) as reply:
            assert reply.status == 200  # it holds nothing secret, and asks for the key
        async with door.http.get(door.url, headers={"host": "desk.local:8000"}) as reply:
            assert reply.status == 403
        async with door.http.get(f"{door.url}/v1/swarm/events") as reply:
            assert reply.status == 401
    async with open_a_door() as door, door.http.get(door.url, headers={"host": "evil.example"}) as reply:
        assert reply.status == 403


async def test_events_tell_of_every_ballot_and_of_no_word(open_a_door: Open) -> None:
    async with open_a_door(FakeBackend(divided, 0.005)) as door, door.http.get(f"{door.url}/v1/swarm/events") as reply:
        events = told(reply)
        assert (await anext(events))["type"] == "swarm"
        asking = asyncio.create_task(ask(door, early=False))
        seen = []
        async for event in events:
            seen.append(event)
            if event["type"] == "election":
                break
        await asking
    kinds = [event["type"] for event in seen if event["type"] != "swarm"]
    assert kinds == ["asked", *["candidate"] * 5, "election"]
    vote = seen[-1]
    assert sorted(vote["clusters"]) == [2, 3] and len(vote["ballots"]) == 5
    assert {one["voter"] for one in vote["ballots"] if one["cluster"] != vote["ballots"][0]["cluster"]} in (
        {"w2", "w5"},
        {"w1", "w3", "w4"},
    )
    assert "secret" not in json.dumps(seen) and "return" not in json.dumps(seen)


async def test_who_gives_up_is_told_too(open_a_door: Open) -> None:
    async with open_a_door(FakeBackend(pace_s=0.05)) as door, door.http.get(f"{door.url}/v1/swarm/events") as reply:
        events = told(reply)
        await anext(events)
        asking = asyncio.create_task(ask(door))
        await door.engine.busy.wait()
        asking.cancel()
        kinds = []
        async for event in events:
            kinds.append(event["type"])
            if event["type"] == "given-up":
                break
        assert "election" not in kinds


async def test_words_are_for_who_has_the_token(open_a_door: Open) -> None:
    async with open_a_door(FakeBackend(divided), who=AccessPolicy(page=WORDS)) as door:
        await ask(door, early=False)
        place = f"{door.url}/v1/swarm/elections/1"
        for shown in ({}, {TOKEN: "another"}):
            async with door.http.get(place, headers=shown) as reply:
                assert reply.status == 403 and "secret" not in await reply.text()
        async with door.http.get(place, headers={TOKEN: WORDS}) as reply:
            words = await reply.json()
            assert words["question"] == "a secret question" and len(words["answers"]) == 5
        async with door.http.get(f"{door.url}/v1/swarm/elections/99", headers={TOKEN: WORDS}) as reply:
            assert reply.status == 404


async def test_only_the_last_votes_are_kept(open_a_door: Open) -> None:
    async with open_a_door(FakeBackend(), who=AccessPolicy(page=WORDS)) as door:
        for _ in range(22):
            await ask(door)
        async with door.http.get(f"{door.url}/v1/swarm") as reply:
            assert [one["number"] for one in (await reply.json())["elections"]] == list(range(3, 23))
        async with door.http.get(f"{door.url}/v1/swarm/elections/2", headers={TOKEN: WORDS}) as reply:
            assert reply.status == 404


async def test_so_many_may_watch_and_no_more(door: Door) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        watching = [await http.get(f"{door.url}/v1/swarm/events") for _ in range(200)]
        assert all([(await anext(told(reply)))["type"] == "swarm" for reply in watching])
        began = time.monotonic()
        assert (await ask(door))["choices"]
        assert time.monotonic() - began < 3
        async with http.get(f"{door.url}/v1/swarm/events") as reply:
            assert reply.status == 503 and "Too many pages" in await reply.text()
        for reply in watching:
            reply.close()


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2.2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_words_can_be_read_on_their_ground_in_the_light_and_in_the_dark() -> None:
    schemes = [
        dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in re.findall(r":root \{(.*?)\}", HTML, re.DOTALL)[:2]
    ]
    assert len(schemes) == 2 and all(len(scheme) == 16 for scheme in schemes)
    for scheme, ink, ground in itertools.product(schemes, ("ink", "soft", "good", "bad", "warn"), ("card", "ground")):
        light, dark = sorted((luminance(scheme[ink]), luminance(scheme[ground])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (ink, ground, scheme[ink])
    for scheme, ground in itertools.product(schemes, ("add", "del")):
        light, dark = sorted((luminance(scheme["ink"]), luminance(scheme[ground])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 7


# ------------------------------------------------------------------------------------------------- in a browser


@pytest.fixture
async def chromium(tmp_path: Path) -> AsyncIterator[Browser]:
    found = program()
    if found is None:
        pytest.skip("there is no Chromium here; name one with CHROMIUM=/path/to/chromium")
    async with browser(tmp_path / "profile", found) as made:
        yield made


async def test_a_question_is_asked_on_the_page_and_its_vote_seen(open_a_door: Open, chromium: Browser) -> None:
    async with (
        open_a_door(FakeBackend(divided, 0.05), who=AccessPolicy(page=WORDS)) as door,
        chromium.tab(f"{door.url}/#{WORDS}") as tab,
    ):
        await tab.until("document.getElementById('state').textContent === 'ok'")
        assert await tab.value("location.hash") == ""  # the token does not stay in the address
        await tab.value("document.getElementById('send').click()")
        await tab.until(
            "document.querySelector('#result pre').textContent.includes('Here it is')"
        )  # one worker, as it writes
        await tab.until("document.querySelector('#result strong') !== null")
        shown = await tab.text()
        assert "3 against 2 of 5" in shown and "elected: 3 of 5" in shown and "outvoted: 2 of 5" in shown
        marked = "[...document.querySelectorAll('#result .%s')].map((one) => one.textContent.trim()).join()"
        assert "return sum(numbers)" in await tab.value(marked % "add")
        assert "return max(numbers)" in await tab.value(marked % "del")
        await tab.until("document.querySelectorAll('#picture circle.f1').length === 2")
        await tab.value("document.querySelector('.vote').click()")  # the words of a vote in the list
        await tab.until("document.querySelector('#votes .answer') !== null")
        assert "solve(numbers)" in await tab.value("document.getElementById('votes').textContent")
        assert tab.problems == [] and all(address.startswith((door.url, "data:")) for address in tab.requests)


async def test_a_question_can_be_taken_back(open_a_door: Open, chromium: Browser) -> None:
    async with open_a_door(FakeBackend(lambda _p, _s: "word " * 200, 0.05)) as door, chromium.tab(door.url) as tab:
        await tab.until("document.getElementById('state').textContent === 'ok'")
        await tab.value("document.getElementById('send').click()")
        await asyncio.wait_for(door.engine.busy.wait(), 5)
        await tab.value("document.getElementById('stop').click()")
        await asyncio.wait_for(door.engine.idle.wait(), 5)
        await tab.until("document.getElementById('result').textContent.includes('Stopped')")


async def test_where_a_key_is_wanted_the_page_asks_for_it(open_a_door: Open, chromium: Browser) -> None:
    async with open_a_door(who=AccessPolicy(key="open sesame")) as door, chromium.tab(door.url) as tab:
        await tab.until("!document.getElementById('door').hidden")
        await tab.value(
            "document.getElementById('key').value = 'open sesame'; document.querySelector('#unlock button').click()"
        )
        await tab.until("document.getElementById('state').textContent === 'ok'")


async def test_what_models_write_stays_text(open_a_door: Open, chromium: Browser) -> None:
    evil = "<img src=x onerror='window.taken = 1'><script>window.taken = 1</script>"
    async with open_a_door(FakeBackend(lambda _p, _s: evil)) as door, chromium.tab(door.url) as tab:
        await tab.until("document.getElementById('state').textContent === 'ok'")
        await tab.value("document.getElementById('send').click()")
        await tab.until("document.querySelector('#result strong') !== null")
        assert "<img src=x" in await tab.text() and await tab.value("window.taken === undefined")


async def test_it_can_be_used_by_keyboard_by_ear_and_on_a_phone(open_a_door: Open, chromium: Browser) -> None:
    async with open_a_door(FakeBackend(divided)) as door, chromium.tab(door.url) as tab:
        await tab.until("document.getElementById('state').textContent === 'ok'")
        await ask(door, early=False)
        await tab.until("document.querySelector('.vote') !== null")
        for kind, named in (
            ("input, textarea", "one.labels.length === 1"),
            ("svg", "one.getAttribute('role') === 'img' && one.getAttribute('aria-label')"),
            ("button", "one.innerText || one.getAttribute('aria-label') || one.hidden || !one.offsetParent"),
            ("th", "one.scope === 'col'"),
        ):
            assert await tab.value(f"[...document.querySelectorAll('{kind}')].every((one) => {named})"), kind
        await tab.value("document.querySelector('.vote').focus(); document.activeElement.click()")
        await tab.until("document.activeElement.getAttribute('aria-expanded') === 'true'")  # and the focus stays
        for width in (1200, 390, 320):
            await tab.looks(width=width, height=700)
            assert await tab.value("document.documentElement.scrollWidth <= window.innerWidth"), width


async def test_fifty_tabs_live_on_one_stream(open_a_door: Open, chromium: Browser) -> None:
    async with open_a_door(FakeBackend(divided, 0.01)) as door, AsyncExitStack() as stack:
        tabs = [await stack.enter_async_context(chromium.tab(door.url)) for _ in range(TABS)]
        for tab in tabs:
            await tab.until("document.getElementById('state').textContent === 'ok'")
        assert (await ask(door, early=False))["swarm"]["candidates"] == 5
        for tab in tabs:
            await tab.until("document.querySelectorAll('.vote').length === 1")
        listening = [tab for tab in tabs if any(address.endswith("/events") for address in tab.requests)]
        assert len(listening) == 1

"""Who may command a node, and what its commands answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from local_swarm.api.key import CONTROL, control_token
from local_swarm.errors import PairingFailed
from local_swarm.network.discovery.directory import UnpairedNode
from local_swarm.testing.scripted_node import node
from tests.network.conftest import QUICK

pytestmark = pytest.mark.anyio

Call = Callable[..., Awaitable[tuple[int, Any]]]


async def calls(folder: Path, steps: Callable[[Call], Awaitable[None]], **settings: Any) -> None:
    options = {"discovery": "static", "federation_port": 0, **settings}
    async with node("here", folder, QUICK, **options) as one, aiohttp.ClientSession() as http:

        async def call(path: str, body: Any = None, token: str | None = None) -> tuple[int, Any]:
            headers = {CONTROL: (control_token(urlsplit(one.url).port or 0, folder) or "") if token is None else token}
            url = f"{one.url}/v1/swarm/control/{path}"
            async with http.request("GET" if body is None else "POST", url, json=body, headers=headers) as answer:
                return answer.status, await answer.json()

        await steps(call)


async def test_only_who_can_read_our_file_may_command(tmp_path: Path) -> None:
    async def steps(call: Call) -> None:
        assert (await call("peers"))[0] == 200
        for path, body in (
            ("peers", None),
            ("invite", {}),
            ("join", {"code": "x"}),
            ("forget", {"name": "x"}),
            ("doctor", None),
        ):
            status, answer = await call(path, body, token="0" * 64)
            assert status == 403 and "running/PORT.token" in answer["error"]["message"]

    await calls(tmp_path, steps)


async def test_commands_answer_with_sentences(tmp_path: Path) -> None:
    async def steps(call: Call) -> None:
        status, answer = await call("invite", {})
        assert status == 200 and answer["expires_in_s"] == 600 and answer["code"].count("-") == 3
        assert await call("peers") == (200, [])
        assert (await call("forget", {"name": "pi"}))[1]["error"][
            "message"
        ] == "There is no member 'pi'. There are: none."
        status, answer = await call("join", {"code": "nonsense"})
        assert status == 409 and "42-amber-river-piano" in answer["error"]["message"]
        status, answer = await call("join", {"code": "42-amber-river-piano", "peer": "127.0.0.1:1"})
        assert status == 409 and "127.0.0.1:1" in answer["error"]["message"]
        assert (await call("join", {"code": "42-amber-river-piano", "peer": ":"}))[0] == 409
        assert (await call("join", {}))[0] == 400
        assert {one["check"] for one in (await call("doctor"))[1]} >= {"interfaces", "port"}

    await calls(tmp_path, steps)


async def test_a_wrong_code_is_said_to_be_wrong_whichever_address_answers(tmp_path: Path) -> None:
    """A machine announces several addresses. Silence at one must not hide the other's answer, nor may two cost two
    guesses."""
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


async def test_where_the_key_is_configured_codes_are_refused(tmp_path: Path) -> None:
    async def steps(call: Call) -> None:
        for path, body in (("invite", {}), ("join", {"code": "42-amber-river-piano"})):
            status, answer = await call(path, body)
            assert status == 400 and "configuration" in answer["error"]["message"]

    await calls(tmp_path, steps, auth_token="a token that is long enough")

"""The tools, asked by the SDK's own client over HTTP in both eras of the protocol."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import jsonschema
import pytest
from mcp import MCPError
from mcp.client import Client
from mcp_types import CallToolResult, TextContent

from local_swarm.backends.base import Seat
from local_swarm.mcp_server.proxy import NEED_THE_MODEL
from local_swarm.mcp_server.tools import TOOLS
from local_swarm.types import Prompt
from tests.mcp_server.conftest import Open

pytestmark = pytest.mark.anyio
ERAS = ["auto", "legacy"]
PATIENCE_S = 5.0


def divided(_prompt: Prompt, seat: Seat) -> str:
    code = "def double(x):\n    return 2 * x\n"
    return f"So:\n\n```python\n{code}```" if seat.voter != "w5" else "```python\ndef double(x):\n    return x\n```"


def words(found: CallToolResult) -> str:
    [part] = found.content
    assert isinstance(part, TextContent)
    return part.text


@pytest.mark.parametrize("era", ERAS)
async def test_only_tools_are_advertised_and_each_says_what_it_takes_and_gives(open_a_house: Open, era: Any) -> None:
    async with open_a_house() as house, Client(house.url, mode=era) as client:
        can = client.server_capabilities.model_dump(exclude_none=True)
        assert set(can) <= {"tools", "extensions"}
        listed = (await client.list_tools()).tools
        assert [tool.name for tool in listed] == list(TOOLS)
        for tool in listed:
            assert tool.title and tool.description and tool.output_schema and tool.annotations
            assert tool.annotations.read_only_hint and tool.annotations.open_world_hint is False
            jsonschema.Draft202012Validator.check_schema(tool.input_schema)
            assert "title" not in json.dumps(tool.input_schema)


@pytest.mark.parametrize("era", ERAS)
async def test_generate_code_gives_the_winner_and_what_the_dissenter_wrote(open_a_house: Open, era: Any) -> None:
    async with open_a_house(divided) as house, Client(house.url, mode=era) as client:
        asked = {"prompt": "Write a Python function double(x).", "strategy": "structure"}
        found = await client.call_tool("generate_code", asked)
        made = found.structured_content
        assert made and not found.is_error and json.loads(words(found)) == made
        keys = ["agreement", "strategy", "candidates", "latency_s", "code", "text", "alternatives"]
        assert list(made)[:7] == keys and list(json.loads(words(found)))[:7] == keys
        assert made["code"].strip() == "def double(x):\n    return 2 * x" and made["text"].startswith("So:")
        assert made["strategy"] == "structure" and 0 < made["agreement"] <= 1
    async with open_a_house(divided) as house, Client(house.url, mode=era) as client:
        told = (await client.call_tool("generate_code", {**asked, "strategy": "quality"})).structured_content
        assert told and told["candidates"] == 5
        assert [(one["workers"], one["shortened"]) for one in told["alternatives"]] == [(1, False)]
        assert "return x" in told["alternatives"][0]["text"]


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("ask_swarm", {"prompt": "hello", "system": "Be kind.", "workers": 1}, {"text": "hello", "candidates": 1}),
        ("compare_answers", {"prompt": "2+2?", "answers": ["5", "4", "4"]}, {"winner": 1, "clusters": [[1, 2], [0]]}),
        ("embed", {"texts": ["a", "b"]}, {"model": "fake", "dimensions": 8}),
        (
            "get_swarm_status",
            {},
            {"running": True, "model": "fake", "healthy_workers": 5, "total_workers": 5, "peers": []},
        ),
        ("get_hardware_info", {}, {"os": "linux", "arch": "x86_64", "available_for_models_bytes": 4 << 30}),
    ],
)
async def test_the_other_tools_do_what_they_say(
    open_a_house: Open, name: str, arguments: dict[str, Any], expected: dict[str, Any]
) -> None:
    async with open_a_house() as house, Client(house.url) as client:
        found = await client.call_tool(name, arguments)
        assert found.structured_content and not found.is_error, words(found)
        assert {key: found.structured_content[key] for key in expected} == expected


@pytest.mark.parametrize("name", TOOLS)
async def test_every_tool_is_handled(open_a_house: Open, name: str) -> None:
    smallest = {"prompt": "x", "answers": ["x"], "texts": ["x"]}
    taken = TOOLS[name].input.model_fields
    async with open_a_house() as house, Client(house.url) as client:
        found = await client.call_tool(name, {key: value for key, value in smallest.items() if key in taken})
    assert not found.is_error, words(found)


def test_the_tools_that_wait_for_the_model_are_tools() -> None:
    assert set(NEED_THE_MODEL) < set(TOOLS)


async def test_workers_and_models_are_listed(open_a_house: Open) -> None:
    async with open_a_house() as house, Client(house.url) as client:
        workers = (await client.call_tool("get_worker_details")).structured_content
        models = (await client.call_tool("list_available_models")).structured_content
    assert workers and [one["id"] for one in workers["workers"]] == ["w1", "w2", "w3", "w4", "w5"]
    assert models
    [coder] = [one for one in models["models"] if one["id"] == "qwen2.5-coder"]
    fitting = {one["size"]: one["fits"] for one in coder["variants"]}
    assert fitting["0.5b"] and not fitting["32b"] and coder["fits"] and not coder["on_disk"]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("generate_code", {}, "prompt"),
        ("generate_code", {"prompt": "x", "temperature": 9}, "temperature"),
        ("generate_code", {"prompt": "x", "strategy": "dice"}, "strategy"),
        ("generate_code", {"prompt": "word " * 2000}, "maximum context length is 1000"),
        ("compare_answers", {"answers": []}, "answers"),
        ("embed", {"texts": [""]}, "empty"),
        ("make_coffee", {}, "generate_code"),
    ],
)
async def test_mistakes_are_told_so_that_a_model_can_mend_them(
    open_a_house: Open, name: str, arguments: dict[str, Any], said: str
) -> None:
    async with open_a_house() as house, Client(house.url) as client:
        found = await client.call_tool(name, arguments)
        assert found.is_error and said in words(found) and "Traceback" not in words(found)


async def test_a_surprise_inside_is_told_without_its_details(open_a_house: Open, caplog: Any) -> None:
    def broken(_prompt: Prompt, _seat: Seat) -> str:
        raise ValueError("a secret")

    async with open_a_house(broken) as house, Client(house.url) as client:
        found = await client.call_tool("ask_swarm", {"prompt": "x"})
        assert found.is_error and "secret" not in words(found) and "a secret" in caplog.text


@pytest.mark.parametrize("era", ERAS)
async def test_a_long_call_reports_its_progress(open_a_house: Open, era: Any) -> None:
    told: list[tuple[float, str | None]] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append((progress, message))

    long = open_a_house(lambda _prompt, _seat: "word " * 40, pace_s=0.01, pause_s=0.05)
    async with long as house, Client(house.url, mode=era) as client:
        found = await client.call_tool("ask_swarm", {"prompt": "x"}, progress_callback=hear)
        assert not found.is_error
    assert len(told) >= 3 and [done for done, _ in told] == sorted({done for done, _ in told})
    assert told[0][1] and "first answer" in told[0][1]


@pytest.mark.parametrize("era", ERAS)
async def test_a_cancelled_call_frees_the_workers(open_a_house: Open, era: Any) -> None:
    long = open_a_house(lambda _prompt, _seat: "word " * 900, pace_s=0.05)
    async with asyncio.timeout(PATIENCE_S), long as house, Client(house.url, mode=era) as client:
        call = asyncio.create_task(client.call_tool("ask_swarm", {"prompt": "x"}))
        await house.engine.busy.wait()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await house.engine.idle.wait()


async def test_two_assistants_at_once_do_not_disturb_each_other(open_a_house: Open) -> None:
    async with (
        open_a_house(pace_s=0.002) as house,
        Client(house.url) as first,
        Client(house.url, mode="legacy") as second,
    ):
        asked = [
            client.call_tool("ask_swarm", {"prompt": f"{name} {number}"})
            for number in range(6)
            for name, client in (("one", first), ("two", second))
        ]
        found = await asyncio.gather(*asked)
    said = [one.structured_content["text"] for one in found if one.structured_content]
    assert [text.removesuffix(" indeed") for text in said] == [f"{n} {i}" for i in range(6) for n in ("one", "two")]


async def test_without_the_flag_the_place_is_closed_to_all_but_this_users_own_proxy(open_a_house: Open) -> None:
    async with open_a_house(public=False) as house:
        with pytest.raises((MCPError, ExceptionGroup)):
            async with Client(house.url) as client:
                await client.list_tools()


async def test_an_error_that_ends_the_node_is_not_wrapped_by_the_sessions(open_a_house: Open) -> None:
    with pytest.raises(LookupError):
        async with open_a_house():
            raise LookupError

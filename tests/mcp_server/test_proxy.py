"""`local-swarm mcp` as assistants start it: a process on stdio, before a daemon that comes and goes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from mcp import MCPError, StdioServerParameters
from mcp.client import Client
from mcp_types import CallToolResult, TextContent

from local_swarm.backends.openai_compatible.managed_server import free_port
from local_swarm.mcp_server.assistants import ASSISTANTS
from local_swarm.paths import home
from tests.mcp_server.conftest import Open
from tests.test_main_job import program

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parent.parent.parent
PATIENCE_S = 20.0


def proxy(port: int, *options: str) -> StdioServerParameters:
    arguments = ["-m", "local_swarm", "mcp", "--port", str(port), *options]
    return StdioServerParameters(command=sys.executable, args=arguments, env=dict(os.environ), cwd=ROOT)


def words(found: CallToolResult) -> str:
    [part] = found.content
    assert isinstance(part, TextContent)
    return part.text


@contextlib.asynccontextmanager
async def assistant(port: int, *options: str, era: Any = "auto") -> AsyncIterator[Client]:
    async with asyncio.timeout(PATIENCE_S), Client(proxy(port, *options), mode=era) as client:
        yield client


def own_proxies() -> list[psutil.Process]:
    return [child for child in psutil.Process().children() if "mcp" in child.cmdline()]


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_the_proxy_needs_no_flag_and_hands_on_results_and_progress(open_a_house: Open, era: Any) -> None:
    told: list[float] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append(progress)

    async with (
        open_a_house(lambda _p, _s: "word " * 30, pace_s=0.01, pause_s=0.05, public=False) as house,
        assistant(house.port, era=era) as client,
    ):
        found = await client.call_tool("ask_swarm", {"prompt": "x"}, progress_callback=hear)
        assert found.structured_content and found.structured_content["candidates"] >= 1
        assert len(told) >= 2


async def test_without_a_daemon_it_lists_its_tools_and_says_what_to_do() -> None:
    port = free_port()
    async with assistant(port) as client:
        assert len((await client.list_tools()).tools) == 8
        status = (await client.call_tool("get_swarm_status")).structured_content
        assert status and status["running"] is False and str(port) in status["note"]
        found = await client.call_tool("generate_code", {"prompt": "x"})
        assert found.is_error and str(port) in words(found) and "python -m local_swarm mcp --start" in words(found)


async def test_a_daemon_that_ends_in_the_middle_of_a_call_is_told_and_the_next_one_is_found(
    open_a_house: Open,
) -> None:
    port = free_port()
    async with assistant(port) as client:
        async with open_a_house(lambda _p, _s: "word " * 900, pace_s=0.05, port=port) as house:
            call = asyncio.create_task(client.call_tool("ask_swarm", {"prompt": "x"}))
            await house.engine.busy.wait()
            await house.engine.close()
            found = await call
            assert found.is_error
        async with open_a_house(port=port):
            again = await client.call_tool("ask_swarm", {"prompt": "hello", "workers": 1})
            assert again.structured_content and again.structured_content["text"] == "hello"


async def test_a_daemon_that_hangs_up_is_a_sentence() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if b"/health" in head:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
            await writer.drain()
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with listening, assistant(listening.sockets[0].getsockname()[1]) as client:
        found = await client.call_tool("generate_code", {"prompt": "x"})
        assert found.is_error and "stopped answering" in words(found)


async def test_a_killed_proxy_frees_the_workers_and_its_successor_goes_on(open_a_house: Open) -> None:
    async with open_a_house(
        lambda p, _s: "word " * 900 if "long" in p.messages[-1].content else "short", 0.05
    ) as house:
        with contextlib.suppress(MCPError, ExceptionGroup):
            async with assistant(house.port) as client:
                call = asyncio.create_task(client.call_tool("ask_swarm", {"prompt": "long"}))
                await house.engine.busy.wait()
                for process in own_proxies():
                    process.kill()
                await asyncio.gather(call, return_exceptions=True)
        async with asyncio.timeout(PATIENCE_S):
            await house.engine.idle.wait()
        async with assistant(house.port) as client:
            found = await client.call_tool("ask_swarm", {"prompt": "brief"})
            assert found.structured_content and found.structured_content["text"] == "short"


async def test_a_cancelled_call_is_cancelled_in_the_daemon_too(open_a_house: Open) -> None:
    async with (
        open_a_house(lambda _p, _s: "word " * 900, pace_s=0.05) as house,
        assistant(house.port, era="legacy") as client,
    ):
        call = asyncio.create_task(client.call_tool("ask_swarm", {"prompt": "x"}))
        await house.engine.busy.wait()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await house.engine.idle.wait()


@pytest.mark.skipif(sys.platform == "win32", reason="ends the daemon by a signal that Windows has not")
async def test_it_starts_the_daemon_where_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    monkeypatch.setenv("LOCAL_SWARM_HOME", str(tmp_path))
    monkeypatch.setenv("LOCAL_SWARM_NETWORK_ENABLED", "false")
    monkeypatch.setenv("LOCAL_SWARM_SWARM_INSTANCES", "2")
    port = free_port()
    told: list[str | None] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        told.append(message)

    try:
        async with asyncio.timeout(60), Client(proxy(port, "--start")) as client:
            found = await client.call_tool("get_swarm_status")
            assert found.structured_content and found.structured_content["running"] is False
            asked = {"prompt": "Write a Python function solve(numbers) that returns the sum of the even numbers."}
            answer = await client.call_tool("generate_code", asked, progress_callback=hear)
            assert answer.structured_content and "def solve" in answer.structured_content["code"], words(answer)
            assert any(message and "starting" in message for message in told)
    finally:
        for process in psutil.process_iter(["cmdline"]):
            if process.info["cmdline"] and process.info["cmdline"][-4:] == ["start", "--yes", "--port", str(port)]:
                process.terminate()
                process.wait(20)


async def test_a_daemon_that_cannot_start_is_told_with_the_place_of_its_reasons(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOCAL_SWARM_MODELS_MODEL", "no-such-model")
    async with assistant(free_port(), "--start") as client:
        found = await client.call_tool("generate_code", {"prompt": "x"})
        assert found.is_error and "daemon.log" in words(found)
    assert "no-such-model" in (home() / "logs" / "daemon.log").read_text(encoding="utf-8")


def test_the_settings_for_assistants_name_a_command_that_runs(tmp_path: Path) -> None:
    done = program("mcp", "--setup", "--port", "8123", home=tmp_path)
    parts = dict(part.split("\n", 1) for part in done.stdout.removeprefix("--- ").split("\n--- "))
    assert list(parts) == list(ASSISTANTS)
    for name, key in (("cursor", "mcpServers"), ("vscode", "servers"), ("zed", "context_servers")):
        entry = json.loads(parts[name].split("\n", 1)[1])[key]["local-swarm"]
        assert Path(entry["command"]).exists() and entry["args"][-3:] == ["mcp", "--port", "8123"]
        assert Path(entry["args"][0]).exists()
    assert json.loads(parts["opencode"].split("\n", 1)[1])["mcp"]["local-swarm"]["type"] == "local"
    assert "claude mcp add local-swarm " in parts["claude"]


@pytest.mark.parametrize("name", ["it's here", "田中　太郎", 'a "b" c', "x$HOME`y"])
def test_the_settings_lead_to_the_home_whatever_it_is_called(name: str, tmp_path: Path) -> None:
    own = tmp_path / name
    done = program("mcp", "--setup", home=own)
    parts = dict(part.split("\n", 1) for part in done.stdout.removeprefix("--- ").split("\n--- "))
    entry = json.loads(parts["cursor"].split("\n", 1)[1])["mcpServers"]["local-swarm"]
    assert entry["env"] == {"LOCAL_SWARM_HOME": str(own)}
    entry = json.loads(parts["opencode"].split("\n", 1)[1])["mcp"]["local-swarm"]
    assert entry["environment"] == {"LOCAL_SWARM_HOME": str(own)}
    assert f"LOCAL_SWARM_HOME={own}" in shlex.split(parts["claude"].split("\n")[1])


def test_wrong_use_of_the_command_is_told_on_stderr_alone(tmp_path: Path) -> None:
    done = program("mcp", "--port", "eight", home=tmp_path)
    assert done.returncode == 2 and done.stdout == "" and "--port" in done.stderr

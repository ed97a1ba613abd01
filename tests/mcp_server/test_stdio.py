"""Who is at the other end of standard input: an assistant that speaks first, or nobody that MCP would be served to."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from local_swarm.backends.openai_compatible.managed_server import free_port
from local_swarm.mcp_server.stdio import LONGEST_OPENING, Lines, find_assistant, is_opening

ROOT = Path(__file__).parent.parent.parent
HELLO = b'{"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}}'
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other pipes")


@pytest.mark.parametrize(
    ("line", "opens"),
    [
        (HELLO, True),
        (HELLO + b"\r", True),
        (b'{"jsonrpc":"2.0","id":"x","method":"server/discover"}', True),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"}', False),
        (b'{"jsonrpc":"2.0","method":"initialize"}', False),
        (b'{"jsonrpc":"1.0","id":1,"method":"initialize"}', False),
        (b"[" + HELLO + b"]", False),
        (b"Content-Length: 90\r", False),
        (b"initialize", False),
        (b"", False),
        (b"\xff\xfe\x00", False),
        (b"[" * 100_000, False),
        (HELLO + b" " * LONGEST_OPENING, False),
    ],
)
def test_an_assistant_is_known_by_its_first_line(line: bytes, opens: bool) -> None:
    assert is_opening(line) == opens


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    with contextlib.suppress(OSError):  # the test has closed it
        os.close(writing)


def test_what_came_with_the_first_line_is_not_lost(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.write(writing, HELLO + b'\n{"second": 2}\n{"third"')
    found = find_assistant(reading, 5.0)
    os.write(writing, b": 3}\n")
    os.close(writing)
    assert found and list(found.lines()) == [HELLO, b'{"second": 2}', b'{"third": 3}']


@posix
def test_some_programs_connect_a_socket() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(HELLO + b"\n")
        assert find_assistant(ours.fileno(), 5.0)


def test_a_silent_pipe_keeps_whatever_comes_later(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    assert find_assistant(reading, 0.01) is None
    os.write(writing, b"for somebody else")
    assert os.read(reading, 100) == b"for somebody else"


@pytest.mark.parametrize(
    "said", [b"", b"hello\n", HELLO, b"x" * 300_000 + b"\n"], ids=["nothing", "words", "half", "huge"]
)
def test_another_beginning_is_no_assistant(pipe: tuple[int, int], said: bytes) -> None:
    reading, writing = pipe
    theirs = os.fdopen(os.dup(writing), "wb")

    def speak() -> None:
        with theirs:
            theirs.write(said)

    speaker = threading.Thread(target=speak, daemon=True)
    speaker.start()
    if len(said) < 60_000:
        speaker.join()
    os.close(writing)
    assert find_assistant(reading, 0.2) is None
    while os.read(reading, 1 << 20):  # whoever still speaks is let go
        pass
    speaker.join(5)


@pytest.mark.parametrize("path", [os.devnull, __file__])
def test_a_file_is_no_assistant(path: str) -> None:
    with Path(path).open("rb") as file:
        assert find_assistant(file.fileno(), 0.1) is None


def test_a_closed_input_is_no_assistant(pipe: tuple[int, int]) -> None:
    closed = os.dup(pipe[0])
    os.close(closed)
    assert find_assistant(closed, 0.1) is None


@pytest.mark.anyio
async def test_lines_come_with_whole_characters_until_the_end(pipe: tuple[int, int]) -> None:
    reading, writing = pipe
    os.write(writing, b'{"a": "\\ud800"}\nlast')
    os.close(writing)
    assert [line async for line in Lines(reading)] == ['{"a": "\\ufffd"}\n', "last\n"]


@pytest.mark.anyio
async def test_a_start_with_mcp_serves_the_assistant_that_started_it_and_ends_with_it(tmp_path: Path) -> None:
    port = free_port()
    command = ["-m", "local_swarm", "--mcp", "--starter", "--instances", "1", "--port", str(port), "--yes"]
    variables = {**os.environ, "LOCAL_SWARM_HOME": str(tmp_path)}
    server = StdioServerParameters(command=sys.executable, args=command, env=variables, cwd=str(ROOT))
    with (tmp_path / "said").open("w") as said:
        async with Client(stdio_client(server, errlog=said), mode="legacy") as client:
            assert {"ask_swarm", "generate_code"} <= {tool.name for tool in (await client.list_tools()).tools}
            answer = await client.call_tool("ask_swarm", {"prompt": "hello"})
            assert not answer.is_error
            status = (await client.call_tool("get_swarm_status", {})).structured_content
            assert status and status["running"]
    assert "Stopping" in (tmp_path / "said").read_text()


def test_standard_output_carries_the_protocol_alone(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "local_swarm", "--mcp", "--starter", "--port", "0", "--yes"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "LOCAL_SWARM_HOME": str(tmp_path)},
        input=HELLO.replace(
            b'"params": {', b'"params": {"capabilities": {}, "clientInfo": {"name": "t", "version": "1"}, '
        )
        + b"\n",
        capture_output=True,
        timeout=60,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert lines and all(json.loads(line)["jsonrpc"] == "2.0" for line in lines) and done.returncode == 0

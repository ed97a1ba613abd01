"""Of what runs at this machine's port: its answers, its refusals, its absence, and what it is told of us."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from local_swarm import config
from local_swarm.api.key import CONTROL, control_file, control_token
from local_swarm.api.middleware import MCP_PATH
from local_swarm.commands import program_name
from local_swarm.daemon import CONTROLS, DaemonClient, note_running, noted_servers
from local_swarm.errors import DaemonAbsent, DaemonRefused
from local_swarm.paths import keep

HEALTHY = (200, {"workers": 3})
Answers = dict[str, tuple[int, Any]]


@contextmanager
def serving(answers: Answers) -> Iterator[tuple[DaemonClient, list[dict[str, Any]]]]:
    """Something that says so to such paths, and what it was sent."""
    heard: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("content-length", 0))
            heard.append({"method": self.command, "headers": self.headers, "body": self.rfile.read(length)})
            status, told = answers.get(self.path, (404, "?"))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(told if isinstance(told, bytes) else json.dumps(told).encode())

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield at(server.server_port), heard
        finally:
            server.shutdown()
            thread.join()


def at(port: int) -> DaemonClient:
    return DaemonClient(replace(config.load(None, {}).server, port=port, key="ls-k"))


def nobody() -> DaemonClient:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        port = server.server_port
    return at(port)


def test_what_it_says_is_handed_on() -> None:
    with serving({"/v1/swarm": (200, {"context": 5}), "/v1/chat/completions": (200, [1])}) as (daemon, heard):
        assert daemon.ask("/v1/swarm") == {"context": 5}
        assert daemon.ask("/v1/chat/completions", {"n": 2}) == [1]
    assert [one["method"] for one in heard] == ["GET", "POST"] and json.loads(heard[1]["body"]) == {"n": 2}
    assert {one["headers"]["Authorization"] for one in heard} == {"Bearer ls-k"}


def test_only_commands_and_tools_carry_the_token_of_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_SWARM_HOME", str(tmp_path))
    with serving({"/v1/swarm": HEALTHY, CONTROLS + "peers": (200, [])}) as (daemon, heard):
        keep(control_file(daemon.server.port), "secret")
        daemon.ask("/v1/swarm")
        daemon.ask(CONTROLS + "peers")
        assert daemon.credentials(MCP_PATH) == {"authorization": "Bearer ls-k", CONTROL: "secret"}
    assert [one["headers"].get(CONTROL) for one in heard] == [None, "secret"]


def test_two_swarms_of_one_home_have_a_token_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_SWARM_HOME", str(tmp_path))
    with note_running("127.0.0.1", 18000, "of one"):
        with note_running("127.0.0.1", 18001, "of another"):
            assert (control_token(18000), control_token(18001)) == ("of one", "of another")
        assert (control_token(18000), control_token(18001)) == ("of one", None)


def test_refusals_come_in_its_own_words() -> None:
    own = {"error": {"message": "No such machine."}}
    with serving({"/a": (400, own), "/b": (500, b"<html>")}) as (daemon, _):
        with pytest.raises(DaemonRefused, match=r"^No such machine\.$") as refused:
            daemon.ask("/a")
        assert refused.value.answered == 400
        with pytest.raises(DaemonRefused, match="status 500"):
            daemon.ask("/b")


def test_where_nobody_is_the_user_hears_how_to_start_one() -> None:
    with pytest.raises(DaemonAbsent, match=f"Start one: {program_name()}"):
        nobody().ask("/v1/swarm")
    with serving({"/v1/swarm": (200, b"<html>")}) as (daemon, _), pytest.raises(DaemonAbsent, match="is no swarm"):
        daemon.ask("/v1/swarm")
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(5)

        def greet() -> None:
            with other.accept()[0] as caller:
                caller.sendall(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(DaemonAbsent, match="is no swarm"):
            at(other.getsockname()[1]).ask("/v1/swarm")
        thread.join()


@pytest.mark.parametrize(
    ("health", "runs"),
    [(HEALTHY, True), ((503, "?"), True), ((200, {"ok": 1}), False), ((200, 7), False), ((404, "?"), False)],
)
def test_a_swarm_is_known_by_its_health(health: tuple[int, Any], runs: bool) -> None:
    with serving({"/health": health}) as (daemon, heard):
        assert daemon.runs() is runs
    assert "Authorization" not in heard[0]["headers"]  # it may be anybody


def test_nobody_is_no_swarm() -> None:
    assert not nobody().runs()
    assert nobody().health_code() is None


@pytest.mark.parametrize(("health", "code"), [(HEALTHY, 200), ((503, "?"), 503), ((200, b"<html>"), None)])
def test_its_health_is_a_status(health: tuple[int, Any], code: int | None) -> None:
    with serving({"/health": health}) as (daemon, _):
        assert daemon.health_code() == code


def test_a_proxy_for_the_world_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serving({"/v1/swarm": HEALTHY}) as (daemon, _):
        assert daemon.ask("/v1/swarm") == HEALTHY[1]


def test_swarms_of_this_home_are_told_by_their_ports_whatever_else_lies_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_SWARM_HOME", str(tmp_path))
    (tmp_path / "running").mkdir()
    for name in ("10001", "8001", "8000", "99999", "0", "٣", "123456", "notes"):
        (tmp_path / "running" / f"{name}.txt").write_text("127.0.0.1", encoding="utf-8")
    (tmp_path / "running" / "8002.txt").write_text("", encoding="utf-8")
    assert [one.port for one in noted_servers(replace(config.load().server, port=8000))] == [8001, 10001]

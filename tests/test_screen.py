"""Foreign text on a terminal and in a pipe: nothing in it is obeyed, wherever it comes from."""

from __future__ import annotations

import io
import json
import logging
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from rich.progress import Progress, TextColumn
from rich.table import Table
from rich.text import Text

from local_swarm.cli.console import Screen, with_label
from local_swarm.terminal import Formatter, json_text, line, printable
from tests.test_daemon import serving

ROOT = Path(__file__).parent.parent
HOSTILE = (
    "\x1b]0;OWNED\x07one \x1b[2J\x1b]52;c;T1dORUQ=\x1b\\two\x9b31m \x1bPq#0;2\x1b\\three\x1bc \x9d0;OWNED\x9cfour "
    "\x1b[8mfive\x1b[0m \u202esix\u202c "
    "\x08\x0c\r\x1b7\x1b(0seven\x7f \ud800 [bold]eight[/] [link=http://x]nine[/link]"
)
OBEYED = (
    "\x1b]",
    "\x1bP",
    "\x1b[2J",
    "\x1b[8m",
    "\x1bc",
    "\x1b7",
    "\x1b(",
    "\x9b",
    "\x9d",
    "\u202e",
    "\x08",
    "\x0c",
    "\x7f",
    "OWNED",
    "T1dORUQ",
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n\u00e4\u6c34\U0001f600", "plain\ttext\n\u00e4\u6c34\U0001f600"),
        (HOSTILE, "one two three four five six seven \ufffd [bold]eight[/] [link=http://x]nine[/link]"),
        ("a\r\nb\rc", "a\nbc"),
        ("\x1b]0;without an end\nnext", "\nnext"),
        ("\x1b", ""),
        ("\x1b[", ""),
        ("\x1b[3", ""),
        ("\x9b", ""),
        ("\x1b\x1b[31mx", "x"),
        ("\x1b\x07x", "x"),
        ("\x1b[31\nmx", "\nmx"),
        ("\x1b[?25l\x1b[>c\x1b[1 q\x1b#8x", "x"),
        ("\x00a\x1fb", "ab"),
        ("\u2066a\u2069", "a"),
        ("\u05e9\u200f", "\u05e9\u200f"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x90dcs\x9ca", "a"),
        ("\x1b_apc\x1b\\a", "a"),
        ("\x1b^pm\x07a", "a"),
    ],
)
def test_what_a_terminal_would_obey_is_taken_out_whole(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_nothing_is_left_over_that_means_something_once_more() -> None:
    for text in ("\x1b\x1b]0;a\x07[31m", "\x1b[\x1b[31m31m", "\x1b\x9b]0;x\x07", "\x9b\x1b]x", HOSTILE):
        once = printable(text)
        assert printable(once) == once and not any(mark in once for mark in "\x1b\x9b\x9d\x07")


@pytest.mark.parametrize(
    "piece", ["\x1b", "\x1b[", "\x1b]", "\x1b]a", "\x9d", "\x1b[;", "\x1b ", "\r\n", "\u202e", "\ud800", "a\u00e4"]
)
def test_cleaning_takes_time_in_proportion_to_the_length(piece: str) -> None:
    def seconds(count: int) -> float:
        text, times = piece * count, []
        for _ in range(3):
            began = time.thread_time()
            printable(text)
            times.append(time.thread_time() - began)
        return max(min(times), 0.002)

    assert seconds(400_000) / seconds(50_000) < 8**1.3


def test_json_loses_nothing_and_shows_nothing() -> None:
    text = json_text({HOSTILE: [HOSTILE, "\u2028", "\u00e4"]})
    assert json.loads(text) == {HOSTILE: [HOSTILE, "\u2028", "\u00e4"]} and "\u00e4" in text
    assert printable(text) == text


def test_a_message_cannot_pass_for_another_line_of_the_log() -> None:
    record = logging.LogRecord("peer", logging.WARNING, "", 1, "%s", (f"name\nERROR local_swarm: {HOSTILE}",), None)
    said = Formatter("%(levelname)s %(name)s: %(message)s").format(record)
    assert said.splitlines()[1].startswith("  ERROR") and not any(mark in said for mark in OBEYED)
    assert line("a\nb\x1b[1m") == "a b"


# ------------------------------------------------------------------------------------------------------ rich


def rendered(*what: Any, terminal: bool = True) -> str:
    screen = Screen(
        file=io.StringIO(), force_terminal=terminal, width=200, color_system="truecolor" if terminal else None
    )
    for one in what:
        screen.print(one)
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def table() -> Table:
    made = Table(HOSTILE, title=HOSTILE)
    made.add_row(HOSTILE)
    made.add_row(Text(HOSTILE, style="red"))
    return made


@pytest.mark.parametrize("terminal", [True, False])
def test_whatever_is_rendered_is_clean_and_no_markup_is_read_in_it(terminal: bool) -> None:
    said = rendered(HOSTILE, table(), Text(HOSTILE), with_label("error:", "bold red", HOSTILE), terminal=terminal)
    assert not any(mark in said for mark in OBEYED)
    assert "[bold]eight[/]" in said and "[link=http://x]nine[/link]" in said
    assert ("\x1b[1;31merror:" in said) == terminal


def test_a_bar_shows_a_foreign_name_as_it_is() -> None:
    screen = Screen(file=io.StringIO(), force_terminal=True, width=200)
    with Progress(TextColumn("{task.description}", markup=False), console=screen) as bars:
        bars.add_task(HOSTILE, total=1)
    assert isinstance(screen.file, io.StringIO)
    assert not any(mark in screen.file.getvalue() for mark in ("\x1b]", "\x1bP", "\x9b", "\u202e", "OWNED"))


# ------------------------------------------------------------------------------------- the program, before a daemon

VOTE = {"clusters": [1], "agreement": 1.0, "candidates": 1, "strategy": HOSTILE, "seconds": 0.1, "note": HOSTILE}
SWARM = {
    "node": HOSTILE,
    "status": HOSTILE,
    "model": HOSTILE,
    "context": 1,
    "version": HOSTILE,
    "machine": {"memory": {}, "accelerators": [{"name": HOSTILE}]},
    "engines": [
        {"name": HOSTILE, "state": HOSTILE, "requests": 0, "batch_size": None, "cells_used": None, "memory_bytes": None}
    ],
    "workers": [
        {
            "id": HOSTILE,
            "healthy": True,
            "busy": 0,
            "requests": 1,
            "failures": 0,
            "average_latency_s": None,
            "tokens_per_s": None,
            "tokens": 1,
        }
    ],
    "peers": [
        {"name": HOSTILE, "state": HOSTILE, "model": HOSTILE, "workers": 1, "latency_ms": 1.0, "address": HOSTILE}
    ],
    "elections": [
        {
            "strategy": HOSTILE,
            "clusters": [1],
            "decided_early": False,
            "agreement": 1.0,
            "completion_tokens": 1,
            "seconds": 1.0,
        }
    ],
}
ANSWERS: dict[str, tuple[int, Any]] = {
    "/health": (200, {"workers": 3}),
    "/v1/chat/completions": (200, {"choices": [{"message": {"content": HOSTILE}}], "swarm": VOTE}),
    "/v1/swarm": (200, SWARM),
    "/v1/swarm/control/peers": (200, SWARM["peers"]),
    "/v1/swarm/control/doctor": (200, [{"check": HOSTILE, "ok": False, "says": HOSTILE, "mend": HOSTILE}]),
    "/v1/swarm/control/join": (200, {"joined": HOSTILE}),
    "/v1/swarm/control/forget": (400, {"error": {"message": HOSTILE}}),
}
COMMANDS = [["ask", "hi"], ["status", "--once"], ["peers"], ["doctor"], ["join", "42-a-b-c"], ["forget", "x"]]


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "LOCAL_SWARM_HOME": str(home), "TERM": "xterm-256color", "COLUMNS": "200"}


def command(words: list[str], port: int) -> list[str]:
    return [sys.executable, "-m", "local_swarm", *words, "--port", str(port)]


@pytest.mark.parametrize("words", [*COMMANDS, *([*words, "--json"] for words in COMMANDS)], ids=" ".join)
def test_no_command_pipes_what_a_terminal_would_obey(tmp_path: Path, words: list[str]) -> None:
    with serving(ANSWERS) as (daemon, _):
        done = subprocess.run(
            command(words, daemon.server.port),
            cwd=ROOT,
            env=environment(tmp_path),
            capture_output=True,
            timeout=60,
            check=False,
        )
    said = done.stdout.decode() + done.stderr.decode()
    assert "seven" in said and not any(mark in said for mark in OBEYED if not mark.isalnum() or "--json" not in words)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_no_command_hands_on_to_its_terminal_what_was_not_its_own(tmp_path: Path, words: list[str]) -> None:
    with serving(ANSWERS) as (daemon, _):
        screen, inside = os.openpty()
        process = subprocess.Popen(
            command(words, daemon.server.port),
            cwd=ROOT,
            env=environment(tmp_path),
            stdin=inside,
            stdout=inside,
            stderr=inside,
        )
        os.close(inside)
        shown, until = b"", time.monotonic() + 60
        while select.select([screen], [], [], max(0.0, until - time.monotonic()))[0]:
            try:
                data = os.read(screen, 65_536)
            except OSError:  # it has ended
                break
            if not data:
                break
            shown += data
        process.wait(10)
        os.close(screen)
    said = shown.decode()
    assert "seven" in said
    assert not any(mark in said for mark in OBEYED if mark != "\x1b[8m")


def test_a_broken_argument_is_asked_as_it_can_be(tmp_path: Path) -> None:
    with serving(ANSWERS) as (daemon, heard):
        asked: list[str | bytes] = [*command(["ask"], daemon.server.port), b"a\xff b"]
        done = subprocess.run(asked, cwd=ROOT, env=environment(tmp_path), capture_output=True, timeout=60, check=False)
    assert done.returncode == 0
    assert [json.loads(one["body"])["messages"][0]["content"] for one in heard if one["body"]] == ["a\ufffd b"]

"""Records the first minutes for real: a swarm is started and asked in a terminal, and what the terminal showed becomes a picture.

`python scripts/record.py docs/first-answer.svg` needs the environment that `main.py` makes. Nothing in the picture is written by
hand but the prompts.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
WIDTH = 92
QUESTION = "Write a Python function solve(numbers) that returns the sum of the squares of the even numbers."
LONGEST_S = 120.0
SPINNER = re.compile("[\u2801-\u28ff]")


class Recorder:
    """Runs programs in a terminal of its own and keeps what they showed."""

    def __init__(self, home: str) -> None:
        self.environment = {**os.environ, "LOCAL_SWARM_HOME": home, "TERM": "xterm-256color", "COLUMNS": str(WIDTH)}
        self.shown: list[str] = []

    def run(self, line: str, *words: str, until: str | None = None) -> subprocess.Popen[bytes]:
        """To its end, or until it has shown some words; then it goes on."""
        screen, inside = os.openpty()
        command = [sys.executable, "main.py", *words]
        own: dict[str, Any] = {"cwd": ROOT, "env": self.environment, "start_new_session": True}
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=inside, stderr=inside, **own)
        os.close(inside)
        said, deadline = "", time.monotonic() + LONGEST_S
        while (until is None or until not in said) and time.monotonic() < deadline:
            if select.select([screen], [], [], 1.0)[0]:
                try:
                    said += os.read(screen, 65_536).decode("utf-8", "replace")
                except OSError:  # the program has ended
                    break
        self.shown.append(f"\x1b[1m$ {line}\x1b[0m\n{last_look(said)}")
        return process


def last_look(said: str) -> str:
    """What remains on the screen: lines that were overwritten are not there any more."""
    said = re.sub(r"\x1b\[\?\d+[hl]", "", said.replace("\r\n", "\n"))
    lines = (re.split(r"(?:\r|\x1b\[1A|\x1b\[2K)+", line)[-1] for line in said.split("\n"))
    return "\n".join(line for line in lines if not SPINNER.search(line)).strip("\n")


def picture(shown: list[str]) -> str:
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    for part in shown:
        console.print(Text.from_ansi(part))
        console.print()
    svg = console.export_svg(title="Local Swarm")
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # no font from elsewhere


def free_port() -> str:
    """Of four digits, as the usual one has, so that a frame around it stays straight."""
    for port in range(8100, 9999):
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            return str(port)
    raise SystemExit("no port is free")


def main(place: Path) -> None:
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        recorder = Recorder(home)
        options = ("--port", port, "--instances", "5", "--no-federation", "--yes", "--starter")
        daemon = recorder.run("python main.py --starter --instances 5", *options, until="╰")
        recorder.run(f'python main.py ask "{QUESTION}"', "ask", QUESTION, "--port", port).wait(LONGEST_S)
        recorder.run("python main.py status --once", "status", "--once", "--port", port).wait(LONGEST_S)
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(LONGEST_S)
    place.write_text(picture([part.replace(f":{port}", ":8000") for part in recorder.shown]), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

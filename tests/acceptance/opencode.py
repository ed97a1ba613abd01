"""opencode itself against a running swarm: it must read a file with a tool and tell what it found. Exit 0 is good."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

QUIET = (
    "MODELS_FETCH",
    "AUTOUPDATE",
    "LSP_DOWNLOAD",
    "SHARE",
    "DEFAULT_PLUGINS",
    "CLAUDE_CODE",
    "EXTERNAL_SKILLS",
    "PROJECT_CONFIG",
)
LONGEST_S = 600


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--opencode", default="opencode", help="the program")
    words.add_argument("--port", default="8000")
    wish = words.parse_args()
    with tempfile.TemporaryDirectory(prefix="opencode-") as folder:
        return run(
            Path(folder), str(Path(wish.opencode).resolve()) if "/" in wish.opencode else wish.opencode, wish.port
        )


def run(folder: Path, program: str, port: str) -> int:
    home, project = folder / "home", folder / "project"
    home.mkdir()
    project.mkdir()
    secret = f"heron-{secrets.randbelow(10**6)}"
    (project / "secret.txt").write_text(f"The secret word is {secret}.\n")
    settings = folder / "opencode.json"
    subprocess.run(
        [sys.executable, "-m", "local_swarm", "opencode", "--port", port, "--into", str(settings)], check=True
    )
    question = (
        "Read the file secret.txt in the current directory with your tools, then tell me the secret word it contains."
    )
    done = subprocess.run(
        [program, "run", question, "--format", "json"],
        cwd=project,
        env=environment(home, project, settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    return judged(done, secret)


def environment(home: Path, project: Path, settings: Path) -> dict[str, str]:
    """opencode trusts PWD, and would ask the internet for this and that."""
    folders = {f"XDG_{name}_HOME": str(home / name.lower()) for name in ("CONFIG", "DATA", "CACHE", "STATE")}
    quiet = {f"OPENCODE_DISABLE_{name}": "1" for name in QUIET}
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR", "SYSTEMROOT") if name in os.environ}
    return {**kept, **folders, **quiet, "HOME": str(home), "PWD": str(project), "OPENCODE_CONFIG": str(settings)}


def events(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            yield event


def judged(done: subprocess.CompletedProcess[str], secret: str) -> int:
    said, tools = "", 0
    for event in events(done.stdout):
        part = event.get("part") or {}
        if event.get("type") == "text":
            said += part.get("text", "")
        elif event.get("type") == "tool_use":
            tools += part.get("tool") != "invalid" and (part.get("state") or {}).get("status") == "completed"
        elif event.get("type") == "error":
            print("error:", json.dumps(event.get("error")))
    good = done.returncode == 0 and tools > 0 and secret in said
    print(f"opencode ended with {done.returncode}; tools run: {tools}; it said: {said.strip()!r}")
    print("good" if good else f"not good: {done.stderr[-500:]}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

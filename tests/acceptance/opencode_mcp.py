"""opencode as an MCP client of a running swarm: its model must call `generate_code` and get code. Exit 0 is good.

The model that drives opencode is scripted and stands here, since the tools are what is tried: it calls the one it is told to
and then repeats what came back.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.acceptance.opencode import LONGEST_S, environment, events

ROOT = Path(__file__).parent.parent.parent
PROMPT = "Write a Python function solve(numbers) that returns the sum of the even numbers."


class Driver(BaseHTTPRequestHandler):
    """OpenAI's chat completions, streamed: first a call of the tool, then its result as the answer."""

    tool = "swarm_generate_code"

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        names = [tool["function"]["name"] for tool in asked.get("tools", [])]
        results = [message for message in asked["messages"] if message["role"] == "tool"]
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for delta, finish in self.said(names, results):
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            chunk = {"id": "a", "object": "chat.completion.chunk", "created": 1, "model": "driver", "choices": [choice]}
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
        self.wfile.write(b"data: [DONE]\n\n")

    def said(self, names: list[str], results: list[Any]) -> Iterator[tuple[dict[str, Any], str | None]]:
        if self.tool in names and not results:
            function = {"name": self.tool, "arguments": json.dumps({"prompt": PROMPT})}
            call = {"index": 0, "id": "call_a", "type": "function", "function": function}
            yield {"role": "assistant", "content": None, "tool_calls": [call]}, None
            yield {}, "tool_calls"
        else:
            yield {"role": "assistant", "content": str(results[-1]["content"]) if results else "a title"}, None
            yield {}, "stop"

    def log_message(self, *_: Any) -> None:
        pass


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--opencode", default="opencode", help="the program")
    words.add_argument("--port", default="8000")
    words.add_argument("--local", action="store_true", help="by `local-swarm mcp` instead of /mcp")
    wish = words.parse_args()
    driver = ThreadingHTTPServer(("127.0.0.1", 0), Driver)
    threading.Thread(target=driver.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="opencode-") as folder:
        return run(Path(folder), wish.opencode, wish.port, driver.server_address[1], wish.local)


def run(folder: Path, program: str, port: str, driver: int, local: bool) -> int:
    home, project, settings = folder / "home", folder / "project", folder / "opencode.json"
    home.mkdir()
    project.mkdir()
    program_of_ours = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from local_swarm.cli.main import run; run()"
    door = (
        {"type": "local", "command": [sys.executable, "-c", program_of_ours, "mcp", "--port", port], "enabled": True}
        if local
        else {"type": "remote", "url": f"http://127.0.0.1:{port}/mcp", "enabled": True}
    )
    model = {"name": "driver", "tool_call": True, "limit": {"context": 32768, "output": 4096}}
    options = {"baseURL": f"http://127.0.0.1:{driver}/v1", "apiKey": "none"}
    provider = {"npm": "@ai-sdk/openai-compatible", "options": options, "models": {"driver": model}}
    wish = {
        "provider": {"driver": provider},
        "model": "driver/driver",
        "small_model": "driver/driver",
        "mcp": {"swarm": door},
    }
    settings.write_text(json.dumps(wish), encoding="utf-8")
    done = subprocess.run(
        [program, "run", "Have the swarm write it.", "--format", "json"],
        cwd=project,
        env=environment(home, project, settings),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    return judged(done)


def judged(done: subprocess.CompletedProcess[str]) -> int:
    parts = [event.get("part") or {} for event in events(done.stdout) if event.get("type") == "tool_use"]
    ran = [part for part in parts if part.get("tool") == Driver.tool and part["state"].get("status") == "completed"]
    text = str(ran[0]["state"].get("output")) if ran else ""
    good = done.returncode == 0 and "def solve" in text and "agreement" in text
    print(f"opencode ended with {done.returncode}; tools run: {len(ran)}; the swarm said: {text[:200]!r}")
    print("good" if good else f"not good: {done.stdout[-800:]} {done.stderr[-500:]}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

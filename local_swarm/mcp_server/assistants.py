"""The command that serves an assistant in, settings for assistants out, to be pasted. Pure, but for this program's path
and home."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from local_swarm.paths import checkout, home

NAME = "local-swarm"


def own_command(*words: str) -> list[str]:
    """The command with which another program starts this one, from whatever folder."""
    if root := checkout():
        return [sys.executable, str(root / "main.py"), *words]
    script = Path(sys.executable).with_name("local-swarm.exe" if sys.platform == "win32" else "local-swarm")
    return [str(script), *words] if script.exists() else [sys.executable, "-m", "local_swarm", *words]


def own_environment() -> dict[str, str]:
    """What an assistant must set, which does not inherit it from this terminal: without it the daemon would not know us."""
    return {"LOCAL_SWARM_HOME": str(home().absolute())} if os.environ.get("LOCAL_SWARM_HOME") else {}


def with_environment(entry: dict[str, Any], key: str = "env") -> dict[str, Any]:
    return {**entry, key: own} if (own := own_environment()) else entry


def servers(key: str, command: Sequence[str], **more: str) -> str:
    entry = with_environment({**more, "command": command[0], "args": list(command[1:])})
    return json.dumps({key: {NAME: entry}}, indent=2)


def opencode_settings(command: Sequence[str]) -> str:
    entry = with_environment({"type": "local", "command": list(command), "enabled": True}, "environment")
    return "// opencode.json\n" + json.dumps({"mcp": {NAME: entry}}, indent=2)


def claude_settings(command: Sequence[str]) -> str:
    told = "".join(f" --env {shlex.quote(f'{name}={value}')}" for name, value in own_environment().items())
    line = f"claude mcp add {NAME}{told} -- {shlex.join(command)}"
    return f"# Claude Code\n{line}\n\n// Claude Desktop: claude_desktop_config.json\n{servers('mcpServers', command)}"


def cursor_settings(command: Sequence[str]) -> str:
    return "// ~/.cursor/mcp.json\n" + servers("mcpServers", command)


def vscode_settings(command: Sequence[str]) -> str:
    return "// .vscode/mcp.json\n" + servers("servers", command, type="stdio")


def zed_settings(command: Sequence[str]) -> str:
    return "// Zed's settings.json\n" + servers("context_servers", command)


ASSISTANTS: Mapping[str, Callable[[Sequence[str]], str]] = {
    "opencode": opencode_settings,
    "claude": claude_settings,
    "cursor": cursor_settings,
    "vscode": vscode_settings,
    "zed": zed_settings,
}


def all_settings(command: Sequence[str]) -> str:
    """For all of them."""
    return "\n\n".join(f"--- {name}\n{render(command)}" for name, render in ASSISTANTS.items())

"""A running swarm in, opencode's configuration out, merged into the user's own file without touching anything else in it.

opencode (1.18) never asks a server what it can do. Its configuration has the limits; without them it would ask for 32,000 tokens
an answer and never shorten its conversations.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local_swarm.errors import UsageError
from local_swarm.integrations import jsonc
from local_swarm.integrations.running import RunningSwarm
from local_swarm.paths import PRIVATE, keep
from local_swarm.types import FAST, VOTE

PROVIDER = "local-swarm"
SMALLEST_CONTEXT = 16_384  # opencode's own instructions and tools take half of that
SILENCE_MS = 120_000  # we say something every ten seconds, so a longer silence is a death
SCHEMA = "https://opencode.ai/config.json"


def provider(swarm: RunningSwarm) -> dict[str, Any]:
    limit = {"context": swarm.context, "output": swarm.answer_tokens}
    facts = {"tool_call": True, "reasoning": swarm.thinks, "attachment": False, "limit": limit}
    return {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Local Swarm",
        "options": {"baseURL": swarm.url, "apiKey": swarm.key, "timeout": False, "chunkTimeout": SILENCE_MS},
        "models": {
            VOTE: {"name": "Local Swarm (vote)", **facts},
            FAST: {"name": "Local Swarm (one worker)", **facts},
        },
    }


def entry(swarm: RunningSwarm) -> dict[str, Any]:
    """All that opencode needs: the vote for work, one worker for titles and summaries."""
    return {
        "provider": {PROVIDER: provider(swarm)},
        "model": f"{PROVIDER}/{VOTE}",
        "small_model": f"{PROVIDER}/{FAST}",
    }


def merge_provider(text: str, swarm: RunningSwarm) -> str:
    """The user's file with our provider in it. A model that the user has chosen stays. Raises UsageError."""
    known = jsonc.read(text) if text.strip() else {}
    if not isinstance(known, dict):
        raise UsageError("it is no object")
    settings = entry(swarm)
    if "model" in known:
        del settings["model"]
        if "small_model" in known or not str(known["model"]).startswith(PROVIDER + "/"):
            del settings["small_model"]
    elif "small_model" in known:
        del settings["small_model"]
    return jsonc.merge(text if text.strip() else f'{{\n  "$schema": "{SCHEMA}"\n}}\n', settings)


def config_path(environment: Mapping[str, str] = os.environ) -> Path:
    """The user's own configuration: the one that exists, or where opencode would look first."""
    if named := environment.get("OPENCODE_CONFIG"):
        return Path(named)
    base = Path(environment.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "opencode"
    names = [base / "opencode.jsonc", base / "opencode.json"]
    return next((name for name in names if name.exists()), names[1])


def write(path: Path, swarm: RunningSwarm) -> Path | None:
    """Merges into a file. Returns the path of the backup of its old version, None where there is none. Raises UsageError."""
    try:
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        new = merge_provider(old, swarm)
        if new == old:
            return None
        backup = path.with_name(f"{path.name}.{time.strftime('%Y%m%d-%H%M%S')}.bak") if old else None
        if backup:
            keep(backup, old, path.stat().st_mode)
        keep(path, new, path.stat().st_mode if old else PRIVATE)  # the key stands in it
        return backup
    except UsageError as problem:
        raise UsageError(f"{path} was left as it is: {problem.message}.") from problem
    except OSError as problem:
        raise UsageError(f"{path} cannot be written: {problem.strerror or problem}.") from problem

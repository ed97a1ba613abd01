"""Where things are on this machine, how a file is put there, and whether it may talk to the world. Imports nothing of the
project."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

PRIVATE = 0o600
# What tells libraries to report nothing of their use, and what tells them to ask nothing of anybody. Each reads it when it is
# imported, so it must stand in the environment of a process from its start.
UNCOUNTED = {"HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "VLLM_NO_USAGE_STATS": "1"}
SILENT = {**UNCOUNTED, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}


def home() -> Path:
    """Where the swarm keeps what it must remember: models, logs, wheels."""
    return Path(os.environ.get("LOCAL_SWARM_HOME") or "~/.local_swarm").expanduser()


def offline() -> bool:
    """Whether every outgoing connection but the LAN's is forbidden."""
    return os.environ.get("LOCAL_SWARM_OFFLINE", "") not in ("", "0")


def data_folder() -> Path:
    """The `config` folder: beside the package in a checkout, inside it when installed."""
    here = Path(__file__).parent
    return here / "data" if (here / "data").is_dir() else here.parent / "config"


def checkout() -> Path | None:
    """The checkout that this package runs from, None for an installed copy."""
    root = Path(__file__).parent.parent
    return root if (root / "pyproject.toml").is_file() and (root / "main.py").is_file() else None


def keep(path: Path, text: str, mode: int = 0o666) -> None:
    """Write a file whole or not at all, with the folders it lies in. Links stay, and nobody may read it whom `mode` or the
    file that was there before shuts out. Raises OSError, also where that one is not to be written."""
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.urandom(4).hex()}.new")  # two processes may write at once
    try:
        if path.exists():
            if not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
            mode &= stat.S_IMODE(path.stat().st_mode)
        with os.fdopen(
            os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IMODE(mode)), "w", encoding="utf-8"
        ) as file:
            file.write(text)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise

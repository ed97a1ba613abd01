"""Where things are on this machine, and whether it may talk to the world. Imports nothing of the project."""

from __future__ import annotations

import os
from pathlib import Path


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

"""Where things are on this machine, how a file is put there, and whether it may talk to the world. Imports nothing of the
project."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from pathlib import Path

PRIVATE = 0o600
# What lies in the home: folders, and kinds of files in it and in them. Models are large, few secrets, and shut in by the home.
OURS = ("logs", "network", "wheels", "bench", "embeddings", "models", "running")
SUFFIXES = (".json", ".log", ".txt", ".yaml", ".pem", ".token")
NAMES = ("api_key",)
# What tells libraries to report nothing of their use, and what tells them to ask nothing of anybody. Each reads it when it is
# imported, so it must stand in the environment of a process from its start.
UNCOUNTED = {"HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "VLLM_NO_USAGE_STATS": "1"}
SILENT = {**UNCOUNTED, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}


def home() -> Path:
    """Where the swarm keeps what it must remember: models, logs, wheels. Raises OSError for a user who has no home."""
    place = os.environ.get("LOCAL_SWARM_HOME") or "~/.local_swarm"
    try:
        return Path(place).expanduser()
    except RuntimeError as problem:
        raise FileNotFoundError(errno.ENOENT, "this user has no home folder", place) from problem


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


def within_home(path: Path) -> bool:
    return path.resolve().is_relative_to(home().resolve())


def make_folder(path: Path) -> Path:
    """A folder and those it lies in, made where there are none: in the home for its owner alone. Raises OSError."""
    missing = [one for one in (path, *path.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(0o700 if within_home(one) else 0o777, exist_ok=True)
    path.mkdir(exist_ok=True)
    return path


def tighten() -> None:
    """Shut others out of the home that is there: other versions of the program, or other hands, may have left it open. Only what
    this program makes is touched, since the home may be a folder with other things in it; whatever cannot be changed stays."""
    if sys.platform == "win32":  # there it lies in the user's profile, which others cannot read
        return
    root = home()
    for one in (
        root,
        *(root / name for name in OURS),
        *(found for name in ("", *OURS) for found in files_in(root / name)),
    ):
        with contextlib.suppress(OSError):
            now = one.lstat()
            if not stat.S_ISLNK(now.st_mode) and now.st_uid == os.geteuid() and now.st_mode & 0o077:
                one.chmod(stat.S_IMODE(now.st_mode) & 0o700)


def files_in(place: Path) -> list[Path]:
    """Those that this program may have made."""
    try:
        found = [one for one in place.iterdir() if one.suffix in SUFFIXES or one.name in NAMES]
    except OSError:
        return []
    return [one for one in found if one.is_file() and not one.is_symlink()]


def keep(path: Path, text: str, mode: int | None = None) -> None:
    """Write a file whole or not at all, with the folders it lies in. Links stay, and nobody may read it whom `mode` or the
    file that was there before shuts out; without a mode that is everybody else in the home, and elsewhere as the user has it.

    Raises OSError, also where that one is not to be written."""
    path = path.resolve()
    if mode is None:
        mode = PRIVATE if within_home(path) else 0o666
    make_folder(path.parent)
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
    except BaseException as problem:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        if isinstance(problem, OSError):  # writing names no file, and whoever is told wants to know which
            problem.filename = str(path)
        raise

"""Where things are on this machine, how a file is put there, and whether it may talk to the world. Imports nothing of the
project."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

PRIVATE = 0o600
SET_UP = ("bench", "embeddings", "hub", "llamacpp")  # extras that plain set-up installs
# What lies in the home: folders, and kinds of files in it and in them. Models are large, few secrets, and shut in by the home.
OURS = ("logs", "network", "wheels", "bench", "embeddings", "models", "running")
SUFFIXES = (".json", ".log", ".txt", ".yaml", ".pem", ".token")
NAMES = ("api_key",)
USUAL_PORT = 8_000
# Hosts whose swarm this machine reaches without its name.
REACHED_AS_USUAL = ("127.0.0.1", "localhost", "0.0.0.0", "::", "")
UNBOUND = ("plan", "models", "download", "vote", "config")  # commands that are about no running swarm
PLAIN = ("setup", "detect", "bench")  # commands without settings
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


def program_name() -> str:
    """How this program is started from this folder, for messages: `python main.py`, `python -m local_swarm` or
    `local-swarm`. Where something else runs the package, such as a test or a notebook, what works for this copy of it."""
    return name_of_start(Path(sys.argv[0] if sys.argv else ""), checkout(), interpreter(), working_folder())


def name_of_start(program: Path, root: Path | None, python: str = "python", here: Path | None = None) -> str:
    """`program`: the file that Python runs; `root`: the checkout, if there is one; `here`: the folder from which it must be
    found, the checkout if None."""
    if program.name == "__main__.py" and program.parent.name == "local_swarm":
        return f"{python} -m local_swarm"
    if program.stem.removesuffix("-script") == "local-swarm" or root is None:  # what pip makes, on Windows too
        return "local-swarm"
    return f"{python} main.py" if here in (None, root) else f"{python} {quote_word(str(root / 'main.py'))}"


@cache
def interpreter() -> str:
    """The name by which a shell finds Python 3: some systems have no `python`, and of others it is Python 2."""
    found = ((name, shutil.which(name)) for name in ("python", "python3"))
    return next((name for name, path in found if path and "python2" not in Path(path).resolve().name), "python")


def working_folder() -> Path | None:
    """None where it was removed."""
    try:
        return Path.cwd()
    except OSError:
        return None


def command(*words: str, port: int | None = None) -> str:
    """A command of this program, to be pasted into another terminal. It carries the options by which this program was told
    what it is about: `--config`, and where the command takes them `--host` and `--port`. `port`: the swarm's, if known."""
    options = options_of_start(sys.argv[1:], os.environ, port)
    first = words[0] if words else ""
    known = {} if first in PLAIN else options if first not in UNBOUND else {"config": options.get("config")}
    given = [word for name, value in known.items() if value for word in (f"--{name}", value)]
    return " ".join((program_name(), *map(quote_word, (*words, *given))))


def command_with(variable: str, value: str) -> str:
    """The command of a start with an environment variable, for a shell of this system; on Windows that is PowerShell."""
    setting = f"$env:{variable}='{value}'; " if sys.platform == "win32" else f"{variable}={quote_word(value)} "
    return setting + command()


def home_setting() -> str | None:
    """What another terminal must be told first, as a line to paste, where the home is not the usual one; else None."""
    named = os.environ.get("LOCAL_SWARM_HOME")
    if not named:
        return None
    place = str(home().absolute())
    return (
        f"$env:LOCAL_SWARM_HOME='{place}'"
        if sys.platform == "win32"
        else f"export LOCAL_SWARM_HOME={quote_word(place)}"
    )


def options_of_start(words: Sequence[str], environment: Mapping[str, str], port: int | None = None) -> dict[str, str]:
    """What of a start its other commands must repeat, as another terminal has neither its flags nor its variables."""
    found: dict[str, str | None] = {
        name: environment.get(f"LOCAL_SWARM_SERVER_{name.upper()}") for name in ("host", "port")
    }
    found["config"] = None
    for place, word in enumerate(words):
        name, equals, value = word.removeprefix("--").partition("=")
        if word.startswith("--") and name in found:
            found[name] = value if equals else (words[place + 1] if place + 1 < len(words) else None)
    if port and (found["port"] or port != USUAL_PORT):
        found["port"] = str(port)
    if found["host"] in REACHED_AS_USUAL:
        found["host"] = None
    if found["config"]:
        found["config"] = str(Path(found["config"]).expanduser().absolute())
    return {name: told for name in ("config", "host", "port") if (told := found[name])}


def quote_word(word: str, windows: bool = sys.platform == "win32") -> str:
    """A word as a shell takes it for one. In double quotes where those do for every shell."""
    if word and not re.search(r"[^\w@%+=:,./\\-]" if windows else r"[^\w@%+=:,./-]", word):
        return word
    if not re.search(r'["%]' if windows else r'["$`\\!]', word):
        return f'"{word}"'
    return subprocess.list2cmdline([word]) if windows else shlex.quote(word)


def extra_command(extra: str) -> str:
    """What installs an optional part of the program, as a command to paste. The program is in no index, so its own name is
    never what pip is told."""
    root, here = checkout(), working_folder()
    if root and extra in SET_UP:
        return f"{program_name()} setup"
    if root is None:
        return pip_command(sys.executable, requirements_of(extra))
    inside = here == root
    environment = Path(sys.prefix) == root / ".venv"
    python = Path(sys.executable).relative_to(root) if inside and environment else Path(sys.executable)
    return pip_command(str(python), ["-e", f"{'.' if inside else root}[{extra}]"])


def pip_command(python: str, wanted: Sequence[str], windows: bool = sys.platform == "win32") -> str:
    return " ".join(quote_word(word, windows) for word in (python, "-m", "pip", "install", *wanted))


def requirements_of(extra: str) -> list[str]:
    """What an extra of the installed program asks for, with what its own extras ask for."""
    from importlib import metadata

    try:
        return asked_by(extra, metadata.requires("local-swarm") or [])
    except metadata.PackageNotFoundError:
        return []


def asked_by(extra: str, declared: Sequence[str]) -> list[str]:
    """`declared`: as the package's metadata has them, each with the extra it is for as a condition."""
    mark = re.compile(rf"""\s*(?:\band\s+)?\bextra\s*==\s*['"]{re.escape(extra)}['"]""")
    found: list[str] = []
    for requirement, condition in (one.partition(";")[::2] for one in declared if mark.search(one)):
        own = re.fullmatch(r"local-swarm\[([\w-]+)\]", requirement.strip())
        rest = mark.sub("", condition).strip()
        whole = f"{requirement.strip()}; {rest}" if rest else requirement.strip()
        found += asked_by(own[1], declared) if own else [whole]
    return found


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

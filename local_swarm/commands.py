"""How this program was started in, its commands out as a person pastes them into another terminal."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from local_swarm.paths import checkout, home

SET_UP = ("bench", "embeddings", "hub", "llamacpp")  # extras that plain set-up installs
USUAL_PORT = 8_000
# Hosts whose swarm this machine reaches without its name.
REACHED_AS_USUAL = ("127.0.0.1", "localhost", "0.0.0.0", "::", "")
UNBOUND = ("plan", "models", "download", "vote", "config")  # commands that are about no running swarm
PLAIN = ("setup", "detect", "bench")  # commands without settings


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

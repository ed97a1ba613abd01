"""A path in, what keeps it from being read as a model out, as sentences: no file there, no rights, a download not finished."""

from __future__ import annotations

import os
import re
import stat
from difflib import get_close_matches
from pathlib import Path

from local_swarm.errors import BadModelFile
from local_swarm.models.file_content import LOOKED_AT, recognize

UNFINISHED = (".part", ".partial", ".aria2", ".crdownload", ".download", ".incomplete", ".opdownload", ".!ut", ".!qb")
# Cut by `split`, to be joined by `cat`.
PIECE = re.compile(r"\.gguf[-.](?:split-[a-z]+|part\d+of\d+|\d{3})$", re.IGNORECASE)
MOST_NEIGHBOURS = 10_000
KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def require_file(path: Path) -> int:
    """The size in bytes of an ordinary file; whatever else lies there is not opened, which might never end.

    Raises BadModelFile."""
    try:
        found = path.stat()
    except (OSError, ValueError) as problem:
        raise BadModelFile(unreadable(path, problem)) from problem
    if not stat.S_ISREG(found.st_mode):
        what = next((kind for test, kind in KINDS if test(found.st_mode)), "no file")
        raise BadModelFile(f"{path} is {what}, not a model file. Give a .gguf file.")
    return found.st_size


def unreadable(path: Path, problem: OSError | ValueError) -> str:
    """Why a file cannot be opened, and what to do."""
    if isinstance(problem, PermissionError):
        return f"The model file {path} may not be read by you. Change its permissions, or run as its owner."
    if isinstance(problem, FileNotFoundError) and path.is_symlink():
        return f"{path} is a link to {path.readlink()}, where nothing is. Download the file again, or mend the link."
    if isinstance(problem, FileNotFoundError):
        return f"The model file {path} cannot be read: there is no such file.{download_hint(path)}{like_it(path)}"
    said = problem.strerror if isinstance(problem, OSError) else problem
    return f"The model file {path} cannot be read: {said or problem}."


def not_gguf(path: Path, head: bytes, size: int) -> BadModelFile:
    """What a file is that does not begin as GGUF files do."""
    if not size:
        return BadModelFile(f"{path} is not a GGUF model file: it is empty. Download it again.{download_hint(path)}")
    if not head.strip(b"\0"):
        why = "it begins with zeros, as downloads do that reserve their room first"
        return BadModelFile(f"{path} is not a GGUF model file: {why}. Download it again.{download_hint(path)}")
    if found := recognize(head):
        return BadModelFile(f"{path} is not a GGUF model file: it is {found.what}. {found.cure}{download_hint(path)}")
    return BadModelFile(
        f"{path} is not a GGUF model file, and of no format that is known here. "
        f"Give a .gguf file, or a model's name.{download_hint(path)}"
    )


def beginning(path: Path) -> bytes:
    """What a file begins with, as much as tells its format. Raises OSError."""
    with path.open("rb") as file:
        return file.read(LOOKED_AT)


def download_hint(path: Path) -> str:
    """A further sentence where names say that a file is not whole yet; empty where they do not."""
    if path.name.lower().endswith(UNFINISHED):
        return " By its name, its download is not finished."
    if PIECE.search(path.name):
        return " It is a piece of a larger file. Join the pieces in their order, for example with `cat`."
    beside = next((name for name in neighbours(path) if is_rest_of(name, path)), None)
    return f" Its download is not finished: {beside} lies beside it." if beside else ""


def is_rest_of(name: str, path: Path) -> bool:
    """Whether a name is that of an unfinished download of the file, as browsers and download managers give it."""
    return name.startswith((path.name, f"{path.stem}.")) and name.lower().endswith(UNFINISHED)


def like_it(path: Path) -> str:
    """A further sentence where a name beside it is nearly the same, or where there is a model; empty where neither is."""
    models = {Path(name).stem: name for name in neighbours(path) if name.lower().endswith(".gguf")}
    near = get_close_matches(path.stem, models, n=1)
    if near:
        return f" Did you mean {path.with_name(models[near[0]])}?"
    return f" Its folder has {', '.join(list(models.values())[:3])}." if models else ""


def neighbours(path: Path) -> list[str]:
    try:
        with os.scandir(path.parent) as found:
            return sorted(entry.name for entry, _ in zip(found, range(MOST_NEIGHBOURS), strict=False))
    except OSError:
        return []

"""A model's name in, its file's header out. Known are the starter, files in the models' folder, and any path."""

from __future__ import annotations

import difflib
from pathlib import Path

from local_swarm.errors import UnknownModel
from local_swarm.models import starter
from local_swarm.models.gguf import Header, read_header


def find(name: str | None, folder: Path) -> Header:
    """The header of the wanted model, of the starter without a wish. Raises UnknownModel and BadModelFile."""
    if name is None or name in (starter.NAME, "starter"):
        return read_header(starter.PATH)
    if is_path(name):
        return read_header(Path(name).expanduser())
    known = {path.stem: path for path in sorted(folder.glob("*.gguf"))}
    if name in known:
        return read_header(known[name])
    raise UnknownModel(unknown(name, [starter.NAME, *known], folder))


def is_path(name: str) -> bool:
    """Strings that begin like a path or end in .gguf are paths; all others are names."""
    return name.endswith(".gguf") or name.startswith(("/", "./", "../", "~/", ".\\", "..\\")) or name[1:3] == ":\\"


def unknown(name: str, known: list[str], folder: Path) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {close[0]}?" if close else f" Known here: {', '.join(known)}."
    return f"No model is called {name!r}.{hint} Give the path of a .gguf file, or put one into {folder}."

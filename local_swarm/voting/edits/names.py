"""Lines of a text in, the file that they name out. Pure and linear."""

from __future__ import annotations

import re

from local_swarm.voting.asking.languages import paths_of

LONGEST_PATH_LINE = 200
TAGGED = re.compile(r"<(?:path|file_path|filePath|file_name|filename|file)>\s*+([^<\n]++)</")
ATTRIBUTE = re.compile(r"\b(?:path|file|name|filename|title|src)=[\"']?([^\"'\s>]++)")
SAYS = re.compile(r"(?:file|filename|file name|path|datei|fichier)\s*+:", re.IGNORECASE)
COMMENT = re.compile(r"\s*+(?:#|//|--|/\*|<!--|;)")


def named_in(line: str) -> str:
    """The path that a line gives: the only one in it; "" where it gives none."""
    if len(line) > LONGEST_PATH_LINE:
        return ""
    if tagged := TAGGED.search(line) or ATTRIBUTE.search(line):
        return plain_path(tagged[1])
    found = list(dict.fromkeys(paths_of(line.replace("(", " ").replace("**", " "))))
    return plain_path(found[0]) if len(found) == 1 else ""


def is_only_path(line: str) -> bool:
    """Whether a line says nothing but a path, with the marks that stand around it."""
    words = SAYS.sub(" ", COMMENT.sub(" ", line, count=1), count=1).replace("*/", " ").replace("-->", " ").split()
    marks = [word for word in words if word.strip("`'\"*#:[]()-") and not word.strip("0123456789.)")]
    return bool(named_in(line)) and len(words) - len(marks) == 1


def named_by_info(info: str) -> str:
    """The path in what stands behind a fence: `python src/a.py`, `python:src/a.py`, `src/a.py`, `title="a.py"`."""
    return named_in(info.replace(":", " ").replace("{", " ").replace("}", " ")) if info else ""


def plain_path(path: str) -> str:
    """As it is compared."""
    path = path.strip().strip("`'\"*").replace("\\", "/")
    while path.startswith("./"):
        path = path[2:]
    return path

"""Writes the parts of the documents that the program itself knows: commands, endpoints, fields, tools, settings.

`python scripts/reference.py` brings docs/GUIDE.md and README.md up to date; a test says when that is due.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import typer.main
from pydantic import BaseModel

from local_swarm.api.chat import ChatRequest
from local_swarm.api.documented import create_documented_app
from local_swarm.api.schemas import SwarmOptions
from local_swarm.cli.main import app
from local_swarm.config import ALIASES
from local_swarm.mcp_server.tools import TOOLS
from local_swarm.paths import data_folder

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = (ROOT / "docs" / "GUIDE.md", ROOT / "README.md")
BLOCK = re.compile(r"(<!-- (\w+) start -->\n).*?(<!-- \2 end -->)", re.DOTALL)
SETTING = re.compile(r"^( *)(\w+):([^#\n]*)(?:# ?(.*))?$")


def table(heads: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def commands() -> str:
    group: Any = typer.main.get_command(app)
    rows = ((f"`{name}`", first_line(group.commands[name].help)) for name in group.order)
    return table(("command", "what it does"), rows)


def options() -> str:
    """Of `start`."""
    group: Any = typer.main.get_command(app)
    rows = ((f"`{shown(option)}`", option.help) for option in group.commands["start"].params)
    return table(("option", "what it does"), rows)


def shown(option: Any) -> str:
    """A flag, or an option and the name of its value."""
    value = (option.metavar or option.name.upper()).replace("NAME|PATH", "NAME or PATH")
    return str(option.opts[0] if option.is_flag else f"{option.opts[0]} {value}")


def endpoints() -> str:
    found = create_documented_app().openapi()["paths"]
    rows = (
        (f"`{verb.upper()} {path}`", first_line(about.get("description", "")))
        for path in found
        for verb, about in found[path].items()
    )
    return table(("endpoint", "what it does"), rows)


def fields(kind: type[BaseModel]) -> str:
    schema = kind.model_json_schema(by_alias=True)
    return table(("field", "type"), ((f"`{name}`", kind_of(about)) for name, about in schema["properties"].items()))


def kind_of(about: Mapping[str, Any]) -> str:
    """A JSON schema in a few words."""
    if "anyOf" in about:
        return " or ".join(kind_of(one) for one in about["anyOf"] if one.get("type") != "null")
    if "enum" in about:
        return ", ".join(f"`{one}`" for one in about["enum"])
    if "$ref" in about:
        return "object"
    word = str(about.get("type", "anything"))
    if word == "array":
        return "list of " + kind_of(about.get("items", {})).replace("string", "strings").replace("object", "objects")
    bounds = [about.get("minimum", about.get("exclusiveMinimum")), about.get("maximum", about.get("exclusiveMaximum"))]
    return f"{word}, {bounds[0]} to {bounds[1]}" if None not in bounds and abs(bounds[1]) < 1 << 40 else word


def tools() -> str:
    rows = (
        (
            f"`{tool.name}`",
            ", ".join(f"`{name}`" for name in tool.input.model_fields) or "nothing",
            ", ".join(f"`{name}`" for name in tool.output.model_fields),
        )
        for tool in TOOLS.values()
    )
    return table(("tool", "takes", "gives"), rows)


def aliases() -> str:
    rows = ((f"`{one.key}`", f"{'the opposite of ' if one.inverted else ''}`{one.of}`") for one in ALIASES)
    return table(("setting", "another name of"), rows)


def settings() -> str:
    return table(("setting", "default", ""), described_settings())


def described_settings() -> Iterator[tuple[str, str, str]]:
    """What `config/default.yaml` says, comments included."""
    path: list[str] = []
    for line in (data_folder() / "default.yaml").read_text(encoding="utf-8").splitlines():
        found = SETTING.match(line)
        if not found:
            continue
        depth = len(found[1]) // 2
        path = [*path[:depth], found[2]]
        if value := found[3].strip():
            yield f"`{'.'.join(path)}`", f"`{value}`", (found[4] or "").strip()


def first_line(text: str) -> str:
    return text.strip().split("\n")[0]


def brought_up_to_date(text: str) -> str:
    parts = {
        "commands": commands,
        "options": options,
        "endpoints": endpoints,
        "request": lambda: fields(ChatRequest),
        "extension": lambda: fields(SwarmOptions),
        "tools": tools,
        "settings": settings,
        "aliases": aliases,
    }
    return BLOCK.sub(lambda found: found[1] + parts[found[2]]() + found[3], text)


if __name__ == "__main__":
    for document in DOCUMENTS:
        document.write_text(brought_up_to_date(document.read_text(encoding="utf-8")), encoding="utf-8")

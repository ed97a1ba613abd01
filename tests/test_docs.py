"""Documents are held to the truth: paths exist, commands and options are real, tables match the program."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main

from local_swarm.api.schemas import SwarmOptions
from local_swarm.cli.main import app
from local_swarm.config import default_values, keys
from reference import brought_up_to_date
from tests.test_architecture import ORDER

ROOT = Path(__file__).parent.parent
FOLDERS = ("*.md", "docs/**/*.md", "config/**/*.md", "local_swarm/**/*.md", "tests/**/*.md", ".github/**/*.md")
DOCUMENTS = sorted(path for folder in FOLDERS for path in ROOT.glob(folder))
PATH = re.compile(r"`((?:local_swarm|docs|config|scripts|tests)/[\w./-]*|main\.py|pyproject\.toml)`")
LINK = re.compile(r"\]\((?!https?:|#)([^)\s]+)\)")
SHELL = re.compile(r"```sh\n(.*?)```|`(python main\.py[^`]*)`", re.DOTALL)

commands: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_path_and_link_exists(document: Path) -> None:
    for path in PATH.findall(text_of(document)):
        assert (ROOT / path).exists(), path
    for script in re.findall(r"\bpython ((?:scripts|tests)/\S+?\.py)", text_of(document)):
        assert (ROOT / script).exists(), script
    for link in LINK.findall(text_of(document)):
        assert (document.parent / link.split("#")[0]).exists(), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_a_name_that_is_said_to_be_in_a_file_is_defined_there(document: Path) -> None:
    for found, path in re.findall(
        r"`(\w+)`\s+(?:in|of)\s+`((?:local_swarm|scripts|tests)/[\w/]+\.py)`", text_of(document)
    ):
        defined = rf"^\s*(?:class |def |async def )?{found}\b(?:[(:]| =)"
        assert re.search(defined, text_of(ROOT / path), re.MULTILINE), (found, path)


def program_calls(text: str) -> list[list[str]]:
    lines = [line for block, inline in SHELL.findall(text) for line in (block or inline).splitlines()]
    words = [shlex.split(line, comments=True) for line in lines]
    calls = [line[2:] for line in words if line[:2] == ["python", "main.py"]]
    return [call[: call.index(">")] if ">" in call else call for call in calls]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_command_and_option_is_real(document: Path) -> None:
    for call in program_calls(text_of(document)):
        command = call[0] if call and not call[0].startswith("-") else "start"
        assert command in commands, call
        found = commands[command]
        if hasattr(found, "commands") and call[1:] and call[1] in found.commands:  # such as `bench vote`
            found = found.commands[call[1]]
        known = {option for parameter in found.params for option in parameter.opts}
        assert {word for word in call if word.startswith("--")} <= known, call


@pytest.mark.parametrize(("document", "blocks"), [("docs/GUIDE.md", 7), ("README.md", 1)])
def test_the_reference_is_what_the_program_says(document: str, blocks: int) -> None:
    text = text_of(ROOT / document)
    assert text == brought_up_to_date(text), "bring it up to date: python scripts/reference.py"
    assert len(re.findall(r"<!-- \w+ start -->", text)) == blocks


def test_the_default_file_has_every_setting() -> None:
    assert list(default_values()) == keys()


def test_the_strategies_named_are_those_there_are() -> None:
    readme = text_of(ROOT / "README.md")
    assert SwarmOptions.model_fields["strategy"].annotation
    for strategy in re.findall(r"'(\w+)'", str(SwarmOptions.model_fields["strategy"].annotation)):
        assert f"`{strategy}`" in readme or f'"{strategy}"' in readme


def test_the_map_shows_every_package_in_order() -> None:
    rows = re.findall(
        r"^\| `local_swarm/([\w.]+?)(?:\.py|/)` \|", text_of(ROOT / "docs" / "architecture.md"), re.MULTILINE
    )
    assert rows == [unit for unit in ORDER if unit != "__main__"]

"""Editors are told by the schemas what the reader accepts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from local_swarm.config import config_schema, keys, load
from local_swarm.errors import UsageError
from local_swarm.roster import read_roster, roster_schema
from local_swarm.settings.schema import DIALECT

CONFIG = Path(__file__).parent.parent.parent / "config"
EXAMPLES = sorted((CONFIG / "examples").glob("*.yaml"))


def is_valid(schema: dict[str, Any], text: str) -> bool:
    return jsonschema.Draft202012Validator(schema).is_valid(yaml.safe_load(text) or {})


@pytest.mark.parametrize("schema", [config_schema(), roster_schema()], ids=["config", "roster"])
def test_a_schema_is_one_and_says_what_everything_means(schema: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == DIALECT
    assert [name for name, one in properties(schema) if not one.get("description")] == []


def properties(schema: Any, prefix: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Every setting of a schema, those of lists and alternatives included."""
    if isinstance(schema, list):
        return [found for one in schema for found in properties(one, prefix)]
    if not isinstance(schema, dict):
        return []
    own = [(f"{prefix}{name}", one) for name, one in schema.get("properties", {}).items()]
    inner = [found for name, one in own for found in properties(one, f"{name}.")]
    return [*own, *inner, *properties(schema.get("items"), prefix), *properties(schema.get("anyOf"), prefix)]


def test_every_setting_is_in_the_schema_with_its_default() -> None:
    found = dict(properties(config_schema()))
    assert set(keys()) <= set(found)
    assert found["server.port"]["default"] == 8000 and found["server.port"]["maximum"] == 65_535
    assert found["swarm.timeout"]["type"] == "number"


def test_the_default_settings_are_valid() -> None:
    assert is_valid(config_schema(), (CONFIG / "default.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_valid(path: Path) -> None:
    assert is_valid(roster_schema(), path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "server: {port: 0}",
        "models: {preferred_models: [auto]}",
        "models: {preferred_models: 'a, b'}",
        "swarm: {roster: null, timeout: 5}",
        "server: {prot: 1}",
        "sever: {port: 1}",
        "server: {port: 70000}",
        "server: {port: eight}",
        "server: {port: true}",
        "server: {mcp: 1}",
        "swarm: {sandbox: maybe}",
        "swarm: {max_instances: 33}",
        "models: {preferred_models: []}",
        "hardware: {ram_fraction: 1.5}",
        "federation: {discovery: {methd: mdns}}",
        "federation: {communication: {grace: -1}}",
    ],
)
def test_the_schema_accepts_what_the_program_does(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    assert is_valid(config_schema(), text) == accepts(lambda: load(tmp_path / "config.yaml", environment={}))


@pytest.mark.parametrize(
    "text",
    [
        "members: [{model: x}]",
        "members: [{model: {repository: a/b}, workers: 32, weight: 0}]",
        "members: [{model: x, quantization: null}]",
        "fallback: {providers: [{name: a, swarm: true}], escalate_below: 0.5}",
        "members: [{modl: x}]",
        "members: [{model: {path: x, format: gguff}}]",
        "members: [{model: x, workers: 99}]",
        "members: [{model: x, engine: llamacp}]",
        "members: [{model: x, adapters: [{scale: 1}]}]",
        "fallback: {providers: [{swarm: true}]}",
        "members: 5",
    ],
)
def test_the_rosters_schema_does_too(tmp_path: Path, text: str) -> None:
    (tmp_path / "roster.yaml").write_text(text, encoding="utf-8")
    assert is_valid(roster_schema(), text) == accepts(lambda: read_roster(tmp_path / "roster.yaml"))


def accepts(read: Any) -> bool:
    try:
        read()
    except UsageError:
        return False
    return True

"""What other programs are told of a swarm."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from local_swarm.cli.main import app
from local_swarm.errors import UsageError
from local_swarm.integrations import opencode
from local_swarm.integrations.jsonc import read
from local_swarm.integrations.running import RunningSwarm
from local_swarm.integrations.snippets import SNIPPETS

WHAT = RunningSwarm("http://127.0.0.1:8000/v1", 32_768, 4_096, key="ls-secret")


def test_the_entry_states_limits_tools_and_the_small_model() -> None:
    made = opencode.entry(WHAT)
    models = made["provider"]["local-swarm"]["models"]
    assert set(models) == {"swarm", "swarm-fast"}
    assert all(
        model["limit"] == {"context": 32_768, "output": 4_096} and model["tool_call"] for model in models.values()
    )
    assert made["model"] == "local-swarm/swarm" and made["small_model"] == "local-swarm/swarm-fast"
    assert made["provider"]["local-swarm"]["options"]["apiKey"] == "ls-secret"


def test_a_new_file_is_made_with_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "opencode.json"
    assert opencode.write(path, WHAT) is None
    assert read(path.read_text())["small_model"] == "local-swarm/swarm-fast"


def test_an_old_file_is_kept_and_its_owners_choices_stay(tmp_path: Path) -> None:
    path = tmp_path / "opencode.jsonc"
    path.write_text('{\n  // mine\n  "model": "other/big",\n  "provider": {"local-swarm": {"options": {"x": 1}}},\n}\n')
    backup = opencode.write(path, WHAT)
    assert backup and backup.read_text().startswith("{\n  // mine") and "// mine" in path.read_text()
    made = read(path.read_text())
    assert made["model"] == "other/big" and "small_model" not in made
    assert made["provider"]["local-swarm"]["options"] == {"x": 1, **opencode.provider(WHAT)["options"]}
    before = path.read_text()
    assert opencode.write(path, WHAT) is None and path.read_text() == before


@pytest.mark.parametrize("text", ["{oops", "[1]", '{"provider": 7}'])
def test_a_file_that_is_no_configuration_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "opencode.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="left as it is"):
        opencode.write(path, WHAT)
    assert path.read_text() == text and len(list(tmp_path.iterdir())) == 1


def test_the_users_file_is_found_where_opencode_looks(tmp_path: Path) -> None:
    folder = tmp_path / "opencode"
    folder.mkdir()
    assert opencode.config_path({"XDG_CONFIG_HOME": str(tmp_path)}) == folder / "opencode.json"
    (folder / "opencode.jsonc").touch()
    assert opencode.config_path({"XDG_CONFIG_HOME": str(tmp_path)}) == folder / "opencode.jsonc"
    assert opencode.config_path({"OPENCODE_CONFIG": "/x.json"}) == Path("/x.json")


@pytest.mark.parametrize("name", SNIPPETS)
def test_every_client_gets_address_and_model(name: str) -> None:
    text = SNIPPETS[name](WHAT)
    assert WHAT.url in text and "swarm" in text


def test_snippets_are_valid_where_they_are_files() -> None:
    assert yaml.safe_load(SNIPPETS["llm"](WHAT))[0]["api_base"] == WHAT.url
    assert yaml.safe_load(SNIPPETS["continue"](WHAT))["models"][0]["apiBase"] == WHAT.url
    assert json.loads(SNIPPETS["zed"](WHAT).split("\n", 1)[1])["language_models"]


def test_without_a_daemon_the_commands_tell_what_would_run(tmp_path: Path) -> None:
    environment = {"LOCAL_SWARM_HOME": str(tmp_path), "LOCAL_SWARM_MODELS_CONTEXT": "16384"}
    done = CliRunner().invoke(app, ["opencode", "--port", "9", "--json"], env=environment)
    assert json.loads(done.stdout)["provider"]["local-swarm"]["models"]["swarm"]["limit"]["context"] == 16_384
    assert "aider" in CliRunner().invoke(app, ["clients", "aider", "--port", "9"], env=environment).stdout
    assert isinstance(CliRunner().invoke(app, ["clients", "emacs"], env=environment).exception, UsageError)


def test_the_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    environment = {"LOCAL_SWARM_HOME": str(tmp_path)}
    first, second = (CliRunner().invoke(app, ["key"], env=environment).stdout.strip() for _ in range(2))
    assert first == second and first.startswith("ls-") and len(first) > 30
    assert (tmp_path / "api_key").stat().st_mode & 0o077 == 0
    assert json.loads(CliRunner().invoke(app, ["key", "--new", "--json"], env=environment).stdout)["key"] != first

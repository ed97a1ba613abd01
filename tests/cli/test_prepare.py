"""What a start fetches and asks: with a wish, without one, on a terminal, without the hub."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from local_swarm.cli.dialog import WasLeft
from local_swarm.cli.menu import Menu, Picked
from local_swarm.cli.prepare import keep, with_settings
from local_swarm.config import load, settings
from local_swarm.errors import UnknownModel
from local_swarm.hardware.profile import Hardware, Memory, Processor
from local_swarm.models import starter
from local_swarm.models.advice import Advisor
from local_swarm.models.budget import MemoryRules
from local_swarm.models.planner import RunOptions
from local_swarm.models.registry import load as load_catalogue
from local_swarm.models.storage import Storage
from tests.models.hub_server import HubServer, serving

ROOT = Path(__file__).parent.parent.parent
GIB = 1 << 30


def advisor(folder: Path, memory_gib: float = 16) -> Advisor:
    size = int(memory_gib * GIB)
    hardware = Hardware("linux", "x86_64", Processor("a processor", 4, 8), Memory(size, size))
    catalogue = load_catalogue(ROOT / "config", folder)
    return Advisor(hardware, catalogue, Storage(folder / "models"), ("auto",), RunOptions(), MemoryRules())


def answering(folder: Path, *answers: str, memory_gib: float = 16) -> tuple[Picked, str]:
    """What a user picks who types these lines, and what was shown."""
    shown = Console(file=io.StringIO(), width=200, highlight=False)
    picked = Menu(advisor(folder, memory_gib), shown, io.StringIO("\n".join(answers) + "\n")).run()
    assert isinstance(shown.file, io.StringIO)
    return picked, shown.file.getvalue()


# ------------------------------------------------------------------------------------------------- menu


def test_the_recommended_model_is_one_key_away(tmp_path: Path) -> None:
    picked, shown = answering(tmp_path, "1")
    assert picked.settings == {"models.model": "qwen3.5:9b:q4_k_m"}
    assert "a processor, 4 cores" in shown and "16.0 GiB" in shown
    assert re.search(
        r"Recommended: Qwen3.5-9B q4_k_m, 5.7 GB to fetch \(.* free\), 7.8 GiB of 8.0 GiB allowed \(98%\)", shown
    )
    assert "python main.py --model qwen3.5:9b:q4_k_m" in shown


def test_the_starter_runs_at_once(tmp_path: Path) -> None:
    assert answering(tmp_path, "4")[0].settings == {"models.model": starter.NAME}


def test_browsing_shows_a_line_for_each_model_that_fits_then_its_files_and_leads_back(tmp_path: Path) -> None:
    picked, shown = answering(tmp_path, "2", "1", "1")
    assert picked.settings["models.model"].startswith("qwen3.5:9b:"), "what is recommended comes first"
    assert "qwen3.8:27b" not in shown and shown.count("qwen3.5:4b") == 1 and "workers, " in shown
    assert answering(tmp_path, "2", "1", "b", "b", "4")[0].settings == {"models.model": starter.NAME}


def test_no_question_is_longer_than_its_window(tmp_path: Path) -> None:
    shown = Console(file=io.StringIO(), width=200, height=30, highlight=False)
    picked = Menu(advisor(tmp_path), shown, io.StringIO("2\nm\n1\n1\n")).run()
    assert isinstance(shown.file, io.StringIO)
    pages = shown.file.getvalue().split("What fits this machine:")[1:]
    assert len(pages) > 1 and all(len(page.splitlines()) < 30 for page in pages) and picked.settings


def test_what_is_on_the_disk_comes_first_and_needs_no_download(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "mine.gguf").write_bytes(starter.PATH.read_bytes())
    picked, shown = answering(tmp_path, "")
    assert picked.settings == {"models.model": "mine"} and "1 Run what is here: mine" in shown


def test_any_file_can_be_named_and_what_is_none_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a [bold] file.gguf"
    path.write_bytes(starter.PATH.read_bytes())
    picked, shown = answering(tmp_path, "5", "/nowhere/at/all.gguf", f'"{path}"')
    assert picked.settings == {"models.model": str(path)} and "There is no file or folder" in shown
    assert shlex.split(picked.command)[-1] == str(path)


@pytest.mark.parametrize("word", ["q", "b", "0", "quit"])
def test_the_first_question_can_be_left(tmp_path: Path, word: str) -> None:
    with pytest.raises(WasLeft):
        answering(tmp_path, word)


@pytest.mark.parametrize("steps", [["3", "b"], ["3", "1", "b", "b"], ["3", "1", "1", "b", "b", "b"], ["5", "b"]])
def test_every_question_leads_back_to_the_one_before(tmp_path: Path, steps: list[str]) -> None:
    assert answering(tmp_path, *steps, "4")[0].settings == {"models.model": starter.NAME}


def test_the_wizard_puts_a_swarm_together_with_its_memory(tmp_path: Path) -> None:
    families = list(dict.fromkeys(one.family for one in Menu(advisor(tmp_path), Console()).rank_entries()))
    assert families.index("qwen3.8") < families.index("qwen2.5-coder") < families.index("codellama")
    family = str(families.index("qwen2.5-coder") + 1)
    picked, shown = answering(tmp_path, "3", family, "3", "4", "6", "2")
    assert picked.settings == {"models.model": "qwen2.5-coder:3b:q4_k_m", "swarm.instances": 6, "models.context": 8192}
    assert picked.command == "python main.py --model qwen2.5-coder:3b:q4_k_m --instances 6 --context 8192"
    assert "32768" in shown and "allowed" in shown and re.search(r"Workers \(1-\d+\)", shown)


def test_nonsense_is_asked_again(tmp_path: Path) -> None:
    picked, shown = answering(tmp_path, "seven", "9", "-1", "1" * 40, "4")
    assert picked.settings == {"models.model": starter.NAME} and shown.count("Between 1 and 5") == 4


def test_a_machine_for_which_nothing_is_small_enough_gets_the_starter(tmp_path: Path) -> None:
    picked, shown = answering(tmp_path, "1", memory_gib=0.4)
    assert picked.settings == {"models.model": starter.NAME} and "nothing real fits" in shown


def test_a_choice_becomes_settings_and_is_kept_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_SWARM_HOME", str(tmp_path))
    picked = Picked({"models.model": "qwen3.5:4b:q4_k_m", "swarm.instances": 3})
    config = with_settings(load(environment={}), picked)
    assert (config.models.model, config.swarm.instances) == ("qwen3.5:4b:q4_k_m", 3)
    quiet = Console(file=io.StringIO())
    keep(picked, quiet)
    assert load(environment={}).models.model == "qwen3.5:4b:q4_k_m"
    keep(Picked({"models.model": starter.NAME}), quiet)
    assert yaml.safe_load((tmp_path / "config.yaml").read_text(encoding="utf-8"))["swarm"] == {"instances": 3}


# ---------------------------------------------------------------------------------------------- program

TINY = "maker/Tiny-1M-GGUF/Tiny-1M-Q8_0.gguf"


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with serving({TINY: starter.PATH.read_bytes()}) as server:
        yield server


def program(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The real program without a terminal, at home in `folder`."""
    environment = {
        **os.environ,
        "LOCAL_SWARM_HOME": str(folder),
        "HF_HOME": str(folder / "hf"),
        "OLLAMA_MODELS": str(folder / "ollama"),
        "HOME": str(folder),
        "HF_HUB_OFFLINE": "",
        **variables,
    }
    return subprocess.run(
        [sys.executable, "-m", "local_swarm", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_from_an_unknown_file_of_the_hub_to_a_plan_for_it(tmp_path: Path, hub: HubServer) -> None:
    where = {"HF_ENDPOINT": hub.url}
    assert program(tmp_path, "models", "add", TINY, **where).returncode == 0
    unknown = program(tmp_path, "plan", "--model", "tiny:1m", **where)
    assert unknown.returncode == 2 and "download tiny:1m:q8_0" in unknown.stderr
    fetched = program(tmp_path, "download", "tiny:1m", "--json", **where)
    told = json.loads(fetched.stdout)
    assert (told["path"], told["bytes"]) == (
        str(tmp_path / "models" / "Tiny-1M-Q8_0.gguf"),
        starter.PATH.stat().st_size,
    )
    again = program(tmp_path, "--download-only", "--model", "tiny:1m:q8", "--json", LOCAL_SWARM_OFFLINE="1")
    assert json.loads(again.stdout) == told
    planned = json.loads(program(tmp_path, "plan", "--model", "tiny:1m", "--json").stdout)
    assert (planned["model"], planned["quantization"]) == ("tiny-1m", "q8_0")


def test_a_file_of_the_hub_is_meant_by_its_repository_wherever_a_model_is_named(tmp_path: Path, hub: HubServer) -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    named, where = "maker/Tiny-1M-GGUF:Tiny-1M-Q8_0.gguf", {"HF_ENDPOINT": hub.url}
    unknown = program(tmp_path, "plan", "--model", named, **where)
    assert unknown.returncode == 2 and f"download {named}" in unknown.stderr and hub.asked == []
    asked = program(tmp_path, "ask", "Hello", "--model", named, "--json", **where)
    assert json.loads(asked.stdout)["choices"], asked.stderr
    there = json.loads(program(tmp_path, "download", named, "--json", LOCAL_SWARM_OFFLINE="1").stdout)
    assert there["path"].startswith(str(tmp_path / "hf")) and there["bytes"] == starter.PATH.stat().st_size
    assert json.loads(program(tmp_path, "plan", "--model", named, "--json").stdout)["model"] == "Tiny-1M-Q8_0"


def test_a_machine_elsewhere_is_planned_for(tmp_path: Path) -> None:
    path = tmp_path / "machine.json"
    card = {
        "vendor": "nvidia",
        "name": "NVIDIA GeForce RTX 3090",
        "memory_bytes": 24 * GIB,
        "free_bytes": int(23.5 * GIB),
    }
    path.write_text(
        json.dumps({"arch": "aarch64", "memory": {"total_bytes": 64 * GIB}, "accelerators": [card]}), encoding="utf-8"
    )
    told = json.loads(program(tmp_path, "plan", "--hardware", str(path), "--json").stdout)
    assert (told["model"], told["quantization"], told["workers"]) == ("qwen3.8-27b", "ud-q4_k_m", 6)
    path.write_text("{", encoding="utf-8")
    broken = program(tmp_path, "plan", "--hardware", str(path))
    assert broken.returncode == 2 and "is no JSON" in broken.stderr and "Traceback" not in broken.stderr


def test_offline_a_wish_that_is_not_here_is_a_sentence(tmp_path: Path) -> None:
    done = program(tmp_path, "--model", "qwen2.5-coder:3b:q4", LOCAL_SWARM_OFFLINE="1")
    assert done.returncode == 1 and "LOCAL_SWARM_OFFLINE" in done.stderr and "Traceback" not in done.stderr
    assert "licence (qwen-research) has terms of its own" in done.stderr


def test_the_catalogue_is_listed_with_what_fits_and_what_is_here(tmp_path: Path) -> None:
    told = json.loads(program(tmp_path, "models", "--json").stdout)
    one = next(model for model in told if model["name"] == "qwen2.5-coder:3b")
    assert one["fits"] and not one["on_disk"] and "q4_k_m" in one["quantizations"] and one["licence"] == "qwen-research"
    assert {"quantization", "bytes", "fits", "on_disk"} <= set(one["variants"][0])
    listed = program(tmp_path, "models", "--all").stdout
    assert all(model["name"] in listed for model in told)


def test_settings_are_shown_with_their_origin(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("swarm:\n  timeout: 5\n", encoding="utf-8")
    told: dict[str, Any] = json.loads(
        program(tmp_path, "config", "show", "--json", LOCAL_SWARM_SERVER_PORT="8401").stdout
    )
    assert told["server.port"] == {"value": 8401, "origin": "LOCAL_SWARM_SERVER_PORT"}
    assert told["swarm.timeout"] == {"value": 5, "origin": str(tmp_path / "config.yaml")}
    assert told["server.host"] == {"value": "127.0.0.1", "origin": "default"}
    wrong = program(tmp_path, "config", "show", LOCAL_SWARM_SERVER_PORT="99999999")
    assert wrong.returncode == 2 and "between 0 and 65535" in wrong.stderr


@pytest.mark.parametrize(("words", "key"), [((), "server"), (("roster",), "members")])
def test_the_schemas_of_files_are_printed_for_editors(tmp_path: Path, words: tuple[str, ...], key: str) -> None:
    schema = json.loads(program(tmp_path, "config", "schema", *words).stdout)
    assert schema["$schema"].endswith("draft/2020-12/schema") and key in schema["properties"]
    assert program(tmp_path, "config", "schema", "catalogue").returncode == 2


def test_without_a_wish_nothing_is_fetched_and_what_is_here_runs(tmp_path: Path) -> None:
    empty = advisor(tmp_path).what_runs(None)
    assert empty.starter and empty.why[-1].endswith("5.7 GB: python main.py download qwen3.5:9b:q4_k_m")
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "mine.gguf").write_bytes(starter.PATH.read_bytes())
    assert advisor(tmp_path).what_runs(None).model == "mine"
    (folder / "broken.gguf").write_bytes(b"GGUF and nothing that follows it")
    assert advisor(tmp_path).what_runs(None).model == "mine"


def test_a_wish_that_is_not_here_is_not_run_but_told_how_to_fetch(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match=r"python main.py download qwen3\.5:9b:q4_k_m"):
        counsel = advisor(tmp_path)
        counsel.what_runs(counsel.find("qwen3.5:9b"))


def test_settings_know_every_origin() -> None:
    origins = {one.origin for one in settings(None, {"server.port": 1}, {"LOCAL_SWARM_SERVER_HOST": "127.0.0.1"})}
    assert {"default", "command line", "LOCAL_SWARM_SERVER_HOST"} <= origins

"""Rosters: every example loads, every mistake names its line, and what is missing is said before anything is loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from local_swarm.config import Config, load
from local_swarm.confined.process import Unconfined
from local_swarm.engines.keys import read_key
from local_swarm.engines.kinds import require_installed
from local_swarm.engines.machine import EngineKind, LocatedMember, name_member
from local_swarm.engines.members import MAKERS, locate_member, make_crew
from local_swarm.engines.sources import locate_model
from local_swarm.errors import UsageError
from local_swarm.hardware.profile import Accelerator, Hardware, Memory, Processor, Vendor
from local_swarm.launch import name_models
from local_swarm.models import starter
from local_swarm.models.hub_cache import HubModel
from local_swarm.models.resolve import resolve
from local_swarm.roster import EngineName, Member, Roster, Source, read_roster
from local_swarm.survey import Readers, Survey

EXAMPLES = sorted((Path(__file__).parent.parent / "config" / "examples").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_loads(path: Path) -> None:
    made = read_roster(path)
    assert made.members or made.fallback.providers


def read(folder: Path, text: str) -> Roster:
    file = folder / "roster.yaml"
    file.write_text(text, encoding="utf-8")
    return read_roster(file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("members:\n  - engine: llamacp\n", r"line 2: engine cannot be 'llamacp'\. Did you mean llamacpp"),
        ("members:\n  - model: x\n    worker: 3\n", r"line 3: there is no setting 'worker'\. Did you mean workers"),
        ("members:\n  - model: x\n    workers: many\n", "line 3: workers must be a whole number"),
        (
            "members:\n  - model: {path: x, format: gguff}\n",
            r"line 2: model.format cannot be 'gguff'\. Did you mean gguf",
        ),
        ("members:\n  - engine: openai_compatible\n", "needs its url"),
        ("members:\n  - engine: mlx\n    url: http://x\n", "url is for openai_compatible"),
        ("members:\n  - model: x\n    workers: 99\n", "between 1 and 32"),
        ("members:\n  - model: x\n    weight: 3\n", "between 0 and 1"),
        ("members: 5\n", "line 1: members must be a list"),
        ("members:\n  - 5\n", r"line 2: members\[0\] must be a mapping of settings, not 5"),
        ("- a\n", "must be a mapping of settings, not a list"),
        ("preset: fast\nmembers: [{model: x}]\n", "line 1: preset cannot be 'fast'"),
        ("{}\n", "neither members nor fallback"),
        ("a: [\n", "no valid YAML"),
        ("fallback:\n  providers:\n    - url: http://x\n", "line 3: name is missing"),
        ("fallback:\n  providers:\n    - name: a\n", "needs a url, or swarm: true"),
        ("fallback:\n  providers:\n    - {name: a, url: x, budget: 1}\n", "needs price_in and price_out"),
        (
            "fallback:\n  providers:\n    - {name: a, swarm: true}\n    - {name: a, swarm: true}\n",
            "two fallback providers",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read(tmp_path, text)


def test_a_preset_fills_only_what_is_not_said(tmp_path: Path) -> None:
    one, other = read(tmp_path, "preset: speed\nmembers:\n  - model: x\n    workers: 7\n  - model: y\n").members
    assert (one.workers, one.context, other.workers) == (7, 8192, 3)


@pytest.mark.parametrize(
    ("text", "kind", "repository"),
    [
        ("starter", "name", None),
        ("qwen3.5:9b", "name", None),
        ("qwen2.5-coder:3b:q4", "name", None),
        ("./model", "path", None),
        ("/models/a", "path", None),
        ("C:\\models\\a.gguf", "path", None),
        ("a.gguf", "path", None),
        ("models/a.gguf", "path", None),
        ("~/m/a.gguf", "path", None),
        ("~nobody-of-that-name/a.gguf", "path", None),
        ("http://127.0.0.1:8080/v1", "server", None),
        ("Qwen/Qwen3-8B", "hub", HubModel("Qwen/Qwen3-8B")),
        ("Qwen/Qwen3-8B@v2", "hub", HubModel("Qwen/Qwen3-8B", "v2")),
        ("a/b@r:c.gguf", "hub", HubModel("a/b", "r", "c.gguf")),
        ("a/b:c.gguf", "hub", HubModel("a/b", None, "c.gguf")),
        ("x" * 5000, "name", None),
        ("\0", "name", None),
    ],
)
def test_what_a_models_text_means(text: str, kind: str, repository: HubModel | None) -> None:
    source = resolve(text)
    assert (source.kind, source.repository) == (kind, repository) and source.text == text
    assert source.path and not source.is_folder
    assert repository is None or repository.text == text


def test_a_bare_word_is_the_folder_of_a_model_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "owner" / "model").mkdir(parents=True)
    (tmp_path / "words").mkdir()
    model_folder(tmp_path / "owner" / "model")
    monkeypatch.chdir(tmp_path)
    assert resolve("owner/model").is_folder
    assert resolve("words").kind == "name"


def test_a_rosters_mapping_and_a_text_mean_the_same() -> None:
    mapping = Source("huggingface", repository="a/b", revision="r", filename="c.gguf")
    assert resolve(mapping) == resolve("a/b@r:c.gguf")
    assert resolve(Source(path="./a")) == resolve("./a")
    with pytest.raises(UsageError, match="needs its repository"):
        resolve(Source("huggingface"))
    with pytest.raises(UsageError, match="needs its path"):
        resolve(Source())


def test_a_model_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no model at"):
        locate_model(resolve(str(tmp_path / "nothing.gguf")))
    with pytest.raises(UsageError, match="cannot be safetensors"):
        locate_model(resolve(Source(path=str(starter.PATH), format="safetensors")))


def test_the_hubs_cache_is_used_without_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    constants = pytest.importorskip("huggingface_hub.constants", reason="huggingface_hub is not installed")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--a--b" / "snapshots" / "0123456789012345678901234567890123456789"
    snapshot.mkdir(parents=True)
    (tmp_path / "models--a--b" / "refs").mkdir()
    (tmp_path / "models--a--b" / "refs" / "main").write_text(snapshot.name)
    (snapshot / "c.gguf").write_bytes(b"x")
    source = Source("huggingface", repository="a/b", filename="c.gguf", local_files_only=True)
    assert locate_model(resolve(source)) == snapshot / "c.gguf"
    with pytest.raises(UsageError, match=r"cache on this disk\. To have it fetched, name it: .* --model a/other"):
        locate_model(resolve(Source("huggingface", repository="a/other", local_files_only=True)))


NOTHING = Readers(module=lambda name: False, program=lambda name: None)
EVERYTHING = Readers(module=lambda name: True, program=lambda name: f"/usr/bin/{name}")
PLAIN = load(None, {}, environment={})
EMPTY_WEIGHTS = (2).to_bytes(8, "little") + b"{}"  # of safetensors: the length of its header, and the header


def test_an_engine_that_is_not_installed_names_its_extra() -> None:
    with pytest.raises(UsageError, match=r"\[mlx\]"):
        require_installed("mlx", NOTHING)
    member = Member(engine="mlx", model=Source("huggingface", repository="a/b", local_files_only=True))
    # And not that the hub's cache has no a/b: that comes later.
    with pytest.raises(UsageError, match=r"\[mlx\]"):
        locate(member, PLAIN, Survey(NOTHING))


def test_keys_come_from_where_they_are_kept() -> None:
    environment = {"A_KEY": "sk-1"}
    assert read_key("A_KEY", None, environment) == "sk-1" and read_key(None, None, environment) is None
    with pytest.raises(UsageError, match="NO_KEY has no key"):
        read_key("NO_KEY", None, environment)


def locate(member: Member, config: Config, survey: Survey) -> LocatedMember:
    return locate_member(name_member(member), config, survey)


def members_of(**flags: Any) -> list[tuple[str, Any, str | None]]:
    """(engine, model, url) of what runs with these settings."""
    settings = load(None, {key.replace("__", "."): value for key, value in flags.items()}, environment={})
    return [(one.engine, one.model, one.url) for one in name_models(settings, Survey(EVERYTHING)).roster.members]


def test_what_is_no_name_is_a_roster_of_one(tmp_path: Path) -> None:
    for model in (str(tmp_path), "a/b", "a/b@main:c.gguf", str(starter.PATH)):
        assert members_of(models__model=model) == [("auto", model, None)]
    assert members_of(models__model="http://127.0.0.1:9/v1") == [("auto", None, "http://127.0.0.1:9/v1")]
    assert members_of(models__model="qwen3.5:9b") == members_of() == [("auto", None, None)]


def test_only_names_and_nothing_leave_something_to_choose_or_fetch(tmp_path: Path) -> None:
    (tmp_path / "roster.yaml").write_text("members: [{model: starter}]", encoding="utf-8")
    plain = [{}, {"models.model": "qwen3.5:9b"}, {"models.model": "starter"}]
    models = (str(starter.PATH), "a/b", "http://x/v1", str(tmp_path))
    named = [{"models.model": model} for model in models]
    named += [{"models.engine": "mlx"}, {"swarm.roster": str(tmp_path / "roster.yaml")}]
    settings = [load(None, flags, environment={}) for flags in (*plain, *named)]
    assert [name_models(one, Survey(EVERYTHING)).settled for one in settings] == [False] * 3 + [True] * 6


def test_where_mlx_is_wished_for_the_catalogue_tells_which_repository() -> None:
    for model, found in (("qwen2.5-coder:0.5b", "mlx-community/Qwen2.5-Coder-0.5B-Instruct-4bit"), ("a/b@c", "a/b@c")):
        assert members_of(models__engine="mlx", models__model=model) == [("mlx", found, None)]
    [(engine, model, _)] = members_of(models__engine="mlx")
    assert engine == "mlx" and "/" in str(model)


@pytest.mark.parametrize("engine", ["mlx", "transformers"])
def test_what_an_engine_cannot_run_is_said(engine: EngineName) -> None:
    with pytest.raises(UsageError, match="runs folders of safetensors"):
        locate(Member(engine=engine, model=str(starter.PATH)), PLAIN, Survey(EVERYTHING))


def model_folder(folder: Path, config: str = "{}") -> Path:
    (folder / "config.json").write_text(config, encoding="utf-8")
    (folder / "model.safetensors").write_bytes(EMPTY_WEIGHTS)
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    return folder


def test_llama_cpp_takes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a folder"):
        locate(Member(engine="llamacpp", model=str(model_folder(tmp_path))), PLAIN, Survey(EVERYTHING))


@pytest.mark.parametrize(
    ("config", "vendor", "kind"),
    [("{}", "nvidia", "transformers"), ("{}", "apple", "mlx"), ('{"quantization": {"bits": 4}}', "nvidia", "mlx")],
)
def test_a_folder_goes_to_the_engine_that_reads_it_best(tmp_path: Path, config: str, vendor: Vendor, kind: str) -> None:
    card = Accelerator(vendor, "a card", 1 << 34, 1 << 34, "dedicated")
    machine = Hardware("linux", "x86_64", Processor("p", 4, 8), Memory(1 << 34, 1 << 34), (card,))
    survey = Survey(replace(EVERYTHING, hardware=lambda: machine))
    assert locate(Member(model=str(model_folder(tmp_path, config))), PLAIN, survey).kind == kind


def test_transformers_does_the_work_of_a_missing_vllm(tmp_path: Path) -> None:
    readers = Readers(module=lambda name: name == "transformers")
    member = Member(engine="vllm", model=str(model_folder(tmp_path)))
    assert locate(member, PLAIN, Survey(readers)).kind == "transformers"
    assert locate(member, PLAIN, Survey(EVERYTHING)).kind == "vllm"


def test_llama_cpp_runs_in_our_process_or_as_its_own_server() -> None:
    server = load(None, {"models.engine": "llama-server"}, environment={})
    without = replace(EVERYTHING, module=lambda name: False)

    def kind(settings: Config, readers: Readers) -> str:
        return locate(Member(model="starter"), settings, Survey(readers)).kind

    assert kind(PLAIN, EVERYTHING) == "llamacpp"
    assert kind(server, EVERYTHING) == kind(PLAIN, without) == "llama-server"
    with pytest.raises(UsageError, match="no llama-server"):
        kind(server, NOTHING)
    with pytest.raises(UsageError, match="llamacpp is not installed"):
        kind(PLAIN, NOTHING)


def test_every_kind_of_engine_stands_in_the_table() -> None:
    assert set(MAKERS) == set(get_args(EngineKind))


def test_an_address_in_place_of_a_model_is_a_server() -> None:
    located = locate(Member(model="http://127.0.0.1:9/v1"), PLAIN, Survey(EVERYTHING))
    crew = make_crew([located], PLAIN, Survey(EVERYTHING), Unconfined())
    assert located.kind == "openai_compatible" and crew.backends[0].target_url == "http://127.0.0.1:9/v1"

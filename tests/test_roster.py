"""Rosters: every example loads, every mistake names its line, and what is missing is said before anything is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_swarm import engines
from local_swarm.config import load
from local_swarm.confined.process import Unconfined
from local_swarm.engines import engine_of, installed, located, roster_of, secret
from local_swarm.errors import WrongUse
from local_swarm.hardware.detector import detect
from local_swarm.models import starter
from local_swarm.roster import Member, Roster, Source, read_roster, source_of

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
    with pytest.raises(WrongUse, match=said):
        read(tmp_path, text)


def test_a_preset_fills_only_what_is_not_said(tmp_path: Path) -> None:
    one, other = read(tmp_path, "preset: speed\nmembers:\n  - model: x\n    workers: 7\n  - model: y\n").members
    assert (one.workers, one.context, other.workers) == (7, 8192, 3)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("qwen3.5:9b", None),
        ("./model", Source(path="./model")),
        ("C:\\models\\a.gguf", Source(path="C:\\models\\a.gguf")),
        ("a.gguf", Source(path="a.gguf")),
        ("~/m/a.gguf", Source(path="~/m/a.gguf")),
        ("Qwen/Qwen3-8B", Source("huggingface", repository="Qwen/Qwen3-8B")),
        ("Qwen/Qwen3-8B@v2", Source("huggingface", repository="Qwen/Qwen3-8B", revision="v2")),
        ("a/b@r:c.gguf", Source("huggingface", repository="a/b", revision="r", filename="c.gguf")),
    ],
)
def test_what_a_models_text_means(text: str, meant: Source | None) -> None:
    assert source_of(text) == meant


def test_a_model_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="no model at"):
        located(str(tmp_path / "nothing.gguf"))
    with pytest.raises(WrongUse, match="cannot be safetensors"):
        located(Source(path=str(starter.PATH), format="safetensors"))


def test_the_hubs_cache_is_used_without_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    constants = pytest.importorskip("huggingface_hub.constants", reason="huggingface_hub is not installed")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--a--b" / "snapshots" / "0123456789012345678901234567890123456789"
    snapshot.mkdir(parents=True)
    (tmp_path / "models--a--b" / "refs").mkdir()
    (tmp_path / "models--a--b" / "refs" / "main").write_text(snapshot.name)
    (snapshot / "c.gguf").write_bytes(b"x")
    source = Source("huggingface", repository="a/b", filename="c.gguf", local_files_only=True)
    assert located(source) == snapshot / "c.gguf"
    with pytest.raises(WrongUse, match="cache on this disk"):
        located(Source("huggingface", repository="a/other", local_files_only=True))


def test_an_engine_that_is_not_installed_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(engines.NEEDS, "mlx", ("no_such_module", "mlx"))
    with pytest.raises(WrongUse, match=r"local-swarm\[mlx\]"):
        installed("mlx")
    member = Member(engine="mlx", model=Source("huggingface", repository="a/b", local_files_only=True))
    # And not that the hub's cache has no a/b: that comes later.
    with pytest.raises(WrongUse, match=r"local-swarm\[mlx\]"):
        engine_of(member, load(None, {}, environment={}), detect(), None, Unconfined())  # type: ignore[arg-type]


def test_keys_come_from_where_they_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "sk-1")
    assert secret("A_KEY", None) == "sk-1" and secret(None, None) is None
    with pytest.raises(WrongUse, match="NO_KEY has no key"):
        secret("NO_KEY", None)


def test_a_folder_as_the_model_is_a_roster_of_one(tmp_path: Path) -> None:
    config = load(None, {"models.model": str(tmp_path)}, environment={})
    made = roster_of(config)
    assert made and made.members[0].model == str(tmp_path)
    assert roster_of(load(None, {}, environment={})) is None


def test_where_mlx_is_wished_for_the_catalogue_tells_which_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(engines.NEEDS, "mlx", ("json", "mlx"))  # as if it were installed
    for wish, found in (("qwen2.5-coder:0.5b", "mlx-community/Qwen2.5-Coder-0.5B-Instruct-4bit"), ("a/b@c", "a/b@c")):
        made = roster_of(load(None, {"models.engine": "mlx", "models.model": wish}, environment={}))
        assert made and [(one.engine, one.model) for one in made.members] == [("mlx", found)]
    made = roster_of(load(None, {"models.engine": "mlx"}, environment={}))
    assert made and "/" in str(made.members[0].model)


@pytest.mark.parametrize("engine", ["mlx", "transformers"])
def test_what_an_engine_cannot_run_is_said(engine: str) -> None:
    config, hardware = load(None, {}, environment={}), detect()
    with pytest.raises(WrongUse, match="runs folders of safetensors"):
        engine_of(Member(engine=engine, model=str(starter.PATH)), config, hardware, None, Unconfined())  # type: ignore[arg-type]


def test_llama_cpp_takes_no_folder(tmp_path: Path) -> None:
    config, hardware = load(None, {}, environment={}), detect()
    with pytest.raises(WrongUse, match="is a folder"):
        engine_of(Member(engine="llamacpp", model=str(tmp_path)), config, hardware, None, Unconfined())  # type: ignore[arg-type]

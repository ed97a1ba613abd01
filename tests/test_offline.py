"""Nothing leaves the machine unasked, and nobody waits for a dead network: the real program in networks that lead nowhere,
with every packet looked at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from local_swarm.backends.process.supervisor import Supervisor as Hosted
from local_swarm.config import load
from local_swarm.engines.sources import locate_model
from local_swarm.environment.install import SetupOptions, satisfies
from local_swarm.environment.venv import Environment
from local_swarm.errors import UsageError
from local_swarm.launch import mlx_model
from local_swarm.models.embedding import BUNDLED
from local_swarm.models.resolve import resolve
from local_swarm.paths import SILENT
from local_swarm.privacy import KEPT
from local_swarm.roster import Source
from local_swarm.survey import Survey
from tests.dead_networks import Capture, Packet, loopback_only, question, swallowing
from tests.models.hub_server import serving
from tests.network.lan import ROOT, Host, unavailable, wait_for

namespaces = pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))
MOST_WAIT_S = 1.0
LONGEST_S = 100.0  # a request that waits for a network waits for a minute
PROSE = [{"role": "user", "content": "Hello, who are you?"}]
CODE = [{"role": "user", "content": "Write a Python function solve(numbers) that returns the sum of the even numbers."}]
CHAT, EMBEDDINGS = "/v1/chat/completions", "/v1/embeddings"
MISSING = "No embedding model is on this disk, so the answers were compared by their words."
ROSTER = """
members:
  - {engine: llamacpp, model: local-swarm-starter, workers: 3}
fallback:
  providers:
    - {name: swarm, swarm: true}
    - {name: far, url: https://api.example.com/v1, model: theirs, priority: 2}
"""


def ask_all(host: Host) -> tuple[dict[str, Any], dict[str, float]]:
    """Every kind of question that once made somebody ask a hub: the answers and the seconds each took."""
    vote = {"messages": PROSE, "seed": 1, "swarm": {"early": False}}
    texts = {"model": "swarm", "input": ["the cat sits on the mat", "interest rates rose"]}
    likeness = {**vote, "swarm": {"early": False, "strategy": "similarity"}}
    wishes = {
        "prose": (CHAT, vote),
        "prose again": (CHAT, vote),
        "embeddings": (EMBEDDINGS, texts),
        "similarity": (CHAT, likeness),
        "similarity of code": (CHAT, {**likeness, "messages": CODE}),
        "embeddings again": (EMBEDDINGS, texts),
        "models": ("/v1/models", None),
        "health": ("/health", None),
    }
    answers, seconds = {}, {}
    for name, (path, wish) in wishes.items():
        began = time.monotonic()
        answers[name] = host.caller.submit(asked, host.url + path, wish).result(LONGEST_S)
        seconds[name] = time.monotonic() - began
    return answers, seconds


def asked(url: str, wish: Any) -> Any:
    data = None if wish is None else json.dumps(wish).encode()
    request = urllib.request.Request(url, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=LONGEST_S) as answer:
        return json.load(answer)


@dataclass
class Trial:
    """A daemon in a dead network, and what became of it. `capture` None: there is loopback alone."""

    host: Host
    capture: Capture | None
    answers: dict[str, Any] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def left(self) -> Counter[Packet]:
        return Counter(self.capture.packets if self.capture else ())

    @property
    def log(self) -> str:
        return (self.host.home.parent / f"{self.host.name}.log").read_text(encoding="utf-8")


def environment(folder: Path, name: str, offline: bool, **settings: str) -> dict[str, str]:
    """One in which no embedding model is on the disk, and the frame of the start is not broken into short lines."""
    bare = folder / "bare"
    bare.mkdir(exist_ok=True)
    (bare / "sitecustomize.py").write_text(f"import sys\nsys.modules[{BUNDLED!r}] = None\n", encoding="utf-8")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("LOCAL_SWARM_", "HF_"))}
    own = {"LOCAL_SWARM_HOME": str(folder / name), "HF_HOME": str(folder / "hub"), "PYTHONPATH": str(bare)}
    return {**kept, **own, "COLUMNS": "400", **({"LOCAL_SWARM_OFFLINE": "1"} if offline else {}), **settings}


def program() -> list[str]:
    """As users type it, where that finds everything set up."""
    ready = satisfies(Environment(ROOT), SetupOptions())
    return [sys.executable, *(["main.py"] if ready else ["-m", "local_swarm"])]


def begin(host: Host, environment: dict[str, str], *flags: str) -> None:
    command = [*program(), "--port", "8000", "--yes", *flags]
    with (host.home.parent / f"{host.name}.log").open("w", encoding="utf-8") as log:
        host.process = subprocess.Popen(
            ["ip", "netns", "exec", host.space, *command],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            text=True,
        )
    host.url = "http://127.0.0.1:8000"


def run(host: Host, environment: dict[str, str], *words: str) -> tuple[subprocess.CompletedProcess[str], float]:
    began = time.monotonic()
    done = subprocess.run(
        ["ip", "netns", "exec", host.space, *program(), *words],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LONGEST_S,
        check=False,
    )
    return done, time.monotonic() - began


STARTER = ("--starter", "--instances", "3")
CASES = [
    (network, federation, offline)
    for network, federation, offline in product(("loopback", "swallowing"), (True, False), (True, False))
    if network == "swallowing" or federation != offline  # where no packet can leave, two will do
]


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, bool, bool], Trial]]:
    """A daemon for each case, all started at once and asked one after the other, then listened to a while longer."""
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    folder = tmp_path_factory.mktemp("dead")
    with ExitStack() as stack:
        found: dict[tuple[str, bool, bool], Trial] = {}
        for number, case in enumerate(CASES):
            name = f"c{number}"
            if case[0] == "loopback":
                found[case] = Trial(stack.enter_context(loopback_only(folder, name)), None)
            else:
                found[case] = Trial(*stack.enter_context(swallowing(folder, name)))
            flags = STARTER if case[1] else (*STARTER, "--no-federation")
            begin(found[case].host, environment(folder, name, offline=case[2]), *flags)
        for trial in found.values():
            wait_for(trial.host.up, 60.0)
        for trial in found.values():
            trial.answers, trial.seconds = ask_all(trial.host)
        yield found


@namespaces
@pytest.mark.parametrize("case", CASES, ids=str)
def test_nobody_waits_for_a_dead_network(case: tuple[str, bool, bool], trials: dict[Any, Trial]) -> None:
    assert {name: s for name, s in trials[case].seconds.items() if s > MOST_WAIT_S} == {}


@namespaces
@pytest.mark.parametrize("case", CASES, ids=str)
def test_words_decide_and_that_is_said(case: tuple[str, bool, bool], trials: dict[Any, Trial]) -> None:
    answers = trials[case].answers
    for kind in ("prose", "prose again", "similarity"):
        vote = answers[kind]["swarm"]
        assert vote["candidates"] == 3 and vote["strategy"] == "structure", kind
        assert (MISSING in vote["note"] and " download embedding" in vote["note"]) == (kind == "similarity"), kind
    assert "pooled" in answers["embeddings"]["note"] and answers["embeddings"] == answers["embeddings again"]


@namespaces
@pytest.mark.parametrize("case", [case for case in CASES if case[0] == "swallowing"], ids=str)
def test_nothing_leaves_but_what_finds_machines_of_the_lan(
    case: tuple[str, bool, bool], trials: dict[Any, Trial]
) -> None:
    left = trials[case].left
    if not case[1]:
        assert left == {}
        return
    port = load(None, {}, environment={}).network.discovery_port
    assert left and not [packet for packet in left if not packet.discovery(port)]


@namespaces
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_start_says_what_leaves(case: tuple[str, bool, bool], trials: dict[Any, Trial]) -> None:
    [line] = [line for line in trials[case].log.splitlines() if "privacy" in line]
    if case[1]:
        assert "paired machines" in line and "local network hears its name, model and hardware" in line
    else:
        assert f"{KEPT}. " in line and "paired" not in line


@namespaces
def test_a_wish_that_is_not_here_is_not_fetched_by_the_start_but_by_download_which_says_that_it_cannot(
    tmp_path: Path,
) -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    wish = {"LOCAL_SWARM_MODELS_EMBEDDING": "owner/some-model"}
    with swallowing(tmp_path, "w") as (host, capture):
        settings = environment(tmp_path, "w", False, **wish)
        begin(host, settings, *STARTER, "--no-federation")
        wait_for(host.up, 60.0)
        answers, seconds = ask_all(host)
        assert max(seconds.values()) < MOST_WAIT_S and capture.packets == []
        assert "owner/some-model is not on this disk" in answers["similarity"]["swarm"]["note"]
        [line] = [line for line in Trial(host, capture).log.splitlines() if line.startswith("The embedding model ")]
        assert "owner/some-model is not on this disk" in line and " download embedding" in line
        done, took = run(host, {**settings, "HF_ENDPOINT": "http://10.77.9.9"}, "download", "embedding")
        assert done.returncode == 1 and "10.77.9.9 cannot be reached" in done.stderr and took < 30.0
        assert {packet.to for packet in capture.packets} == {"10.77.9.9"}, "the test sees what leaves"
        capture.packets.clear()
        done, _ = run(host, {**settings, "LOCAL_SWARM_OFFLINE": "1"}, "download", "embedding")
        assert done.returncode == 1 and "LOCAL_SWARM_OFFLINE" in done.stderr and capture.packets == []


@namespaces
def test_offline_a_server_of_the_world_is_refused_without_looking_for_it(tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    (tmp_path / "roster.yaml").write_text(ROSTER, encoding="utf-8")
    with swallowing(tmp_path, "r") as (host, capture):
        settings = environment(tmp_path, "r", offline=True)
        begin(host, settings, "--roster", str(tmp_path / "roster.yaml"), "--no-federation")
        wait_for(host.up, 30.0)
        assert max(ask_all(host)[1].values()) < MOST_WAIT_S and capture.packets == []
        [line] = [line for line in Trial(host, capture).log.splitlines() if "privacy" in line]
        assert "api.example.com" in line and KEPT not in line


def test_every_engine_is_told_from_its_start_to_ask_nobody() -> None:
    assert SILENT.items() <= Hosted("some.module", ()).environment.items()
    assert {"HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK"} <= set(SILENT)


def test_what_the_cache_of_the_hub_holds_is_run_without_a_word_to_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the hub could be asked, and huggingface_hub would do so."""
    monkeypatch.delenv("LOCAL_SWARM_OFFLINE", raising=False)
    with serving({"a/b/c.gguf": b"x", "a/folder/config.json": b"{}"}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        for name, value in {"ENDPOINT": hub.url, "HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": False}.items():
            monkeypatch.setattr(constants, name, value)
        for repository, files in (("b", ("c.gguf",)), ("folder", ("config.json", "model.safetensors"))):
            kept = tmp_path / f"models--a--{repository}"
            snapshot = kept / "snapshots" / ("a" * 40)
            snapshot.mkdir(parents=True)
            (kept / "refs").mkdir()
            (kept / "refs" / "main").write_text(snapshot.name)
            for file in files:
                (snapshot / file).write_bytes(b"{}")
        assert locate_model(resolve("a/b:c.gguf")) and locate_model(resolve("a/folder")) == snapshot
        assert hub.asked == []
        (snapshot / "model.safetensors").unlink()  # a broken download is no model
        with pytest.raises(UsageError, match="not in the hub's cache"):
            locate_model(resolve(Source("huggingface", repository="a/folder", local_files_only=True)))
        assert hub.asked == []


def test_mlx_fetches_nothing_that_was_not_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    config = load(None, {"models.engine": "mlx"}, environment={})
    chosen = mlx_model(config, None, Survey())
    assert isinstance(chosen, Source) and chosen.local_files_only and chosen.repository
    kept = tmp_path / "hub" / f"models--{chosen.repository.replace('/', '--')}"
    (kept / "snapshots" / "x").mkdir(parents=True)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("x")
    for name in ("config.json", "model.safetensors"):
        (kept / "snapshots" / "x" / name).write_text("{}")
    assert mlx_model(config, None, Survey()) == chosen.repository


def test_a_query_is_read_as_the_name_it_asks_for() -> None:
    assert question(b"\x03hub\x07example\x00\x00\x01") == "hub.example"

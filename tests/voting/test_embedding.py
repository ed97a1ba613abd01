from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from local_swarm.models import starter
from local_swarm.models.embedding import BUNDLED, CODE, SMALL, place
from local_swarm.paths import SILENT
from local_swarm.voting.similarity import gguf
from local_swarm.voting.similarity.companion import Companion
from local_swarm.voting.similarity.embedding import Embedder
from local_swarm.voting.similarity.source import is_small

LOAD_S = 120.0
sentences = pytest.mark.skipif(
    find_spec("sentence_transformers") is None, reason="sentence-transformers is not installed"
)


@pytest.fixture
def embedder(request: pytest.FixtureRequest) -> Iterator[Embedder]:
    made = Embedder(request.param)
    yield made
    made.close()


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A disk without any embedding model; the home on it."""
    for name, value in (("LOCAL_SWARM_HOME", "home"), ("HF_HOME", "hub")):
        monkeypatch.setenv(name, str(tmp_path / value))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setitem(sys.modules, BUNDLED, None)
    return tmp_path / "home"


@pytest.mark.parametrize("model", ["none", "", "/nowhere/at/all", "/nowhere/model.gguf", "nobody/no-model"])
def test_without_weights_there_is_no_function_and_no_error_at_once(model: str) -> None:
    embedder = Embedder(model)
    embedder.begin()
    assert not embedder.installed and embedder.function(wait_s=3600) is None


@sentences
def test_what_is_not_on_this_disk_is_said_with_the_command_that_fetches_it(bare: Path) -> None:
    auto, named = Embedder("auto"), Embedder("owner/some-model")
    auto.begin()
    assert auto.function(wait_s=3600) is None
    assert auto.source.lack("their words") == (
        "No embedding model is on this disk, so the answers were compared by their words. "
        "Fetch one: python main.py download embedding"
    )
    assert (named.source.lack("structure") or "").startswith(
        "The embedding model owner/some-model is not on this disk, so the answers were compared by structure."
    )
    assert Embedder("none").source.missing is None


@sentences
def test_a_model_that_was_fetched_while_the_swarm_runs_is_found(bare: Path) -> None:
    embedder = Embedder("auto")
    embedder.begin()
    assert embedder.function() is None and "on this disk" in (embedder.source.missing or "")
    place(CODE).mkdir(parents=True)
    for name in ("config.json", "model.safetensors"):
        (place(CODE) / name).write_text("{}")
    assert embedder.installed
    assert (embedder.source.lack("structure") or "").startswith("The embedding model is not loaded yet")


def test_one_that_cannot_be_loaded_is_said_and_not_waited_for(tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    (tmp_path / "broken.gguf").write_bytes(b"GGUF and then nothing")
    embedder = Embedder(str(tmp_path / "broken.gguf"))
    embedder.begin()
    assert "is still loading" in (embedder.source.lack("structure") or "")
    assert embedder.function(wait_s=LOAD_S) is None
    assert embedder.source.lack("structure") == (
        "The embedding model cannot be loaded, so the answers were compared by structure."
    )
    embedder.close()


@pytest.mark.parametrize("embedder", ["auto"], indirect=True)
def test_a_model_loads_in_the_background_and_tells_meanings_apart(embedder: Embedder) -> None:
    library = pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    pytest.importorskip(BUNDLED, reason="the package with the weights is not installed")
    assert embedder.function(wait_s=3600) is None  # not before it is asked to begin
    embedder.begin()
    embed = embedder.function(wait_s=LOAD_S)
    assert embed and embedder.source.lack("their words") is None and embedder.loaded
    texts = ["The cat sleeps on the sofa.", "A cat is asleep on the couch.", "Interest rates rose again."]
    vectors = embed(texts)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-4)
    assert vectors[0] @ vectors[1] > 0.7 > 0.3 > vectors[0] @ vectors[2]
    assert (embed(["Interest rates rose again."])[0] == vectors[2]).all()  # remembered, not computed again
    assert embed(["half an emoji: \ud800", *(f"text {n}" for n in range(40))]).shape == (41, 384)

    # Votes take lighter vectors, which say the same, and who keeps them the exact ones, of the same process.
    exact = embedder.with_exact_vectors()
    assert exact.source is embedder.source and is_small(Path(embedder.loaded))
    other = exact.function(wait_s=LOAD_S)
    assert other
    published = library.SentenceTransformer(embedder.loaded, device="cpu", local_files_only=True).encode(
        texts, normalize_embeddings=True
    )
    assert np.allclose(other(texts), published, atol=1e-5)
    likeness = (vectors * published).sum(axis=1)
    assert (likeness > 0.95).all() and (likeness < 0.9999).any()


@pytest.mark.parametrize("embedder", [str(starter.PATH)], indirect=True)
def test_a_gguf_file_embeds_without_torch_and_comes_back_when_its_process_is_lost(embedder: Embedder) -> None:
    """Whatever llama.cpp loads can embed; the starter model shows the way, not the quality."""
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    embedder.begin()
    embed = embedder.function(wait_s=LOAD_S)
    assert embed and embedder.loaded == str(starter.PATH)
    vectors = embed(["sum the numbers", "read the file", "sum the numbers", ""])
    assert vectors.shape[0] == 4 and np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-4)
    assert vectors[0] @ vectors[2] > 0.999 > vectors[0] @ vectors[1]

    companion = embedder.source._companion
    assert companion
    companion._process.terminate()
    companion._process.wait(LOAD_S)
    with pytest.raises(OSError):  # a broken pipe, or the end of what it says
        embed(["something new"])
    assert embedder.function() is None
    embedder.begin()
    again = embedder.function(wait_s=LOAD_S)
    assert again and again(["something new"]).shape[0] == 1
    embedder.close()
    assert embedder.function() is None
    embedder.begin()
    assert embedder.function(wait_s=3600) is None  # closed for good


def test_its_process_is_told_from_its_start_to_ask_nobody() -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    if not Path("/proc/self/environ").exists():
        pytest.skip("only Linux shows the environment of another process")
    companion = Companion(gguf.__name__, str(starter.PATH))
    try:
        companion.ready()
        told = Path(f"/proc/{companion._process.pid}/environ").read_bytes().split(b"\0")
        assert {f"{name}={value}".encode() for name, value in SILENT.items()} <= set(told)
    finally:
        companion.close()


def test_a_file_that_is_no_model_is_an_error_at_once(tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    (tmp_path / "broken.gguf").write_bytes(b"GGUF and then nothing")
    companion = Companion(gguf.__name__, str(tmp_path / "broken.gguf"))
    with pytest.raises(OSError, match="model"):
        companion.ready()
    companion.close()


def test_votes_and_publishing_share_one_model() -> None:
    for model in (SMALL, "auto", CODE, "/models/other.gguf", "none"):
        one = Embedder(model)
        assert one.with_exact_vectors().source is one.source and one.with_exact_vectors().exact

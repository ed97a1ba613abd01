from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from local_swarm.models import starter
from local_swarm.swarm.similarity.embedding import BUNDLED, CODE, SMALL, Embedder, choices, where
from local_swarm.swarm.similarity.gguf import GgufModel


@pytest.mark.parametrize("model", ["none", "/nowhere/at/all", "/nowhere/model.gguf"])
def test_without_weights_there_is_no_function_and_no_error(model: str) -> None:
    embedder = Embedder(model, offline=True)
    embedder.begin()
    assert not embedder.installed and embedder.function(wait_s=60) is None


def test_a_model_loads_in_the_background_and_tells_meanings_apart() -> None:
    pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    pytest.importorskip(BUNDLED, reason="the package with the weights is not installed")
    embedder = Embedder("auto", offline=True)
    assert embedder.function() is None  # not before it is asked to begin
    embedder.begin()
    embed = embedder.function(wait_s=120)
    assert embed
    vectors = embed(["The cat sleeps on the sofa.", "A cat is asleep on the couch.", "Interest rates rose again."])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-4)
    assert vectors[0] @ vectors[1] > 0.7 > 0.3 > vectors[0] @ vectors[2]
    assert (embed(["Interest rates rose again."])[0] == vectors[2]).all()  # remembered, not computed again


def test_votes_take_lighter_vectors_which_say_the_same_and_who_keeps_them_the_exact_ones() -> None:
    library = pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    pytest.importorskip(BUNDLED, reason="the package with the weights is not installed")
    texts = ["The cat sleeps on the sofa.", "A cat is asleep on the couch.", "def add(a, b): return a + b"]
    light = Embedder("auto", offline=True)
    exact = light.publishing()
    for embedder in (light, exact):
        embedder.begin()
    one, other = light.function(wait_s=120), exact.function(wait_s=120)
    assert one and other
    published = library.SentenceTransformer(where(SMALL), device="cpu").encode(texts, normalize_embeddings=True)
    assert np.allclose(other(texts), published, atol=1e-5)
    assert ((one(texts) * published).sum(axis=1) > 0.95).all()


def test_only_what_votes_round_is_loaded_a_second_time() -> None:
    for model, both in ((SMALL, True), ("auto", True), (CODE, False), ("/models/other.gguf", False), ("none", False)):
        one = Embedder(model, offline=True)
        assert (one.publishing() is not one) == both


def test_offline_nothing_is_asked_of_the_hub() -> None:
    assert all(on_disk for _, on_disk in choices("auto", offline=True))
    assert [name for name, on_disk in choices("auto", offline=False) if not on_disk] == [CODE, SMALL]


def test_a_folder_is_a_folder_and_all_else_an_id(tmp_path: object) -> None:
    assert where(str(tmp_path)) == str(tmp_path)
    assert where("org/other-model") == "org/other-model"


def test_a_gguf_file_embeds_without_torch() -> None:
    """Whatever llama.cpp loads can embed; the starter model shows the way, not the quality."""
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    embedder = Embedder(str(starter.PATH), offline=True)
    embedder.begin()
    embed = embedder.function(wait_s=60)
    assert embed and embedder.loaded == str(starter.PATH)
    vectors = embed(["sum the numbers", "read the file", "sum the numbers", ""])
    assert vectors.shape[0] == 4 and np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-4)
    assert vectors[0] @ vectors[2] > 0.999 > vectors[0] @ vectors[1]
    embedder.close()
    assert embedder.function() is None


def test_a_file_that_is_no_model_is_an_error_at_once(tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    (tmp_path / "broken.gguf").write_bytes(b"GGUF and then nothing")
    with pytest.raises(OSError, match="ended"):
        GgufModel(tmp_path / "broken.gguf")

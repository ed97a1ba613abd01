from __future__ import annotations

import numpy as np
import pytest

from local_swarm.swarm.similarity.embedding import BUNDLED, Embedder, where

DEFAULT = "sentence-transformers/all-MiniLM-L6-v2"


def test_without_weights_there_is_no_function_and_no_error() -> None:
    embedder = Embedder("/nowhere/at/all", offline=True)
    assert embedder.function() is None
    embedder.begin()
    assert embedder.function(wait_s=60) is None


def test_a_model_loads_in_the_background_and_tells_meanings_apart() -> None:
    pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    pytest.importorskip(BUNDLED, reason="the package with the weights is not installed")
    embedder = Embedder(DEFAULT, offline=True)
    assert embedder.function() is None  # not before it is asked to begin
    embedder.begin()
    embed = embedder.function(wait_s=120)
    assert embed
    vectors = embed(["The cat sleeps on the sofa.", "A cat is asleep on the couch.", "Interest rates rose again."])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-4)
    assert vectors[0] @ vectors[1] > 0.7 > 0.3 > vectors[0] @ vectors[2]


def test_a_folder_is_a_folder_and_all_else_an_id(tmp_path: object) -> None:
    assert where(str(tmp_path)) == str(tmp_path)
    assert where("org/other-model") == "org/other-model"

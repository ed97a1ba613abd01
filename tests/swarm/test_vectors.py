from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

from local_swarm.models import starter
from local_swarm.swarm.vectors import POOLED, Vectors
from local_swarm.testing.fake_backend import FakeBackend
from local_swarm.voting.similarity.embedding import Embedder

pytestmark = pytest.mark.anyio
TEXTS = ["The cat sits on the mat.", "Interest rates rose again."]


@pytest.mark.parametrize("model", ["/none", "nobody/no-such-model"])
async def test_without_an_embedding_model_vectors_are_pooled_at_once_and_that_is_said(model: str) -> None:
    backend = FakeBackend()
    await backend.start()
    began = time.monotonic()
    made = await Vectors(Embedder(model), backend, wait_s=3600)(TEXTS)
    assert made.note == POOLED and made.model == "fake" and len(made.vectors) == 2
    assert time.monotonic() - began < 1.0


async def test_an_embedding_model_is_used_where_there_is_one_and_its_loss_is_no_error() -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    backend = FakeBackend()
    await backend.start()
    embedder = Embedder(str(starter.PATH))
    vectors = Vectors(embedder, backend)
    try:
        made = await vectors(TEXTS)
        assert made.note is None and made.model == str(starter.PATH) and len(made.vectors) == 2
        companion = embedder.source._companion
        assert companion
        os.kill(companion._process.pid, signal.SIGTERM)
        await asyncio.to_thread(companion._process.wait, 5)
        assert (await vectors(["another text"])).note == POOLED
        assert (await vectors(["another text"])).note is None  # it was started again
    finally:
        embedder.close()

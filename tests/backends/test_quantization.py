"""Weights that bitsandbytes keeps in fewer bits, on a processor: little changes in what the model says."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("transformers", reason="transformers is not installed")

from local_swarm.backends.transformers.model import TransformersModel, bitsandbytes_config
from local_swarm.errors import UsageError

PROMPT = list(range(40, 72))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model with random weights. On a processor bitsandbytes takes 4 bits only for widths that 64 divides."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = {"hidden_size": 256, "intermediate_size": 512, "vocab_size": 512}
    place = tmp_path_factory.mktemp("model")
    config = LlamaConfig(**shape, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4)
    LlamaForCausalLM(config).save_pretrained(place)
    return place


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize("quantization", ["int8", "nf4", "int4"])
def test_weights_in_fewer_bits_say_nearly_the_same(folder: Path, quantization: str) -> None:
    import numpy as np

    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed")

    def scores(model: TransformersModel) -> np.ndarray:
        memory = model.new_memory()
        model.prefill(memory, PROMPT[:-1])
        return np.asarray(model.decode(memory, PROMPT[-1:])[0], dtype=np.float64)

    whole, small = (
        scores(TransformersModel(folder, "cpu")),
        scores(TransformersModel(folder, "cpu", quantization=quantization)),
    )
    likeness = float(whole @ small / np.linalg.norm(whole) / np.linalg.norm(small))
    assert 0.9 < likeness < 1 and not np.array_equal(whole, small)


def test_what_bitsandbytes_cannot_use_is_said_before_anything_is_loaded() -> None:
    import torch

    assert bitsandbytes_config(None, torch.device("mps")) is None
    with pytest.raises(UsageError, match="cannot use mps"):
        bitsandbytes_config("nf4", torch.device("mps"))

"""What a GGUF file is, told by its header before anything is loaded: made from the starter model, one change each."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from local_swarm.errors import BadModelFile
from local_swarm.models.gguf import read_header
from local_swarm.models.model_kind import remarks, require_text_model
from local_swarm.models.resolve import of_path
from tests.models.made_files import changed, gguf, read_whole, written

WEIGHTS = ((4, 4), 0, bytes(64))
TOKENIZER = {key: one for key, one in read_whole().entries.items() if key.startswith("tokenizer.")}
NONE_OF_IT: Mapping[str, Any] = dict.fromkeys(TOKENIZER)
TENSORS = read_whole().tensors


def told(folder: Path, data: bytes, name: str = "model.gguf") -> str:
    with pytest.raises(BadModelFile) as problem:
        of_path(written(folder / name, data))
    return problem.value.message


def one(architecture: str, name: str = "blk.0.weight", **entries: Any) -> bytes:
    return gguf({"general.architecture": architecture, **entries}, {name: WEIGHTS})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (one("clip", "v.patch_embd.weight"), "projector"),
        (one("llama", **{"general.type": "mmproj"}), "projector"),
        (one("llama", **{"general.type": "adapter", "adapter.type": "lora"}), "LoRA adapter"),
        (gguf({"general.architecture": "llama"}, {"q.lora_a": WEIGHTS, "q.lora_b": WEIGHTS}), "LoRA adapter"),
        (changed({"general.type": "adapter"}), "LoRA adapter"),
        (one("controlvector", "direction.1"), "control vector"),
        (gguf({"general.type": "imatrix"}, {"q.in_sum2": WEIGHTS}), "importance matrix"),
        (gguf(read_whole().entries), "vocabulary without weights"),
        (one("flux", "double_blocks.0.img_attn.qkv.weight"), "image or video model"),
        (gguf({}, {"model.diffusion_model.input_blocks.0.0.weight": WEIGHTS}), "image or video model"),
        (changed(architecture="wavtokenizer-dec"), "audio model"),
        (changed(architecture="dream"), "diffusion language model"),
        (changed({"diffusion.shift_logits": True, "llama.attention.causal": False}), "diffusion language model"),
        (changed({"llama.pooling_type": 4}), "reranker"),
        (changed({"llama.classifier.output_labels": ["yes", "no"]}), "reranker"),
        (changed(architecture="t5"), "encoder-decoder"),
        (changed(architecture="t5encoder"), "embedding model"),
        (changed(architecture="nomic-bert"), "embedding model"),
        (changed(architecture="gemma-embedding"), "embedding model"),
        (changed({"llama.attention.causal": False}), "embedding model"),
        (changed({"llama.pooling_type": 3}), "embedding model"),
        (changed(architecture="eagle3"), "draft head"),
        (changed(tensors=dict.fromkeys(name for name in TENSORS if not name.startswith("blk.3"))), "part of a model"),
        (changed(NONE_OF_IT), "no vocabulary"),
        (changed({"tokenizer.ggml.model": "none"}), "no vocabulary"),
        (changed({"general.type": "dataset"}), "of the type 'dataset'"),
    ],
)
def test_what_is_no_model_that_writes_text_is_told_for_what_it_is(tmp_path: Path, data: bytes, words: str) -> None:
    said = told(tmp_path, data)
    assert words in said and said.count(". ") >= 1, said  # what it is, and what to do


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ({"llama.block_count": 0}, "block_count 0"),
        ({"llama.block_count": 2**32 - 1}, "block_count 4294967295"),
        ({"llama.block_count": "four"}, "block_count four"),
        ({"llama.block_count": None}, "no block_count"),
        ({"llama.embedding_length": 0}, "embedding_length 0"),
        ({"llama.embedding_length": 2**31}, "embedding_length"),
        ({"llama.context_length": None}, "no context_length"),
        ({"llama.attention.head_count_kv": 2**31}, "attention heads"),
        ({"general.architecture": None}, "names no architecture"),
    ],
)
def test_numbers_that_no_model_has_are_told_and_not_planned_with(
    tmp_path: Path, entries: Mapping[str, Any], words: str
) -> None:
    assert words in told(tmp_path, changed(entries))


def test_a_context_of_nothing_and_wrong_end_tokens_are_no_reason_to_refuse(tmp_path: Path) -> None:
    for entries in ({"llama.context_length": 0}, {"tokenizer.ggml.eos_token_id": 99_999}, {"general.type": "model"}):
        assert of_path(written(tmp_path / "model.gguf", changed(entries))).model


def test_a_model_without_a_template_runs_and_is_told_to_be_a_base_model(tmp_path: Path) -> None:
    words = struct.pack("<IIQ", 9, 8, 2) + b"".join(struct.pack("<Q", len(one)) + one for one in (b"a", b"b"))
    base = changed({"tokenizer.chat_template": None, "tokenizer.ggml.tokens": words})
    found = of_path(written(tmp_path / "base.gguf", base)).model
    assert found and "no chat template" in found.remarks[0] and "instruct" in found.remarks[0]
    with_marks = read_header(written(tmp_path / "marks.gguf", changed({"tokenizer.chat_template": "  "})))
    assert with_marks.chatml and "ChatML" in remarks(with_marks)[0]
    assert remarks(read_header(written(tmp_path / "whole.gguf", changed()))) == []


def test_weights_of_a_type_that_ggml_has_given_up_are_refused_and_of_a_newer_one_told(tmp_path: Path) -> None:
    shape, _, values = TENSORS["output_norm.weight"]
    old = changed(tensors={"output_norm.weight": (shape, 31, values)})
    assert "given up" in told(tmp_path, old)
    newer = read_header(written(tmp_path / "new.gguf", changed(tensors={"output_norm.weight": (shape, 57, values)})))
    assert "type 57" in remarks(require_text_model(newer))[0]

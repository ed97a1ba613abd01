"""What a folder holds is told by its files and settings before anything is loaded, and whether all of it is there."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from local_swarm.errors import BadModelFile
from local_swarm.models.folder import read_folder
from local_swarm.models.folder_kind import require_package

CONFIG = {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
HEADER = json.dumps({"a": {"dtype": "F32", "shape": [16], "data_offsets": [0, 64]}}).encode()
WEIGHTS = struct.pack("<Q", len(HEADER)) + HEADER + bytes(64)
ENDLESS = b'{"a": {"data_offsets": [0, 1e999]}}'
WHOLE: Mapping[str, bytes] = {"model.safetensors": WEIGHTS, "tokenizer.json": b"{}"}
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 9\n"
INDEX = json.dumps({"weight_map": {"a": "model.safetensors", "b": "second.safetensors"}}).encode()


def made(folder: Path, files: Mapping[str, bytes], config: Mapping[str, Any] | bytes | None = CONFIG) -> Path:
    for name, data in files.items():
        (folder / name).write_bytes(data)
    if config is not None:
        (folder / "config.json").write_bytes(config if isinstance(config, bytes) else json.dumps(config).encode())
    return folder


@pytest.mark.parametrize(
    ("files", "config", "words"),
    [
        ({"adapter_config.json": b"{}", "adapter_model.safetensors": WEIGHTS}, None, "LoRA adapter"),
        ({"model_index.json": b"{}"}, None, "pipeline of diffusers"),
        ({"b.gguf": b"GGUF", "a.gguf": b"GGUF"}, None, "holds .gguf files: a.gguf, b.gguf. Give one of them"),
        (WHOLE, None, "needs config.json"),
        ({**WHOLE, "modules.json": b"[]"}, CONFIG, "embedding model"),
        (WHOLE, {"model_type": "siglip", "architectures": ["SiglipModel"]}, "vision model"),
        (WHOLE, {"model_type": "whisper"}, "speech model"),
        (WHOLE, {**CONFIG, "is_encoder_decoder": True}, "encoder-decoder"),
        (WHOLE, {"model_type": "bert", "architectures": ["BertForMaskedLM"]}, "makes vectors"),
        (WHOLE, {"architectures": ["XLMRobertaForSequenceClassification"]}, "classifies or ranks"),
        (WHOLE, {"architectures": ["BertModel"]}, "writes no text"),
        (WHOLE, {**CONFIG, "quantization_config": {"quant_method": "exl2"}}, "only ExLlama runs"),
        ({"pytorch_model.bin": b"x", "tokenizer.json": b"{}"}, CONFIG, "pickle"),
        ({"model.onnx": b"x", "tokenizer.json": b"{}"}, CONFIG, "ONNX"),
        (
            {**WHOLE, "model.safetensors.index.json": INDEX},
            CONFIG,
            "lacks 1 of its 2 files of weights: second.safetensors",
        ),
        ({"model.safetensors": WEIGHTS}, CONFIG, "no tokenizer.json"),
        ({**WHOLE, "model.safetensors": POINTER}, CONFIG, "Git LFS pointer"),
        ({**WHOLE, "model.safetensors": WEIGHTS[:-9]}, CONFIG, "cut off"),
        ({**WHOLE, "model.safetensors": struct.pack("<Q", len(ENDLESS)) + ENDLESS}, CONFIG, "damaged"),
        ({**WHOLE, "model.safetensors": WEIGHTS[:20]}, CONFIG, "cut off or damaged"),
        ({**WHOLE, "model.safetensors": bytes(4096)}, CONFIG, "damaged"),
        ({**WHOLE, "model.safetensors": b""}, CONFIG, "cut off or damaged"),
        (WHOLE, POINTER, "config.json is a Git LFS pointer"),
        (WHOLE, b"<!doctype html><title>Log in</title>", "a web page that says 'Log in'"),
        (WHOLE, b'{"a":', "config.json is no JSON object"),
        (WHOLE, b"[" * 100_000, "config.json is no JSON object"),
    ],
)
def test_what_is_no_whole_model_that_writes_text_is_told_for_what_it_is(
    tmp_path: Path, files: Mapping[str, bytes], config: Mapping[str, Any] | bytes | None, words: str
) -> None:
    with pytest.raises(BadModelFile) as problem:
        read_folder(made(tmp_path, files, config))
    assert words in problem.value.message


def test_a_whole_folder_is_read_and_says_whether_it_knows_the_marks_of_chatml(tmp_path: Path) -> None:
    assert not read_folder(made(tmp_path, WHOLE)).chatml
    assert read_folder(made(tmp_path, {"tokenizer.json": b'{"content": "<|im_start|>"}'})).chatml


@pytest.mark.parametrize("method", ["gptq", "awq", "bitsandbytes", "compressed-tensors"])
def test_weights_that_need_a_further_package_name_it(tmp_path: Path, method: str) -> None:
    config = {"quantization_config": {"quant_method": method}}
    with pytest.raises(BadModelFile, match=r"pip install"):
        require_package(tmp_path, config, lambda _: False)
    require_package(tmp_path, config, lambda _: True)
    require_package(tmp_path, {}, lambda _: False)

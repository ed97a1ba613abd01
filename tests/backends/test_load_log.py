"""Why llama.cpp does not load a file reaches the user in its own words, with what to do: by its log, and by real loads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from local_swarm.backends.llamacpp.load_log import LoadLog, context_failure, load_failure, reason_of
from local_swarm.errors import BadModelFile, DoesNotFit
from tests.models.made_files import changed, read_whole, written

LAST = "llama_model_load_from_file_impl: failed to load model"
NORM = read_whole().tensors["output_norm.weight"]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (
            ["llama_model_load: error loading model: unknown model architecture: 'x'", LAST],
            "unknown model architecture: 'x'",
        ),
        (
            [
                "llama_model_load: error loading model: error loading model vocabulary: unknown pre-tokenizer type: 'y'",
                LAST,
            ],
            "unknown pre-tokenizer type: 'y'",
        ),
        (
            [
                "gguf_init_from_reader: tensor 'a' has invalid ggml type 57. should be in [0, 43)",
                "gguf_init_from_reader: failed to read tensor info",
                "llama_model_load: error loading model: llama_model_loader: failed to load model from /m.gguf",
                LAST,
            ],
            "tensor 'a' has invalid ggml type 57. should be in [0, 43)",
        ),
        (
            [
                "ggml_aligned_malloc: insufficient memory (attempted to allocate 2346.00 MB)",
                "llama_init_from_model: failed to initialize the context: failed to allocate buffer for kv cache",
            ],
            "insufficient memory (attempted to allocate 2346.00 MB)",
        ),
        ([LAST], "failed to load model"),
        ([], "no reason given"),
    ],
)
def test_the_last_line_that_says_something_is_the_reason(lines: list[str], reason: str) -> None:
    assert reason_of(lines) == reason


def test_errors_are_kept_with_their_continuations_and_other_lines_are_not() -> None:
    log = LoadLog()
    for level, text in (
        (2, b"loading\n"),
        (5, b"...\n"),
        (4, b"x: one "),
        (5, b"thing\n"),
        (3, b"a warning\n"),
        (5, b"!\n"),
    ):
        log(level, text, None)
    assert log.reason == "one thing"
    log.clear()
    assert log.reason == "no reason given"
    for number in range(100):
        log(4, f"f: {number}".encode(), None)
    assert len(log.lines) == 20 and log.reason == "99"


@pytest.mark.parametrize(
    "reason",
    [
        "std::bad_alloc",
        "mmap failed: Cannot allocate memory",
        "cudaMalloc failed: out of memory",
        "ErrorOutOfDeviceMemory",
    ],
)
def test_memory_that_runs_out_is_told_apart_from_bad_files(reason: str) -> None:
    assert isinstance(load_failure(Path("m.gguf"), reason, "x"), DoesNotFit)
    assert isinstance(context_failure(Path("m.gguf"), 9, reason), DoesNotFit)
    assert isinstance(context_failure(Path("m.gguf"), 9, "V cache quantization requires flash_attn"), BadModelFile)


@pytest.mark.parametrize(
    ("change", "words", "newer"),
    [
        ({"architecture": "llama9000"}, "unknown model architecture: 'llama9000'", True),
        ({"entries": {"tokenizer.ggml.pre": "gpt-9"}}, "unknown pre-tokenizer type: 'gpt-9'", True),
        ({"entries": {"tokenizer.ggml.model": "new"}}, "unknown tokenizer: 'new'", True),
        ({"tensors": {"output_norm.weight": (NORM[0], 57, NORM[2])}}, "invalid ggml type 57", True),
        ({"tensors": {"blk.1.attn_q.weight": None}}, "tensor 'blk.1.attn_q.weight' not found", False),
        ({"tensors": {"output_norm.weight": ((64,), 0, bytes(256))}}, "wrong shape", False),
        ({"entries": {"llama.block_count": 5}}, "tensor 'blk.4.attn_norm.weight' not found", False),
        ({"entries": {"llama.block_count": "four"}}, "wrong type str but expected type u32", False),
        ({"entries": {"tokenizer.ggml.merges": None}}, "cannot find tokenizer merges", False),
        ({"architecture": "clip"}, "CLIP cannot be used as main model", False),
    ],
)
def test_llama_cpps_own_reason_reaches_the_user(
    tmp_path: Path, change: Mapping[str, Any], words: str, newer: bool
) -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    from local_swarm.backends.llamacpp import library

    library.open_library()
    path = written(tmp_path / "модель 太郎.gguf", changed(**change))
    with pytest.raises(BadModelFile) as problem:
        library.LoadedModel(path, gpu_layers=0)
    said = problem.value.message
    assert words in said and str(path) in said and "failed to load model" not in said
    assert ("newer llama.cpp" in said) == newer


def test_names_in_every_script_lead_to_their_files(tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    from local_swarm.backends.llamacpp import library

    library.open_library()
    folder = tmp_path / "田中　太郎" / "Zoë's модели 🙂"
    folder.mkdir(parents=True)
    model = library.LoadedModel(written(folder / "ملف.gguf", changed()), gpu_layers=0)
    assert model.parameters > 0
    model.close()

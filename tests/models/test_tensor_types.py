"""The table of tensor types is ggml's, and what is not in it is never priced as nothing."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import pytest

from local_swarm.errors import BadModelFile
from local_swarm.models.gguf import BLOCKS, read_header
from local_swarm.models.planner import QUANTIZATIONS
from tests.models.made_files import gguf, written


def test_every_type_of_the_installed_ggml_has_its_size_here() -> None:
    """A new llama-cpp-python may bring new types: then this names them."""
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    from llama_cpp import llama_cpp as lib
    from llama_cpp._ggml import libggml

    libggml.ggml_type_size.restype, libggml.ggml_blck_size.restype = ctypes.c_size_t, ctypes.c_int64
    known = {kind: (libggml.ggml_blck_size(kind), libggml.ggml_type_size(kind)) for kind in range(lib.GGML_TYPE_COUNT)}
    assert {kind: size for kind, size in known.items() if size[1]} == BLOCKS


def test_every_quantization_of_the_installed_llama_cpp_has_its_name_here() -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    from llama_cpp import llama_cpp as lib

    found = {name: value for name, value in vars(lib).items() if name.startswith("LLAMA_FTYPE_") and value < 1024}
    names = {value: re.sub(r"LLAMA_FTYPE_(?:MOSTLY|ALL)_|_MOE$", "", name).lower() for name, value in found.items()}
    assert names == QUANTIZATIONS


@pytest.mark.parametrize("kind", [40, 41, 42])
def test_the_newest_types_are_priced_and_cut_files_of_them_noticed(tmp_path: Path, kind: int) -> None:
    values, (each, size) = 256 * 64, BLOCKS[kind]
    data = gguf({"general.architecture": "x"}, {"a": ((values,), kind, b"\1" * (values // each * size))})
    assert read_header(written(tmp_path / "m.gguf", data)).weights_bytes == values // each * size
    with pytest.raises(BadModelFile, match="cut off"):
        read_header(written(tmp_path / "m.gguf", data[:-99]))


def test_a_type_that_nobody_knows_counts_as_far_as_the_next_weights_begin(tmp_path: Path) -> None:
    tensors = {"a": ((64,), 99, b"\1" * 320), "b": ((8,), 0, b"\1" * 32), "c": ((64,), 98, b"\1" * 640)}
    header = read_header(written(tmp_path / "m.gguf", gguf({"general.architecture": "x"}, tensors)))
    assert header.weights_bytes == 320 + 32 + 640 and header.unknown_types == {98, 99}

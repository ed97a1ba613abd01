"""What the selector books for a memory is what llama.cpp reserves for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
pytest.importorskip("gguf", reason="the package gguf is not installed")

from local_swarm.backends.llamacpp import library
from local_swarm.models.gguf import Header, read_header
from local_swarm.models.memory_shape import PIECE
from local_swarm.models.planner import KV_BYTES
from local_swarm_benchmarks.shapes import SHAPES, write

FEW, MANY = 8_192, 262_144  # cells
KINDS = ("tiny-dense", "tiny-experts", "tiny-window", "tiny-hybrid")


@pytest.fixture(scope="module", params=KINDS)
def header(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Header]:
    library.open_library()
    path = tmp_path_factory.mktemp(request.param) / "model.gguf"
    write(SHAPES[request.param], path)
    yield read_header(path)


def reserved(path: Path, cells: int) -> int:
    """Address space that a memory of so many cells takes."""
    model = library.LoadedModel(path, gpu_layers=0)
    before = psutil.Process().memory_info().vms
    memory = library.Context(model, cells, 4, 512, 1)
    taken = psutil.Process().memory_info().vms - before
    memory.close()
    model.close()
    return taken


@pytest.mark.skipif(sys.platform != "linux", reason="address space is counted in another way here")
def test_what_grows_with_the_cells_is_booked(header: Header) -> None:
    grown = reserved(header.path, MANY) - reserved(header.path, FEW)
    keys = header.shape.kv_values * KV_BYTES["f16"] * (MANY - FEW)
    window = 4 * PIECE * (MANY - FEW) * bool(header.number("attention.sliding_window"))  # as much as a head
    assert grown == pytest.approx(keys + header.shape.scores_bytes(MANY - FEW) + window, rel=0.1)

"""Whatever requests come, join, share beginnings and leave: the engine's books agree with llama.cpp and nothing is lost."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
pytest.importorskip("gguf", reason="the package gguf is not installed")

from local_swarm.backends.llamacpp import library
from local_swarm.backends.llamacpp.engine import LlamaCppEngine
from local_swarm.backends.process import messages
from local_swarm_benchmarks.shapes import SHAPES, write

CELLS, SEQUENCES, CONTEXT = 1000, 7, 450
ROUNDS = 40


def prompt(random: Random) -> str:
    """One of a few talks, up to some place, and sometimes something else from there on."""
    talk = Random(random.randrange(3))
    text = "".join(talk.choice("abcdefgh") for _ in range(400))[: random.randint(1, 400)]
    return text + "".join(random.choice("abcdefgh") for _ in range(random.choice((0, 0, 20))))


def disturb(engine: LlamaCppEngine, random: Random, job: int) -> None:
    seats = random.randint(1, SEQUENCES)
    engine.submit(
        messages.Generate(
            job, str(job % 3), prompt(random), [0.8] * seats, list(range(seats)), random.randint(1, 20), [], {}
        )
    )
    if random.random() < 0.3:
        engine.cancel(messages.Cancel(random.randint(1, job), random.choice((None, [0, 2]))))
    for _ in range(random.randint(0, 12)):
        engine.step()
        cache = engine.cache
        assert cache.sequences_free >= engine.scheduler.sequences_promised >= 0
        assert cache.cells_free >= engine.scheduler.cells_promised >= 0


@pytest.mark.parametrize("seed", [0, 2, 10, 18, 35])
@pytest.mark.parametrize("shape", ["tiny-dense", "tiny-window", "tiny-hybrid"])
def test_the_books_balance_whatever_comes(shape: str, seed: int, tmp_path: Path) -> None:
    path = tmp_path / f"{shape}.gguf"
    write(SHAPES[shape], path)
    library.open_library()
    model = library.LoadedModel(path, gpu_layers=0)
    memory = library.Context(model, CELLS, SEQUENCES, 256, threads=1, outputs=SEQUENCES + 24)
    engine = LlamaCppEngine(model, memory, CONTEXT, answer_tokens=50, host_cache_bytes=1 << 22)
    random = Random(seed)
    for job in range(1, ROUNDS + 1):
        disturb(engine, random, job)
    for _ in range(20_000):
        if engine.idle:
            break
        engine.step()
    cache = engine.cache
    assert engine.idle and engine.scheduler.cells_promised == engine.scheduler.sequences_promised == 0
    assert sorted([*cache.unused, *cache.idle]) == list(range(SEQUENCES))
    assert all(memory.length(one) == cache.prefixes.length(one) for one in range(SEQUENCES))
    memory.close()
    model.close()

"""What is remembered is right: scores with reuse equal scores without, for every class of architecture, on real llama.cpp.

The bound is what correct runs differ by that read the same prompt in different portions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import pytest

pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
pytest.importorskip("gguf", reason="the package gguf is not installed")

from local_swarm.backends.llamacpp import library
from local_swarm.backends.llamacpp.cache import WORTH_KEEPING, KVCache, StartedSequence
from local_swarm.backends.sampling import Scores
from local_swarm.models import starter
from local_swarm.models.gguf import read_header
from local_swarm_benchmarks.shapes import SHAPES, write

KINDS = ("starter", "tiny-dense", "tiny-experts", "tiny-window", "tiny-hybrid")
CELLS, SEQUENCES = 2048, 6
SHELF_BYTES = 1 << 24


@dataclass
class Bench:
    """A model with a fresh cache."""

    model: library.LoadedModel
    memory: library.Context
    cache: KVCache

    def tokens(self, count: int, seed: int) -> list[int]:
        random = Random(seed)
        return [random.randrange(10, 500) for _ in range(count)]

    def read(self, tokens: list[int], portion: int = 512, cells: int = 0) -> tuple[StartedSequence, Scores]:
        """Read a prompt as the engine does: what memory does not know, pausing for checkpoints. `cells` are for its answers."""
        begun = self.cache.begin(tokens, cells, 1)
        at = begun.cached
        borders = [begun.parting or 0, len(tokens) - 1, len(tokens)]
        while at < len(tokens):
            end = min(at + portion, *(border for border in borders if border > at))
            self.decode(begun.sequence, tokens[at:end], at)
            self.cache.extend(begun.sequence, tokens[at:end])
            at = end
            if at in borders[:2]:
                self.cache.checkpoint(begun.sequence)
        return begun, self.memory.scores(1)[0].copy()

    def decode(self, sequence: int, tokens: list[int], at: int) -> Scores:
        self.memory.batch.clear()
        self.memory.batch.add(sequence, at, tokens, "last")
        assert self.memory.decode(self.memory.batch)
        scores: Scores = self.memory.scores(1)[0].copy()
        return scores

    def bound(self, tokens: list[int]) -> tuple[Scores, float]:
        """The right scores after a prompt and how much correct ones may differ from them; leaves nothing behind."""
        found = []
        for portion in (512, 61, 7, 1):
            self.cache.clear()
            for at in range(0, len(tokens), portion):
                scores = self.decode(0, tokens[at : at + portion], at)
            found.append(scores)
        self.cache.clear()
        return found[0], 2 * max(far(found[0], one) for one in found[1:])


@pytest.fixture(scope="module", params=KINDS)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[library.LoadedModel]:
    path = starter.PATH
    if request.param != "starter":
        path = tmp_path_factory.mktemp("shapes") / f"{request.param}.gguf"
        write(SHAPES[request.param], Path(path))
    library.open_library()
    made = library.LoadedModel(path, gpu_layers=0)
    yield made
    made.close()


@pytest.fixture
def bench(model: library.LoadedModel) -> Iterator[Bench]:
    memory = library.Context(model, CELLS, SEQUENCES, 512, threads=1)
    yield Bench(model, memory, KVCache(memory, SHELF_BYTES))
    memory.close()


def far(one: Scores, other: Scores) -> float:
    return float(np.abs(one - other).max())


def test_the_next_turn_reads_only_what_is_new(bench: Bench) -> None:
    turn = bench.tokens(600, 1)
    following = turn + bench.tokens(50, 2)
    right, bound = bench.bound(following)
    begun, _ = bench.read(turn)
    bench.cache.retire(begun.sequence)
    begun, scores = bench.read(following)
    assert begun.cached == len(turn) and far(scores, right) <= bound
    assert bench.cache.cells_used == len(following)


@pytest.mark.parametrize("cells", [50, 600])
def test_a_long_talk_goes_on_where_it_was_though_memory_holds_it_only_once(bench: Bench, cells: int) -> None:
    """The turn, an answer that the talk does not go on with, and the next turn, with room for all three or for two of them."""
    turn = bench.tokens(1200, 1)
    following = turn + bench.tokens(100, 2)
    right, bound = bench.bound(following)
    begun, _ = bench.read(turn)
    answer = bench.tokens(300, 3)
    bench.decode(begun.sequence, answer, len(turn))
    bench.cache.extend(begun.sequence, answer)
    bench.cache.retire(begun.sequence)
    begun, scores = bench.read(following, cells=cells)
    assert begun.cached >= len(turn) - 1 and far(scores, right) <= bound
    assert bench.memory.cells - bench.cache.cells_used >= cells


def test_the_same_prompt_again_reads_one_token(bench: Bench) -> None:
    prompt = bench.tokens(400, 1)
    right, bound = bench.bound(prompt)
    for again in (False, True):
        begun, scores = bench.read(prompt)
        assert begun.cached == (len(prompt) - 1 if again else 0) and far(scores, right) <= bound
        bench.cache.retire(begun.sequence)


def test_prompts_that_share_a_beginning_share_it_in_memory(bench: Bench) -> None:
    """Where state cannot be cut the second prompt pays for a checkpoint at the parting, and the third one gains by it."""
    shared = bench.tokens(500, 1)
    prompts = [shared + bench.tokens(60, seed) for seed in (2, 3, 4)]
    right, bound = bench.bound(prompts[2])
    reused = []
    for prompt in prompts:
        begun, scores = bench.read(prompt)
        bench.cache.retire(begun.sequence)
        reused.append(begun.cached)
    assert reused[2] >= len(shared) and far(scores, right) <= bound
    assert reused[1] == (0 if bench.cache.whole else reused[2])


def test_forks_of_one_prompt_go_their_own_ways(bench: Bench) -> None:
    prompt, ways = bench.tokens(300, 1), [bench.tokens(20, seed) for seed in (2, 3)]
    expected = [bench.bound(prompt + way) for way in ways]
    begun, _ = bench.read(prompt)
    twin = bench.cache.branch(begun.sequence, len(prompt))
    for sequence, way, (right, bound) in zip((begun.sequence, twin), ways, expected, strict=True):
        for at, token in enumerate(way):
            scores = bench.decode(sequence, [token], len(prompt) + at)
        bench.cache.extend(sequence, way)
        assert far(scores, right) <= bound
    assert bench.cache.cells_used == len(prompt) + 2 * len(ways[0])


def test_branches_part_in_the_middle_of_an_answer(bench: Bench) -> None:
    prompt, same, *ways = (bench.tokens(count, seed) for seed, count in enumerate((300, 9, 7, 7, 7)))
    parts = [len(prompt) + len(same)] * 3
    if not bench.cache.whole:  # as where a draft was right for one and wrong for another
        parts[2] -= 4
    stems = [(prompt + same)[:part] for part in parts]
    expected = [bench.bound(stem + way) for stem, way in zip(stems, ways, strict=True)]
    begun, _ = bench.read(prompt)

    def write(sequence: int, tokens: list[int], at: int) -> Scores:
        for place, token in enumerate(tokens):
            scores = bench.decode(sequence, [token], at + place)
            bench.cache.extend(sequence, [token])
        return scores

    write(begun.sequence, same, len(prompt))
    sequences = [begun.sequence, *(bench.cache.branch(begun.sequence, part) for part in parts[1:])]
    for sequence, part, way, (right, bound) in zip(sequences, parts, ways, expected, strict=True):
        assert far(write(sequence, way, part), right) <= bound
    assert bench.cache.cells_used == len(prompt) + len(same) + 3 * 7


def test_a_prompt_that_goes_on_in_place_leaves_others_the_sequences_they_were_promised(bench: Bench) -> None:
    """One idle sequence is a whole beginning of the prompt, another has more of it and cannot be cut: neither may stay idle where
    every sequence is wanted."""
    prompt, more = bench.tokens(200, 1), bench.tokens(200, 2)
    begun, _ = bench.read(prompt)
    longer = bench.cache.branch(begun.sequence, len(prompt))
    bench.cache.retire(begun.sequence)
    for at, token in enumerate(more):
        bench.decode(longer, [token], len(prompt) + at)
    bench.cache.extend(longer, more)
    bench.cache.retire(longer)
    following = prompt + more[:150] + bench.tokens(10, 3)
    begun = bench.cache.begin(following, 10, SEQUENCES)
    assert len(bench.cache.unused) == SEQUENCES - 1 and begun.cached >= len(prompt)


def test_what_was_put_away_comes_back_as_it_was(bench: Bench) -> None:
    turn = bench.tokens(500, 1)
    following = turn + bench.tokens(30, 2)
    right, bound = bench.bound(following)
    begun, _ = bench.read(turn)
    bench.cache.retire(begun.sequence)
    bench.cache.evict_idle(0)
    assert (bench.cache.cells_used, len(bench.cache.idle), len(bench.cache.host_copies)) == (0, 0, 1)
    begun, scores = bench.read(following)
    assert begun.cached == len(turn) and far(scores, right) <= bound


def test_a_part_of_what_was_put_away_is_used_only_where_it_can_be(bench: Bench) -> None:
    """A window's layers keep no more than their window on the shelf: what came back must not be cut, be it later."""
    shared = bench.tokens(500, 1)
    first, second = shared + bench.tokens(200, 2), shared + bench.tokens(60, 3)
    right, bound = bench.bound(second)
    begun, _ = bench.read(first)
    bench.cache.retire(begun.sequence)
    bench.cache.evict_idle(0)
    begun, scores = bench.read(second)
    can_be_cut = not (bench.cache.whole or bench.model.window)
    assert (begun.cached >= len(shared)) is can_be_cut and far(scores, right) <= bound
    bench.cache.drop(begun.sequence)
    begun, _ = bench.read(first + bench.tokens(10, 4))
    assert begun.cached == len(first) or can_be_cut
    bench.cache.retire(begun.sequence)
    assert far(bench.read(second)[1], right) <= bound


def test_a_rejected_draft_leaves_no_trace(bench: Bench) -> None:
    if bench.cache.whole:
        pytest.skip("recurrent state cannot be rolled back: such models do not draft")
    prompt, draft, way = bench.tokens(300, 1), bench.tokens(5, 2), bench.tokens(5, 3)
    right, bound = bench.bound(prompt + way)
    begun, _ = bench.read(prompt)
    bench.decode(begun.sequence, draft, len(prompt))
    bench.cache.extend(begun.sequence, draft)
    bench.cache.trim(begun.sequence, len(prompt))
    assert far(bench.decode(begun.sequence, way, len(prompt)), right) <= bound


def test_a_partial_fork_of_recurrent_state_would_be_wrong(bench: Bench) -> None:
    """The trap that all this guards against is real, and the bound is tight enough to see it."""
    if not bench.cache.whole:
        pytest.skip("this memory can be cut anywhere")
    shared, rest = bench.tokens(300, 1), bench.tokens(30, 2)
    right, bound = bench.bound(shared + rest)
    bench.read(shared + bench.tokens(30, 3))
    bench.memory.fork(0, 5, len(shared))
    assert far(bench.decode(5, rest, len(shared)), right) > 10 * bound


def test_memory_is_priced_from_the_header_as_llama_cpp_takes_it(bench: Bench, model: library.LoadedModel) -> None:
    header = read_header(model.path)
    begun, _ = bench.read(bench.tokens(1000, 1))
    state, whole = bench.memory.save(begun.sequence, partial=True), bench.memory.save(begun.sequence)
    assert whole is not None and header.kv_bytes_per_token()
    held = len(state) if state is not None and bench.cache.whole else 0  # else it is the whole again
    assert held == pytest.approx(header.state_bytes, rel=0.05, abs=200)
    if model.window:
        return  # of it a copy holds less than the cells do
    each = (len(whole) - held) / 1000 - (header.kv_bytes_per_token() or 0)
    assert 0 <= each <= 32  # what the copy notes of every token beside its keys and values


def test_room_is_made_by_letting_the_longest_idle_go_first(bench: Bench) -> None:
    for seed in range(4):
        begun, _ = bench.read(bench.tokens(600, seed))
        bench.cache.retire(begun.sequence)
    assert bench.cache.cells_used <= CELLS and bench.cache.cells_free == CELLS
    begun, _ = bench.read(bench.tokens(600, 3) + bench.tokens(5, 9))
    assert begun.cached == 600


def test_what_is_short_is_not_worth_keeping(bench: Bench) -> None:
    begun, _ = bench.read(bench.tokens(WORTH_KEEPING - 1, 1))
    bench.cache.retire(begun.sequence)
    assert bench.cache.cells_used == 0 and not bench.cache.idle


def test_host_copies_have_a_bound(bench: Bench) -> None:
    for seed in range(3):
        begun, _ = bench.read(bench.tokens(300, seed))
        bench.cache.retire(begun.sequence)
        bench.cache.evict_idle(0)
    one = len(next(iter(bench.cache.host_copies.values())))
    bench.cache.host_cache_bytes = one
    begun, _ = bench.read(bench.tokens(300, 7))
    bench.cache.retire(begun.sequence)
    bench.cache.evict_idle(0)
    held = sum(map(len, bench.cache.host_copies.values())) + sum(map(len, bench.cache.checkpoints.values()))
    assert 0 < held <= one

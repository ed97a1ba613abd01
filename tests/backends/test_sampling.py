"""Which token is sampled: cuts, penalties, random numbers that depend on nothing but seed and place."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.backends.sampling import Logprobs, Row, SamplingParams, Scores, adjust_scores, likely, pick, uniform

EVERYTHING = {"top_k": 0, "top_p": 1.0, "min_p": 0.0}


def scores(*probabilities: float) -> Scores:
    return np.log(np.array(probabilities, np.float32))


def shares(row: Scores, params: SamplingParams, count: int = 4000) -> dict[int, float]:
    counts = Counter(pick(row, params, index) for index in range(count))
    return {token: times / count for token, times in counts.items()}


def test_temperature_zero_takes_the_likeliest() -> None:
    assert pick(scores(0.2, 0.5, 0.3), SamplingParams(0.0, 1), 7) == 1


def test_draws_follow_the_distribution() -> None:
    found = shares(scores(0.5, 0.3, 0.2), SamplingParams(1.0, 5, **EVERYTHING))  # type: ignore[arg-type]
    assert found == pytest.approx({0: 0.5, 1: 0.3, 2: 0.2}, abs=0.03)


def test_a_temperature_sharpens_or_flattens() -> None:
    found = shares(scores(0.8, 0.2), SamplingParams(0.5, 5, **EVERYTHING))  # type: ignore[arg-type]
    assert found[0] == pytest.approx(0.64 / 0.68, abs=0.02)


@pytest.mark.parametrize(
    ("cut", "left"),
    [
        ({"top_k": 2}, {0, 1}),
        ({"min_p": 0.5}, {0, 1}),
        ({"top_p": 0.5}, {0, 1}),
        ({"top_p": 0.3}, {0}),
        ({"top_k": 1}, {0}),
        ({}, {0, 1, 2, 3}),
    ],
)
def test_what_is_cut_is_never_drawn(cut: dict[str, float], left: set[int]) -> None:
    params = SamplingParams(1.5, 3, **{**EVERYTHING, **cut})  # type: ignore[arg-type]
    assert set(shares(scores(0.4, 0.3, 0.15, 0.15), params)) == left


def test_luck_depends_on_seed_and_place_alone() -> None:
    row = scores(*[0.1] * 10)
    one = [pick(row, SamplingParams(1.0, 5), index) for index in range(50)]
    assert one == [pick(row, SamplingParams(1.0, 5), index) for index in range(50)]
    assert one != [pick(row, SamplingParams(1.0, 6), index) for index in range(50)]


@given(st.integers(-(1 << 70), 1 << 70), st.integers(0, 1 << 40))
def test_numbers_drawn_lie_between_zero_and_one(seed: int, index: int) -> None:
    assert 0 <= uniform(seed, index) < 1


def test_numbers_drawn_are_spread_evenly() -> None:
    found = [uniform(seed, index) for seed in range(100) for index in range(100)]
    shares = np.histogram(found, bins=20, range=(0, 1))[0] / len(found)
    assert shares == pytest.approx(np.full(20, 0.05), abs=0.01)


def test_penalties_are_llama_cpps_and_leave_the_scores_alone() -> None:
    row = np.array([2.0, -1.0, 0.5], np.float32)
    params = SamplingParams(1.0, 1, repeat_penalty=2.0, frequency_penalty=0.25, presence_penalty=0.5)
    found = adjust_scores(row, params, [0, 0, 1])
    assert found.tolist() == [1.0 - 0.5 - 0.5, -2.0 - 0.25 - 0.5, 0.5]
    assert row.tolist() == [2.0, -1.0, 0.5] and adjust_scores(row, SamplingParams(1.0, 1), [0]) is row


def test_bias_can_force_and_forbid() -> None:
    row = scores(0.9, 0.05, 0.05)
    forced = adjust_scores(row, SamplingParams(0.0, 1, bias={2: 100.0}), [])
    assert pick(forced, SamplingParams(0.0, 1), 0) == 2
    forbidden = adjust_scores(row, SamplingParams(0.0, 1, bias={0: -100.0, 99: 5.0}), [])
    assert pick(forbidden, SamplingParams(1.0, 1), 0) in (1, 2)


def test_logprobs_are_of_the_raw_distribution() -> None:
    row = scores(0.5, 0.3, 0.2) + np.float32(7.0)
    logprobs = Logprobs(3)
    assert logprobs.of(row, 1) == pytest.approx(math.log(0.3), abs=1e-5)
    assert [token for token, _ in logprobs.top(row, 2)] == [0, 1] and logprobs.top(row, 0) == []
    assert logprobs.top(row, 9)[2][1] == pytest.approx(math.log(0.2), abs=1e-5)


@pytest.mark.parametrize("size", [10, 64, 1000, 151_936])
@pytest.mark.parametrize("count", [0, 1, 40, 500])
def test_the_few_likely_tokens_are_found_without_looking_at_all(size: int, count: int) -> None:
    scores = np.random.default_rng(size).normal(size=size).astype(np.float32)
    scores[:: max(1, size // 7)] = 2.5  # some tie
    for least in (-10.0, 1.5, 9.0):
        found = likely(scores, least, count)
        reach = np.flatnonzero(scores >= least)
        assert set(found) <= set(reach) and list(found) == sorted(found)
        if 0 < count < len(reach):
            assert np.sort(scores[found])[-count:].tolist() == np.sort(scores[reach])[-count:].tolist()
        else:
            assert list(found) == list(reach)


def test_many_may_draw_from_one_row_as_if_each_had_its_own() -> None:
    values = np.random.default_rng(3).normal(0, 2, 5000).astype(np.float32)
    row, logprobs = Row(values), Logprobs(len(values))
    kinds = [SamplingParams(warmth, seed, top_k=k) for warmth in (0.0, 0.5, 1.2) for seed in range(4) for k in (0, 40)]
    assert [row.pick(params, 3) for params in kinds] == [pick(values, params, 3) for params in kinds]
    assert row.logprob(7, logprobs) == row.logprob(7, logprobs) == logprobs.of(values, 7)

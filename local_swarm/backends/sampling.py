"""Logits of the next token in, one sampled token out. Pure arithmetic over numpy rows: no engine, no state of its own.

Every random number is a function of the seed and of how many tokens came before. So the same seed gives the same answer
whoever else is in the batch, and a drafted token that is thrown away uses no random number up. (llama.cpp's own chain
walks the whole vocabulary for each token; at 150,000 entries this is ten times as fast.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from local_swarm.backends.process import messages

Scores = NDArray[np.float32]

PENALTY_WINDOW = 64  # last tokens that penalties look at, as in llama.cpp
NEGLIGIBLE = 30.0  # so many times the temperature below the best score a token is never sampled (p < 1e-13)
MASK = (1 << 64) - 1
GROUP = 64  # scores of which the largest is found first


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How one sequence samples its tokens; temperature 0 takes the likeliest. `top_k` 0 and `top_p` 1 cut nothing.

    Penalties are llama.cpp's, over the last 64 generated tokens; `bias` adds to logits, by token.
    """

    temperature: float
    seed: int
    top_k: int = 40
    top_p: float = 0.95
    min_p: float = 0.05
    repeat_penalty: float = 1.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    bias: Mapping[int, float] = field(default_factory=dict)

    @property
    def adjusts_scores(self) -> bool:
        penalties = self.repeat_penalty, self.frequency_penalty, self.presence_penalty
        return bool(self.bias) or penalties != (1.0, 0.0, 0.0)


def sampling_params(command: messages.Generate) -> list[SamplingParams]:
    """How each seat of a request samples."""
    bias = {int(token): weight for token, weight in command.bias}
    return [
        SamplingParams(temperature, seed, bias=bias, **command.sampling)  # type: ignore[arg-type]
        for temperature, seed in zip(command.temperatures, command.seeds, strict=True)
    ]


def adjust_scores(scores: Scores, params: SamplingParams, generated: Sequence[int]) -> Scores:
    """Scores (vocabulary,) after bias and penalties; the same array where there are none."""
    if not params.adjusts_scores:
        return scores
    scores = scores.copy()
    for token, bias in params.bias.items():
        if 0 <= token < len(scores):
            scores[token] += bias
    tokens, counts = np.unique(np.asarray(generated[-PENALTY_WINDOW:], dtype=np.int64), return_counts=True)
    if len(tokens):
        seen = scores[tokens]
        seen = np.where(seen > 0, seen / params.repeat_penalty, seen * params.repeat_penalty)
        scores[tokens] = seen - counts * params.frequency_penalty - params.presence_penalty
    return scores


def pick(scores: Scores, params: SamplingParams, index: int) -> int:
    """A token from scores (vocabulary,), the `index`-th of its sequence. See `Row.pick`."""
    return Row(scores).pick(params, index)


class Row:
    """Scores (vocabulary,) of one place in a text, from which several seats params: what is the same for all is
    computed once."""

    __slots__ = ("_kept", "_total", "scores")

    def __init__(self, scores: Scores) -> None:
        self.scores = scores
        self._kept: dict[tuple[float, int, float], tuple[NDArray[np.int64], NDArray[np.float64]]] = {}
        self._total: float | None = None

    def pick(self, params: SamplingParams, index: int) -> int:
        """A token, the `index`-th of its sequence.

        What is cut, in this order: all below `min_p` times the likeliest, all but the `top_k` likeliest, all that the
        likeliest ones holding `top_p` of what is left do not need. Then the temperature is applied and one number
        drawn.
        """
        if params.temperature <= 0:
            return int(self.scores.argmax())
        depth = -math.log(params.min_p) if params.min_p > 0 else NEGLIGIBLE * max(1.0, params.temperature)
        tokens, below = self._cut(depth, params.top_k, params.top_p)
        mass = np.cumsum(np.exp(below / params.temperature))
        place = int(np.searchsorted(mass, uniform(params.seed, index) * mass[-1], side="right"))
        return int(tokens[min(place, len(tokens) - 1)])

    def _cut(self, depth: float, top_k: int, top_p: float) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The tokens (n,) that may be sampled, by number, so that two that nearly tie and change places give the same;
        and how far each lies below the best."""
        if known := self._kept.get((depth, top_k, top_p)):
            return known
        best = float(self.scores.max())
        tokens = likely(self.scores, best - depth, top_k)
        if 0 < top_k < len(tokens):
            tokens = tokens[np.argpartition(self.scores[tokens], -top_k)[-top_k:]]
        if top_p < 1:
            tokens = tokens[np.argsort(-self.scores[tokens], kind="stable")]
            mass = np.cumsum(np.exp(self.scores[tokens].astype(np.float64) - best))
            tokens = tokens[: int(np.searchsorted(mass, top_p * mass[-1])) + 1]
        tokens.sort()
        found = tokens, self.scores[tokens].astype(np.float64) - best
        self._kept[depth, top_k, top_p] = found
        return found

    def logprob(self, token: int, logprobs: Logprobs) -> float:
        """In nats, under the scores as they are."""
        if self._total is None:
            self._total = logprobs.total(self.scores)
        return float(self.scores[token]) - self._total


def likely(scores: Scores, least: float, count: int) -> NDArray[np.int64]:
    """The tokens (n,) that score at least `least`; with a `count`, perhaps without some that are not among the so many
    best ones.

    The maxima of groups come first, each of one column: if `count` groups reach a bound, the best tokens do, and only
    groups that reach it need to be looked at. On 150,000 scores that is five times as fast as comparing all of them.
    """
    groups = len(scores) // GROUP
    if not 0 < count < groups:
        return np.flatnonzero(scores >= least)
    columns = scores[: groups * GROUP].reshape(GROUP, groups)
    best = columns.max(axis=0)
    bound = max(least, float(np.partition(best, -count)[-count]))
    worth_a_look = np.flatnonzero(best >= bound)
    row, place = np.nonzero(columns[:, worth_a_look] >= bound)
    rest = groups * GROUP + np.flatnonzero(scores[groups * GROUP :] >= bound)
    tokens: NDArray[np.int64] = np.concatenate((row * groups + worth_a_look[place], rest))
    tokens.sort()
    return tokens


def uniform(seed: int, index: int) -> float:
    """A number in [0, 1) for each seed and index: SplitMix64 (Steele, Lea & Flood 2014) of both."""
    state = 0
    for word in (seed, index):
        state = (state + (word & MASK) + 0x9E3779B97F4A7C15) & MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & MASK
        state ^= state >> 31
    return (state >> 11) / (1 << 53)


class Logprobs:
    """Log-probabilities in nats under raw scores; keeps one scratch row, for a vocabulary is large and a step is
    short."""

    def __init__(self, vocabulary: int) -> None:
        self._scratch = np.empty(vocabulary, np.float32)

    def of(self, scores: Scores, token: int) -> float:
        """Log-softmax at one token, shifted for stability."""
        return float(scores[token]) - self.total(scores)

    def top(self, scores: Scores, count: int) -> list[tuple[int, float]]:
        """The `count` likeliest tokens with theirs, the likeliest first."""
        count = min(count, len(scores))
        if count == 0:
            return []
        tokens = np.argpartition(scores, -count)[-count:]
        total = self.total(scores)
        return [
            (int(token), float(scores[token]) - total) for token in tokens[np.argsort(-scores[tokens], kind="stable")]
        ]

    def total(self, scores: Scores) -> float:
        """The logarithm of the sum that makes probabilities of scores."""
        best = scores.max()
        np.subtract(scores, best, out=self._scratch)
        np.exp(self._scratch, out=self._scratch)
        return float(best) + math.log(float(np.einsum("i->", self._scratch)))

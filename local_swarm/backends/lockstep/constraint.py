"""A JSON schema in, what an answer may go on with out: llguidance's grammars over a model's tokens, where it is installed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from local_swarm.backends.lockstep.vocabulary import Vocabulary
from local_swarm.backends.sampling import Scores


class Constraint:
    """What a text may be, at one place of it."""

    def __init__(self, matcher: Any, endings: frozenset[int]) -> None:
        self.matcher, self.endings = matcher, endings

    def allows(self, token: int) -> bool:
        if token in self.endings:  # a matcher validates what goes on, and an ending does not
            return bool(self.matcher.is_accepting())
        return bool(self.matcher.validate_tokens([token]) == 1)

    def masked(self, scores: Scores) -> Scores:
        """The scores (vocabulary,), minus infinity where a token is not allowed."""
        bits = np.unpackbits(np.frombuffer(self.matcher.compute_bitmask(), np.uint8), bitorder="little")
        allowed = np.zeros(len(scores), bool)
        shared = min(len(bits), len(scores))
        allowed[:shared] = bits[:shared]
        return np.where(allowed, scores, np.float32(-np.inf))

    def accept(self, token: int) -> None:
        self.matcher.consume_token(token)


Maker = Callable[[str | None, int], Sequence[Constraint | None]]


def constraints(vocabulary: Vocabulary) -> Maker:
    """What makes one constraint per seat of a schema; it raises ValueError for a schema that cannot be enforced."""
    made: list[Any] = []

    def make(schema: str | None, seats: int) -> Sequence[Constraint | None]:
        if schema is None:
            return [None] * seats
        try:
            from llguidance import LLMatcher, LLTokenizer
        except ImportError as problem:
            raise ValueError("this engine needs llguidance for it: pip install llguidance") from problem
        if not made:
            made.append(LLTokenizer(vocabulary.source, n_vocab=len(vocabulary), eos_token=sorted(vocabulary.endings)))
        grammar = LLMatcher.grammar_from_json_schema(schema)
        first = LLMatcher(made[0], grammar, log_level=0)
        if first.is_error():
            raise ValueError(str(first.get_error()).split("\n")[0])
        return [Constraint(first.deep_copy(), vocabulary.endings) for _ in range(seats)]

    return make

"""What siblings have written in, what a sequence will probably write next out. Pure: tokens and figures, no model.

N answers to one prompt say the same things in other places, so the continuation of a sequence's last tokens is looked up in
what its siblings, it itself and the prompt have said (prompt lookup decoding, Saxena 2023, over siblings). The sequence's own
sampler then draws token by token and takes the draft only as far as it agrees: what it writes is what it would have written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

GRAM = 3  # tokens that must agree before a continuation is believed
FORGET = 0.9  # share of the old estimate of acceptance that a new observation leaves


class Lookup:
    """The prompt and the growing answers to it. An answer's index is its seat."""

    def __init__(self, prompt: Sequence[int], answers: int) -> None:
        self.head = list(prompt[-GRAM:])
        self.prompt = prompt
        self.answers: list[list[int]] = [list(self.head) for _ in range(answers)]
        self._said: dict[tuple[int, ...], tuple[Sequence[int], int]] = {}
        self._read: dict[tuple[int, ...], int] | None = None

    def length(self, seat: int) -> int:
        """How many tokens a seat has written."""
        return len(self.answers[seat]) - len(self.head)

    def written(self, seat: int) -> list[int]:
        return self.answers[seat][len(self.head) :]

    def add(self, seat: int, token: int) -> None:
        answer = self.answers[seat]
        if len(answer) >= GRAM:
            self._said[tuple(answer[-GRAM:])] = (answer, len(answer))
        answer.append(token)

    def draft(self, seat: int, limit: int) -> Sequence[int]:
        """At most `limit` tokens that may follow what a seat has written."""
        key = tuple(self.answers[seat][-GRAM:])
        if limit <= 0 or len(key) < GRAM:
            return ()
        if found := self._said.get(key):
            source, at = found
            return source[at : at + limit]
        at = self._in_prompt().get(key, len(self.prompt))
        return self.prompt[at : at + limit]

    def _in_prompt(self) -> dict[tuple[int, ...], int]:
        """Made when first needed: where the prompt goes on after each of its grams, the last place of several."""
        if self._read is None:
            grams = zip(*(self.prompt[at:] for at in range(GRAM)), strict=False)
            self._read = {gram: at + GRAM for at, gram in enumerate(grams) if at + GRAM < len(self.prompt)}
        return self._read


def observed(acceptance: float, drafted: int, accepted: int) -> float:
    """The estimate of how likely one drafted token is right, after a draft of which so many were: the tokens behind the first
    wrong one were not tried and tell nothing."""
    for right in [1.0] * accepted + [0.0] * (accepted < drafted):
        acceptance = FORGET * acceptance + (1 - FORGET) * right
    return acceptance


def worth(acceptance: float, writers: int, longest: int, seconds: Callable[[int], float]) -> int:
    """The length of drafts, 0 to `longest`, that gives most tokens a second. `seconds`: what a step of so many tokens takes."""

    def speed(length: int) -> float:
        expected = sum(acceptance**count for count in range(length + 1))
        return expected / seconds(writers * (1 + length))

    return max(range(longest + 1), key=lambda length: (speed(length), -length))

"""The answers so far in, a draft of what a sequence will say next out, and how likely it is right. Pure: no model.

Speculative decoding (Leviathan et al. 2023, arXiv:2211.17192) by prompt lookup over sibling answers. Prompt lookup
decoding (Saxena 2023, github.com/apoorvumang/prompt-lookup-decoding) needs no draft model: the last tokens of a text
are looked up in what was said before, and their continuation there is the draft. Here N answers to one prompt are
generated side by side, so it is looked up in the sibling answers first. The sequence's own sampler then samples each
token and takes the draft only as far as it agrees, so every answer is what it would have been without drafts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

GRAM = 3  # tokens that must agree; where they were never said in a row, the last one alone is a hint
FORGET = 0.99  # share of the old estimate of a source's trust that a new observation leaves
# Sources of a drafted token: only the prompt; answers that disagree; one answer that said it, ... four or more.
PROMPT, MIXED, ONCE, OFTEN = 0, 1, 2, 5
HINT = OFTEN  # by so much a source is higher where only the last token agreed
LAG = 0.3  # so much more a token of a sequence is worth that has LAG_TOKENS fewer than its siblings have on average
LAG_TOKENS = 16
GAIN = 1.05  # times the throughput without drafts, or they are not worth the doubt
LEAST_CHANCE = 0.01  # less sure tokens are not drafted
# Of each source, measured on published samples of two sets of models and on the starter model.
FIRST_TRUST = (0.85, 0.45, 0.8, 0.85, 0.88, 0.92, 0.17, 0.52, 0.64, 0.75, 0.62)


class DraftTrust:
    """How likely a drafted token is right, by its source. Learns from every draft, tried or not."""

    def __init__(self) -> None:
        self.rates = list(FIRST_TRUST)

    def observe(self, draft: Draft, sampled: Sequence[int]) -> None:
        """What was sampled where the draft was expected. The draft must be of before any sibling sampled its token of
        the same step: one that knows those is right more often, and would teach too much trust."""
        for source, guess, token in zip(draft.sources, draft.tokens, sampled, strict=False):
            self.rates[source] = FORGET * self.rates[source] + (1 - FORGET) * (guess == token)


@dataclass(frozen=True, slots=True)
class Draft:
    """Tokens that may follow; of each its source, and the chance that it and all before it are right."""

    tokens: list[int] = field(default_factory=list)
    sources: list[int] = field(default_factory=list)
    chances: list[float] = field(default_factory=list)


class PromptLookup:
    """The prompt and the growing answers to it. An answer's index is its seat."""

    def __init__(self, prompt: Sequence[int], answers: int) -> None:
        self.head = list(prompt[-GRAM:])
        self.prompt = prompt
        self.answers: list[list[int]] = [list(self.head) for _ in range(answers)]
        # After some tokens the last continuation and its source.
        self._said: dict[tuple[int, ...], tuple[int, int]] = {}
        self._grams: dict[tuple[int, ...], int] | None = None

    def length(self, seat: int) -> int:
        """How many tokens a seat has generated."""
        return len(self.answers[seat]) - len(self.head)

    def tokens_of(self, seat: int) -> list[int]:
        """Those that a seat has generated."""
        return self.answers[seat][len(self.head) :]

    def add(self, seat: int, token: int) -> None:
        """A seat has generated a token."""
        answer = self.answers[seat]
        for length, lowest in ((GRAM, 0), (1, HINT)):
            if len(answer) >= length:
                self._remember(tuple(answer[-length:]), token, lowest)
        answer.append(token)

    def _remember(self, key: tuple[int, ...], token: int, lowest: int) -> None:
        before, source = self._said.get(key, (token, None))
        if source is None:
            source = lowest + ONCE
        elif before == token and source != lowest + MIXED:
            source = min(source + 1, lowest + OFTEN)
        else:
            source = lowest + MIXED
        self._said[key] = (token, source)

    def draft(self, seat: int, limit: int, trust: DraftTrust) -> Draft:
        """At most `limit` tokens that may follow what a seat has generated."""
        key, draft, chance, copied = tuple(self.answers[seat][-GRAM:]), Draft(), 1.0, -1
        if len(key) < GRAM:
            return draft
        while len(draft.tokens) < limit:
            found = self._said.get(key)
            # Where no answer said it, on from where the prompt says it, as one copies a passage.
            copied = -1 if found else copied + 1 if copied >= 0 else self._in_prompt().get(key, -1)
            if 0 <= copied < len(self.prompt):
                found = self.prompt[copied], PROMPT
            found = found or self._said.get(key[-1:])
            if not found or (chance := chance * trust.rates[found[1]]) < LEAST_CHANCE:
                break
            draft.tokens.append(found[0])
            draft.sources.append(found[1])
            draft.chances.append(chance)
            key = (*key[1:], found[0])
        return draft

    def _in_prompt(self) -> dict[tuple[int, ...], int]:
        """Made when first needed: where the prompt goes on after each of its grams, the last place of several."""
        if self._grams is None:
            grams = zip(*(self.prompt[at:] for at in range(GRAM)), strict=False)
            self._grams = {gram: at + GRAM for at, gram in enumerate(grams) if at + GRAM < len(self.prompt)}
        return self._grams


def token_values(siblings: Sequence[tuple[int, int]]) -> list[float]:
    """What a token of each sequence of a request is worth. `siblings`: (tokens generated, seats that share it) of each.

    One for each seat on average. The vote waits for the last answer, so a sequence that is behind is worth more.
    """
    mean = sum(tokens * seats for tokens, seats in siblings) / max(1, sum(seats for _, seats in siblings))
    return [seats * (1 + LAG * max(-1.0, min(1.0, (mean - tokens) / LAG_TOKENS))) for tokens, seats in siblings]


def draft_lengths(
    chances: Sequence[Sequence[float]], values: Sequence[float], most: int, seconds: Callable[[int], float]
) -> list[int]:
    """How many tokens of each sequence's draft to try, `most` in all, for the highest throughput of this step.

    `chances`: of each draft, how likely its first token is right, its first two, and so on. `values`: what a token of
    each sequence is worth. `seconds`: what a step of so many rows takes. The tokens that promise most come first,
    whichever sequence they are of; each costs the step one more row.
    """
    sequences, lengths = len(chances), [0] * len(chances)
    promising = sorted(
        ((value * chance, -place) for place, value in enumerate(values) for chance in chances[place]), reverse=True
    )[: max(0, most)]
    if not promising:
        return lengths
    expected, best, count = sum(values), GAIN * sum(values) / seconds(sequences), 0
    for tried, (promise, _) in enumerate(promising, 1):
        expected += promise
        if (speed := expected / seconds(sequences + tried)) > best:
            best, count = speed, tried
    for _, place in promising[:count]:
        lengths[-place] += 1
    return lengths

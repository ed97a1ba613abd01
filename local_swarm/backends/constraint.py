"""A JSON schema in, what an answer may go on with out: llguidance's grammars over a model's tokens.

llguidance bounds its own work: of a grammar, of each step, and of what it remembers. What it cannot express it leaves
out; whole answers are checked afterwards.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from local_swarm.backends.sampling import Scores
from local_swarm.commands import extra_command

# Between the marks of JSON stands one blank at most: small models that may write blanks without end do so.
OPTIONS = {"lenient": True, "coerce_one_of": True, "whitespace_pattern": " ?"}
MOST_STATES = 50_000  # of a lexer, each 1 to 2 kB
MOST_SYMBOLS = 100_000  # of a grammar


class ConstraintBroken(ValueError):
    """A grammar went beyond what one step may cost; the answer that it bound cannot go on."""


class Constraint:
    """What a text may be, at one place of it."""

    def __init__(self, matcher: Any, endings: frozenset[int]) -> None:
        self.matcher, self.endings = matcher, endings

    def copy(self) -> Constraint:
        return Constraint(self.matcher.deep_copy(), self.endings)

    def allows(self, token: int) -> bool:
        """Whether the text may go on with a token. Far cheaper than `masked`: likely tokens are tried first. Raises
        ConstraintBroken."""
        ends = token in self.endings  # a matcher validates what goes on, and an ending does not
        return self._sound(self.matcher.is_accepting() if ends else self.matcher.validate_tokens([token]) == 1)

    def mask(self, scores: Scores) -> Scores:
        """The scores (vocabulary,), minus infinity where a token is not allowed. Raises ConstraintBroken."""
        bits = np.unpackbits(np.frombuffer(self.matcher.compute_bitmask(), np.uint8), bitorder="little")
        allowed = np.zeros(len(scores), bool)
        shared = min(len(bits), len(scores))
        allowed[:shared] = bits[:shared]
        self._sound(True)
        return np.where(allowed, scores, np.float32(-np.inf))

    def accept(self, token: int) -> None:
        self.matcher.consume_token(token)

    def _sound(self, value: Any) -> bool:
        if self.matcher.is_error():
            raise ConstraintBroken("it is too complex for this place of an answer")
        return bool(value)


class Constraints:
    """Makes them for one model. `tokenizer`: makes llguidance's view of the model's tokens, once; `endings`: tokens
    that end an answer."""

    def __init__(self, tokenizer: Callable[[], Any], endings: frozenset[int]) -> None:
        self._make, self.endings = tokenizer, endings
        self._tokenizer: Any = None
        self._making = threading.Lock()

    def begin(self) -> None:
        """Make the tokenizer in the background: of a large vocabulary it takes a second, in which others would wait."""
        threading.Thread(target=self._prepare, name="constraints", daemon=True).start()

    def _prepare(self) -> bool:
        with self._making:
            if self._tokenizer is None and find_spec("llguidance"):
                self._tokenizer = self._make()
        return self._tokenizer is not None

    def __call__(self, schema: str) -> Constraint:
        """Raises ValueError for a schema that cannot be enforced."""
        if not self._prepare():
            raise ValueError(f"this engine needs llguidance for it: {extra_command('llamacpp')}")
        return Constraint(matcher(self._tokenizer, schema), self.endings)


def matcher(tokenizer: Any, schema: str) -> Any:
    """Raises ValueError."""
    from llguidance import LLMatcher, LLParserLimits

    limits = LLParserLimits(max_lexer_states=MOST_STATES, max_grammar_size=MOST_SYMBOLS, verbose_errors=False)
    made = LLMatcher(
        tokenizer, LLMatcher.grammar_from_json_schema(schema, overrides=OPTIONS), log_level=0, limits=limits
    )
    if made.is_error():
        raise ValueError(reason(made.get_error()))
    return made


def reason(said: str) -> str:
    """A library's complaint as the rest of a sentence."""
    lines = [line.strip() for line in said.split("\n") if line.strip()]
    last = next((line.removeprefix("error: ") for line in lines if line.startswith("error: ")), None)
    return (last or (lines[0] if lines else "no reason given"))[:200].rstrip(".")

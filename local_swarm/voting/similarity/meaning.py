"""Texts and the question that they answer in, how likely each two of them say the same out. Pure.

Words that the question has too, and words without a meaning of their own, tell nothing; what is left is compared by its stems.
A model's own word on whether two answers are one, where it was asked, counts beside that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import log

import numpy as np
from numpy.typing import NDArray

from local_swarm.voting.calibration import logistic

MOST_WORDS = 1_000  # of one text
LONGEST_ASKED = 600  # characters of a text that a model is asked about
SAME_MEANING = 0.5  # likelihood from which two texts say the same
SURELY, HARDLY = 0.9, 0.1  # beyond these a model is not asked
DENIED = 0.4  # at most, where one denies what the other does not, and nobody was asked
CERTAIN = 1e-4  # nearest to 0 or 1 that a model's word is taken for

WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|\d+(?:[.,]\d+)*")
UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
HEADING = re.compile(r"^#{1,6} .*+$", re.MULTILINE)
SENTENCE = re.compile(r"[.!?。！？]\s|\n")
NEGATION = re.compile(
    r"\b(?:no|not|never|cannot|nor|nein|nicht|kein\w*|non|ne|pas|jamais|nunca|não|niet|geen|не|нет)\b|n['’]t\b|[不没沒]",
    re.IGNORECASE,
)
ENDINGS = ("ations", "ation", "ings", "ing", "ies", "ied", "ers", "est", "ed", "es", "er", "ly", "en", "s", "e")
SHORTEST_STEM = 3
# Of English, German, French, Spanish, Italian, Portuguese and Dutch: words that stand in any text.
WORDS_OF_ANY_TEXT = """
a an the is are was were be been being of to in on at by for with and or as that this these those it its their they
them which who can could may might will would should do does did from into than then so such also very more most
some any all each has have had due because there if while when you your we our i my he she his her not no yes what
how why der die das den dem des ein eine einen einem einer und oder ist sind war zu im auf für mit von bei als dass
es sie er le la les l un une du de et ou est sont était à au aux en dans sur pour avec par que qui il elle ils ce
cette el los las unos y o son del al por para con se lo su gli uno e è sono di da nel per che si os um uma são dos
em na het een van zijn op te dat voor met
"""
EMPTY_WORDS = frozenset(WORDS_OF_ANY_TEXT.split())

# Weights of: one; the overlap of what both say (Dice); how much of the shorter the other has; one denies and the other does
# not; what a model says of the pair (log odds).
BY_WORDS = (-0.84, 1.89, 2.55, -1.63)
BY_MODEL = (-1.15, 1.44, 1.78, -1.47, 1.02)

Matrix = NDArray[np.float64]
Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Gist:
    """What a text says beyond its question: stems, and whether its first sentence denies."""

    stems: frozenset[str]
    denies: bool


def gist(text: str, question_stems: frozenset[str]) -> Gist:
    told = frozenset(stems(HEADING.sub("", text)) or stems(text))
    told = frozenset(one for one in told if not one[0].isdigit()) or told
    first = SENTENCE.split(text.strip()[:LONGEST_ASKED], maxsplit=1)[0]
    return Gist((told - question_stems) or told, bool(NEGATION.search(first)))


def stems(text: str) -> set[str]:
    """Of the words with a meaning; of writing without blanks each two neighbouring characters."""
    found: set[str] = set()
    for match in islice(WORD.finditer(text.lower()), MOST_WORDS):
        word = match[0]
        if UNSPACED.search(word):
            found.update(word[at : at + 2] for at in range(max(1, len(word) - 1)))
        elif word not in EMPTY_WORDS:
            found.add(stem(word))
    return found


def stem(word: str) -> str:
    ending = next((one for one in ENDINGS if word.endswith(one) and len(word) - len(one) >= SHORTEST_STEM), "")
    return word[: len(word) - len(ending)]


def meaning_likeness(texts: Sequence[str], question: str, judged: Mapping[Pair, float]) -> Matrix:
    """Likelihoods (n, n) that two texts say the same, 1 on the diagonal. `judged`: what a model says of some pairs, in the
    order of `pair_of`."""
    asked = frozenset(stems(question))
    gists = [gist(text, asked) for text in texts]
    alike = np.eye(len(texts))
    for row in range(len(texts)):
        for column in range(row):
            said = judged.get(pair_of(texts[row], texts[column]))
            alike[row, column] = alike[column, row] = likelihood(gists[row], gists[column], said)
    return alike


def pair_of(one: str, other: str) -> Pair:
    return (one, other) if one <= other else (other, one)


def likelihood(one: Gist, other: Gist, said: float | None = None) -> float:
    """`said`: a model's probability that they say the same, 0 to 1."""
    if one == other:
        return 1.0
    shared = len(one.stems & other.stems)
    sizes = sorted((len(one.stems), len(other.stems)))
    facts = [1.0, 2 * shared / max(1, sum(sizes)), shared / max(1, sizes[0]), float(one.denies != other.denies)]
    if said is None:
        likely = logistic(BY_WORDS, facts)
        return min(likely, DENIED) if one.denies != other.denies else likely
    sure = min(max(said, CERTAIN), 1 - CERTAIN)
    return logistic(BY_MODEL, [*facts, log(sure / (1 - sure))])


def undecided_pairs(texts: Sequence[str], question: str) -> list[Pair]:
    """What a model should be asked where words find no majority: whether the text that is most like all others says the same
    as each of these, where they leave a doubt. Fewer pairs than texts; a model's word takes far longer than all else."""
    each = sorted(set(texts))
    if len(each) < 2:
        return []
    alike = meaning_likeness(each, question, {})
    middle = int(np.argmax(alike.sum(axis=1)))
    agreeing = sum(alike[middle, each.index(text)] >= SAME_MEANING for text in texts)
    if 2 * agreeing > len(texts):
        return []
    doubtful = [at for at in range(len(each)) if at != middle and HARDLY < alike[middle, at] < SURELY]
    return [pair_of(each[middle], each[at]) for at in doubtful]

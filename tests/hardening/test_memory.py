"""What is read takes memory in proportion to its length, whatever it says. Measured where it is allocated."""

from __future__ import annotations

import tracemalloc

import pytest

from tests.hardening.readers import READERS
from tests.hardening.texts import TEXTS

LENGTH = 4_000
MOST_PER_CHARACTER = 600  # bytes: a letter may become a node of a syntax tree, or a word with its neighbours
BESIDE = 8 << 20  # what a reader compiles, imports and remembers the first time
GREEDY = (
    "laughs",
    "many parameters",
    "many arguments",
    "a long number in base 16",
    "a long list",
    "many fields",
    "nested curly",
    "'[[],' repeated",
    "' ' repeated",
    "'\\n' repeated",
    "a broad table",
    "JSON objects in a row",
    "a program",
)


@pytest.mark.parametrize("name", READERS)
def test_memory_grows_with_length_alone(name: str) -> None:
    reader, most = READERS[name], BESIDE + MOST_PER_CHARACTER * LENGTH
    peaks = {text: peak(lambda text=text: reader(TEXTS[text](LENGTH))) for text in GREEDY if text in TEXTS}
    assert not {text: used for text, used in peaks.items() if used > most}


def test_the_greedy_texts_are_there() -> None:
    assert [text for text in GREEDY if text not in TEXTS] == []


def peak(work: object) -> int:
    assert callable(work)
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

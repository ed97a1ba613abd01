"""Whoever writes a text does not decide how long it takes to read, nor who waits meanwhile, nor what is raised.

`HARDENING=full` measures every reader with every text up to a megabyte; otherwise texts are shorter, and the interpreter is
watched with a few of them.
"""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hardening.measure import HELD_S, STEEPEST, growth, held, worst
from tests.hardening.readers import READERS
from tests.hardening.texts import TEXTS

FULL = os.environ.get("HARDENING") == "full"
LONGEST = (
    224_000  # characters up to which growth is measured in full: doublings of more than Python's parser takes at once
)
CORPUS = Path(__file__).parent / "corpus"


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """What earlier tests left is not looked through again while a clock runs."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize("name", READERS)
def test_reading_takes_linear_time_and_holds_nobody_up(name: str) -> None:
    reader = READERS[name]
    longest = min(reader.most, LONGEST) if FULL else reader.quick
    measured, steep = [], []
    for text, make in TEXTS.items():
        found = growth(reader, make, longest)
        measured.append((text, found.last))
        if found.steep:
            steep.append((text, round(found.exponent, 2), found.seconds))
    assert not steep, f"grows faster than its length to the {STEEPEST}"
    gaps = [(text, held(reader, TEXTS[text](reader.most))) for text in watched(name, measured)]
    assert not [(text, gap) for text, gap in gaps if gap > HELD_S], "holds the interpreter"


def watched(name: str, measured: list[tuple[str, float]]) -> list[str]:
    """The texts that took longest, and some others, of which every reader gets different ones."""
    if FULL:
        return list(TEXTS)
    first = list(READERS).index(name)
    return [*worst(measured, 1), *list(TEXTS)[first % 151 :: 151]]


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.jsonl")), ids=lambda path: path.stem)
def test_what_was_found_before_is_read_in_peace(path: Path) -> None:
    readers = {f"{name.replace(': ', '-').replace(' ', '_')}": reader for name, reader in READERS.items()}
    for line in path.read_text(encoding="utf-8").splitlines():
        readers[path.stem](json.loads(line))

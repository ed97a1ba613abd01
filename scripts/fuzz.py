"""Hostile texts for every reader of the hardening suite, for as long as is wished: python scripts/fuzz.py --minutes 30

With atheris (`.venv/bin/python -m pip install -e ".[fuzz]"`, Linux) what a text makes the readers do guides the next one;
without it chance does. A text that raises what its reader does not announce, or that takes too long, is written into the corpus
in tests/hardening/corpus, which the suite replays, together with some of the texts that did something new.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
CORPUS = ROOT / "tests" / "hardening" / "corpus"
KEPT_OF_EACH = 12  # texts of one reader that found nothing wrong and are kept all the same
LONGEST_KEPT = 400  # characters of such a text
SLOW_S, SLOW_PER_CHARACTER_S = (
    0.5,
    0.0002,
)  # processor time that a text may take: so much, and so much for each character
LONGEST = 20_000  # characters of a text
REPEAT = 127  # a byte that repeats what came last, as often as the next one says


@dataclass(slots=True)
class Found:
    """What came of it so far."""

    executions: int = 0
    problems: dict[tuple[str, ...], tuple[str, str]] = field(default_factory=dict)  # by reader and place: (text, why)
    longest_s: float = 0.0


class Fuzzer:
    """Bytes in, one reader called. The first byte chooses it, the others say its text: letters, pieces that readers look for, and
    repetitions of them."""

    def __init__(self, only: str, minutes: float) -> None:
        from tests.hardening.readers import READERS
        from tests.hardening.texts import ALONE, LINES, PIECES

        self.readers = [(name, reader) for name, reader in READERS.items() if only in name]
        self.pieces = (*ALONE, *LINES, *PIECES)
        self.found, self.until = Found(), time.process_time() + 60 * minutes

    @property
    def over(self) -> bool:
        return time.process_time() > self.until

    def one(self, data: bytes) -> None:
        if len(data) < 2:
            return
        name, reader = self.readers[data[0] % len(self.readers)]
        text = self.text_of(data[1:])
        self.found.executions += 1
        began = time.thread_time()
        try:
            reader(text)
        except Exception as problem:
            last = traceback.extract_tb(problem.__traceback__)[-1]
            self.note(name, text, type(problem).__name__, f"{last.name}: {str(problem)[:80]}")
        taken = time.thread_time() - began
        self.found.longest_s = max(self.found.longest_s, taken)
        if taken > SLOW_S + SLOW_PER_CHARACTER_S * len(text):
            self.note(name, text, "slow", f"{taken:.2f} s for {len(text)} characters")

    def text_of(self, data: bytes) -> str:
        made: list[str] = []
        rest = iter(data)
        for byte in rest:
            if byte == REPEAT and made:
                made.append(made[-1][:64] * next(rest, 0))
            elif byte > REPEAT:
                made.append(self.pieces[((byte - 128) * 256 + next(rest, 0)) % len(self.pieces)])
            else:
                made.append(chr(byte))
        return "".join(made)[:LONGEST]

    def note(self, name: str, text: str, *what: str) -> None:
        key = (name, what[0], what[1].partition(":")[0] if what[0] != "slow" else "")
        if key not in self.found.problems:
            self.found.problems[key] = text, ", ".join(what)
            print(f"{name}: {', '.join(what)}: {text[:120]!r}", flush=True)
            keep(name, [text])


def keep(name: str, texts: list[str]) -> None:
    """One file for each reader, one text on each line."""
    CORPUS.mkdir(exist_ok=True)
    path = CORPUS / f"{name.replace(': ', '-').replace(' ', '_')}.jsonl"
    known = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    lines = dict.fromkeys([*known, *(json.dumps(text) for text in texts)])
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def by_chance(fuzzer: Fuzzer, seed: int) -> None:
    draw = random.Random(seed)
    while not fuzzer.over:
        fuzzer.one(draw.randbytes(draw.choice((4, 16, 64))))


def guided(fuzzer: Fuzzer, atheris: Any, folder: Path) -> None:
    """atheris never returns, so it is left from within."""

    def one(data: bytes) -> None:
        fuzzer.one(data)
        if fuzzer.over:
            finish(fuzzer, folder)
            os._exit(0)

    atheris.Setup(
        [sys.argv[0], str(folder), "-max_len=160", "-verbosity=0", "-timeout=60", f"-artifact_prefix={folder}/"], one
    )
    atheris.Fuzz()


def finish(fuzzer: Fuzzer, folder: Path | None) -> None:
    if folder:
        keep_some(fuzzer, sorted(folder.iterdir(), key=lambda path: path.stat().st_size))
    found = fuzzer.found
    print(
        f"{found.executions} executions of {len(fuzzer.readers)} readers in {time.process_time() / 60:.1f} CPU-minutes, "
        f"{len(found.problems)} problems, the longest took {found.longest_s:.2f} s",
        flush=True,
    )


def keep_some(fuzzer: Fuzzer, paths: list[Path]) -> None:
    """Of the texts that did something new, spread over their lengths."""
    by_reader: dict[str, list[str]] = {}
    for path in paths:
        data = path.read_bytes()
        if len(data) >= 2 and len(text := fuzzer.text_of(data[1:])) <= LONGEST_KEPT:
            by_reader.setdefault(fuzzer.readers[data[0] % len(fuzzer.readers)][0], []).append(text)
    for name, texts in by_reader.items():
        keep(name, texts[:: max(1, len(texts) // KEPT_OF_EACH)][:KEPT_OF_EACH])


def engine() -> tuple[Any, Callable[[], Any]]:
    """(atheris or None, what makes it watch our modules as they are imported)."""
    import contextlib

    try:
        import atheris
    except ImportError:
        return None, contextlib.nullcontext
    return atheris, lambda: atheris.instrument_imports(include=["local_swarm"])


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--minutes", type=float, default=30.0, help="of processor time")
    asked.add_argument("--only", default="", help="readers with this in their name")
    asked.add_argument("--seed", type=int, default=0, help="where chance alone guides")
    asked.add_argument("--work", type=Path, help="a folder for what guides, kept from one run to the next")
    wish = asked.parse_args()
    atheris, watched = engine()
    with watched():
        fuzzer = Fuzzer(wish.only, wish.minutes)
    if atheris is None:
        by_chance(fuzzer, wish.seed)
        finish(fuzzer, None)
        return
    import tempfile

    with tempfile.TemporaryDirectory() as temporary:
        folder = wish.work or Path(temporary)
        folder.mkdir(exist_ok=True)
        guided(fuzzer, atheris, folder)


if __name__ == "__main__":
    main()

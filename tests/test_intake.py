"""Foreign JSON: halves of characters are mended however they are cut, and too much is known before it is read."""

from __future__ import annotations

import contextlib
import json
import random
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from local_swarm.intake import (
    DEEPEST,
    MOST_BARE,
    MOST_ESCAPES,
    MOST_PARTS,
    Intake,
    TooDeep,
    TooMuch,
    parse_json,
    sanitize_json,
    sanitize_text,
    take_json,
)

MIB = 1 << 20
PIECES = [
    b'"',
    b"\\",
    b"\\\\",
    b'\\"',
    b"\\n",
    b"\\u",
    b"\\ud83d",
    b"\\ude00",
    b"\\uD83D\\uDE00",
    b"\\u00e4",
    b"a",
    b"d83d",
    b"[",
    b"]",
    b"{",
    b"}",
    b",",
    b":",
    b"1",
    b" ",
    "\U0001f600".encode(),
    b"\xed\xa0\x80",
    b"\xed",
    b"\xed\x9f\xbf",
]


def cut(data: bytes, chance: random.Random) -> bytes:
    intake, made, at = Intake(), b"", 0
    while at < len(data):
        size = chance.choice((1, 2, 3, 7, 20))
        made += intake.feed(data[at : at + size])
        at += size
    return made + intake.end()


@pytest.mark.parametrize("seed", range(300))
def test_wherever_a_text_is_cut_it_is_mended_as_if_it_were_whole(seed: int) -> None:
    chance = random.Random(seed)
    data = b"".join(chance.choice(PIECES) for _ in range(chance.randrange(60)))
    assert cut(data, chance) == sanitize_json(data) and len(sanitize_json(data)) == len(data)


@pytest.mark.parametrize("seed", range(300))
def test_mending_is_what_replacing_halves_after_reading_would_be(seed: int) -> None:
    chance = random.Random(seed)
    text = "".join(
        chance.choice(["\\\\", "\\n", "\\ud83d", "\\ude00", "\\uDBFF", "x", "d800", "\\u0041"]) for _ in range(40)
    )
    data = f'{{"{text}": ["{text}"]}}'.encode()
    read = parse_json(cut(data, chance))
    clean = sanitize_text(json.loads(f'"{text}"'))
    assert read == {clean: [clean]}
    json.dumps(read, ensure_ascii=False).encode()


@pytest.mark.parametrize("seed", range(200))
def test_values_are_counted_as_a_reader_finds_them(seed: int) -> None:
    chance = random.Random(seed)

    def value(depth: int) -> Any:
        kind = chance.randrange(6 if depth else 3)
        words = chance.choice(["", "a,b", "[{", '"', "\\", '\\",[', "\ud800", "ä"])
        if kind < 3:
            return [words, 1.5, None][kind]
        if kind == 3:
            return {f"{words}{place}": value(depth - 1) for place in range(chance.randrange(4))}
        return [value(depth - 1) for _ in range(chance.randrange(4))]

    made = value(4)
    data = json.dumps(made, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    intake = Intake()
    for at in range(0, len(data), 5):
        intake.feed(data[at : at + 5])
    intake.end()
    bare = re.sub(rb'"(?:[^"\\]|\\.)*"', b"", data)
    assert intake._parts == sum(bare.count(mark) for mark in (b",", b":", b"[", b"{"))
    assert intake._depth == 0 and not intake._within


def test_a_whole_pair_stays_a_character() -> None:
    assert parse_json(take_json(b'"\\ud83d\\ude00 \\\\ud800 \\ud800"')) == "\U0001f600 \\ud800 \ufffd"
    assert sanitize_text("a\ud800b\U0001f600") == "a\ufffdb\U0001f600"


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"[" * 10**6, TooDeep),
        (b'{"a":' * 10**5, TooDeep),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), TooDeep),
        (b"[" + b"1," * MOST_PARTS + b"1]", TooMuch),
        (b"[" + b'"",' * MOST_PARTS + b"1]", TooMuch),
        (b'"' + b"\\n" * (MOST_ESCAPES + 1) + b'"', TooMuch),
        (b" " * (MOST_BARE + 1), TooMuch),
        (b"1" * (MOST_BARE + 1), TooMuch),
        (b'"\x01' + b"[" * 10**6, None),
        (b"[" + b"[]," * 1000 + b"1]", None),
        (b'"' + b"[" * 10**6 + b'"', None),
    ],
)
def test_too_much_is_refused_and_what_stands_in_texts_does_not_count(
    data: bytes, error: type[Exception] | None
) -> None:
    if error is None:
        assert len(take_json(data)) == len(data)
        return
    with pytest.raises(error):
        take_json(data)


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "1e999", "[1e400]", "1" * 401, "", "{", "[1,]", "'a'"])
def test_what_json_does_not_have_is_refused(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        parse_json(text.encode())


@pytest.mark.parametrize("data", ['{"a": 1}'.encode("utf-16"), '{"a": 1}'.encode("utf-32"), b'"\xff"', b"\x1f\x8b\x08"])
def test_what_is_no_utf_8_is_refused(data: bytes) -> None:
    with pytest.raises(json.JSONDecodeError):
        parse_json(data)


def test_a_mark_of_the_byte_order_is_left_out() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": [1, 2.5, "\xc3\xa4"]}') == {"a": [1, 2.5, "ä"]}


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "text": lambda size: b'"' + b"a" * size,
    "halves": lambda size: b'"' + b"\\ud800" * (size // 6),
    "backslashes": lambda size: b'"' + b"\\" * size,
    "quotes": lambda size: b'"' * size,
    "quotes within": lambda size: b'"' + b'\\"' * (size // 2),
    "first bytes": lambda size: b'"' + b"\xed" * size,
    "closing": lambda size: b"]" * size,
    "numbers": lambda size: b"[" + b"1," * (size // 2),
    "texts": lambda size: b"[" + b'"",' * (size // 3),
    "objects": lambda size: b"[" + b"{}," * (size // 3),
}


def read(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        parse_json(take_json(data))


@pytest.mark.parametrize("name", HOSTILE)
def test_reading_takes_time_in_proportion_to_the_length(name: str) -> None:
    def seconds(size: int) -> float:
        data = HOSTILE[name](size)
        times = []
        for _ in range(3):
            began = time.thread_time()
            read(data)
            times.append(time.thread_time() - began)
        return max(min(times), 0.002)

    assert seconds(MIB) / seconds(MIB >> 3) < 8**1.3


@pytest.mark.parametrize("name", HOSTILE)
def test_nobody_else_waits_while_it_is_read(name: str) -> None:
    """What other threads of this process get to do: the longest time in which they get to nothing."""
    data, gaps, over = HOSTILE[name](16 * MIB), list[float](), threading.Event()

    def tick() -> None:
        last = time.perf_counter()
        while not over.wait(0.001):
            now = time.perf_counter()
            gaps.append(now - last)
            last = now

    thread = threading.Thread(target=tick)
    thread.start()
    read(data)
    over.set()
    thread.join()
    assert max(gaps, default=0.0) < 0.5, (
        "a machine that is busy with other things makes gaps of its own; 0.05 when it is not"
    )

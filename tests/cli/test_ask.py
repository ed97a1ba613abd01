"""A question from words, pipes and terminals; how far the swarm is; and what is said of the vote."""

from __future__ import annotations

import io
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from local_swarm.cli.answers import progress_in_words, wait_for_start
from local_swarm.cli.ask import vote_in_words
from local_swarm.cli.question import MOST_QUESTION_BYTES, StandardInput, question_of
from local_swarm.errors import UsageError
from tests.test_daemon import serving

ROOT = Path(__file__).parent.parent.parent
VOTE = {
    "strategy": "behaviour",
    "agreement": 0.832,
    "share": 1.0,
    "candidates": 3,
    "asked": 5,
    "clusters": [3],
    "seconds": 0.04,
}


def given(text: bytes | None) -> StandardInput:
    return StandardInput(None if text is None else io.BytesIO(text))


@pytest.mark.parametrize(
    ("words", "text", "expected"),
    [
        ("What is this?", None, "What is this?"),
        ("What is this?", b"", "What is this?"),
        ("What is this?", b"a file\n", "a file\n\nWhat is this?"),
        ("-", b"a question\n", "a question"),
        (None, b"\n\na question", "a question"),
        (None, b"\xef\xbb\xbfmarked", "marked"),
        (None, "von PowerShell: ü".encode("utf-16"), "von PowerShell: ü"),
        ("half \ud800", None, "half \ufffd"),
    ],
)
def test_a_question_is_its_words_after_what_is_piped_in(words: str | None, text: bytes | None, expected: str) -> None:
    assert question_of(words, given(text)) == expected


def test_a_pipe_and_a_socket_that_nobody_writes_to_are_not_waited_for() -> None:
    reading, writing = os.pipe()
    ours, theirs = socket.socketpair()
    with os.fdopen(reading, "rb") as pipe, os.fdopen(writing, "wb"), theirs, ours.makefile("rb", buffering=0) as plug:
        for stream in (pipe, plug):
            assert question_of("What is this?", StandardInput(cast(BinaryIO, stream), wait_s=0.01)) == "What is this?"
    ours.close()


@pytest.mark.parametrize(
    ("words", "text", "says"),
    [
        (None, b"", "nothing to ask"),
        (None, None, "nothing to ask"),
        ("-", b" \n ", "nothing to ask"),
        ("", b"", "nothing to ask"),
        ("-", b"\x89PNG\r\n\x1a\n", "no text"),
        ("-", b"a\x00b", "no text"),
        ("sum up", b"a" * (MOST_QUESTION_BYTES + 1), "more than 4 MiB"),
    ],
)
def test_what_is_no_question_is_told(words: str | None, text: bytes | None, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        question_of(words, given(text))


def test_the_program_reads_its_standard_input(tmp_path: Path) -> None:
    vote = {"clusters": [1], "agreement": 1.0, "candidates": 1, "strategy": "single", "seconds": 0.1}
    answers: dict[str, tuple[int, Any]] = {
        "/health": (200, {"workers": 3, "status": "ok"}),
        "/v1/chat/completions": (200, {"choices": [{"message": {"content": "an answer"}}], "swarm": vote}),
    }
    with serving(answers) as (daemon, heard):
        done = subprocess.run(
            [sys.executable, "-m", "local_swarm", "ask", "Sum it up.", "--port", str(daemon.server.port)],
            cwd=ROOT,
            env={**os.environ, "LOCAL_SWARM_HOME": str(tmp_path)},
            input=b"a long text\n",
            capture_output=True,
            timeout=60,
            check=False,
        )
    assert done.stdout == b"an answer\n"
    [asked] = [json.loads(one["body"]) for one in heard if one["body"]]
    assert asked["messages"][0]["content"] == "a long text\n\nSum it up."


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, "3 of 5 had answered, all alike; agreement 83 %"),
        ({"candidates": 4, "clusters": [2, 1, 1]}, "4 of 5 had answered, alike were 2+1+1; agreement 83 %"),
        ({"candidates": 5}, "All 5 answered, all alike"),
        ({"candidates": 5, "clusters": [3, 2], "agreement": 0.6, "share": 0.6}, "alike were 3+2; agreement 60 %"),
        ({"candidates": 1, "asked": 1, "clusters": [1]}, "One worker answered, so there was no vote"),
        ({"candidates": 1, "clusters": [1], "agreement": 1.0}, "1 of 5 had answered, no vote"),
    ],
)
def test_a_vote_is_told_in_a_sentence(more: dict[str, Any], expected: str) -> None:
    assert expected in vote_in_words({**VOTE, **more})


def state(requests: tuple[int, ...], busy: tuple[int, ...], steps: int) -> dict[str, Any]:
    workers = [
        {"id": f"w{at}", "requests": one, "busy": work}
        for at, (one, work) in enumerate(zip(requests, busy, strict=True))
    ]
    return {"workers": workers, "engines": [{"steps": steps, "batch_size": 3.0}, {"steps": None, "batch_size": None}]}


def test_who_waits_hears_how_many_have_answered_and_how_much_is_written() -> None:
    before = state((4, 4, 4), (0, 0, 0), 10)
    assert progress_in_words(before, state((4, 4, 4), (1, 1, 1), 10)) == "Reading the question ..."
    assert progress_in_words(before, state((5, 4, 4), (1, 1, 1), 510)).startswith("1 of 3 have answered, 1,500 tokens")


def test_a_swarm_that_starts_is_waited_for_with_a_word() -> None:
    answers: dict[str, tuple[int, Any]] = {"/health": (503, {"status": "starting", "workers": {}})}
    said: list[str] = []

    def say(words: str) -> None:
        said.append(words)
        answers["/health"] = (200, {"status": "ok", "workers": {}})

    with serving(answers) as (daemon, _):
        wait_for_start(daemon, say, pause_s=0.0)
    assert said == ["The swarm is starting, 0 s ..."]

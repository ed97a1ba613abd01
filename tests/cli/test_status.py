from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from local_swarm.cli.status import Speed
from local_swarm.cli.status_screen import elections_table, screen


def swarm(workers: int = 5, peers: int = 0, elections: int = 0, **more: Any) -> dict[str, Any]:
    worker = {
        "id": "w1",
        "engine": "llamacpp",
        "healthy": True,
        "busy": 1,
        "requests": 12,
        "failures": 0,
        "average_latency_s": 2.5,
        "tokens_per_s": 31.4,
        "tokens": 100,
    }
    engine = {
        "name": "llamacpp",
        "model": "m",
        "state": "ready",
        "memory_bytes": 3 << 30,
        "requests": 2,
        "batch_size": 4.5,
        "cells_used": 5000,
        "cells": 20000,
        "context": 32768,
        "steps": 9,
    }
    peer = {
        "name": "a-machine-with-a-long-name.local",
        "address": "192.168.1.7:8766",
        "state": "ok",
        "model": "qwen3:8b:q4_k_m",
        "workers": 5,
        "latency_ms": 3.4,
    }
    vote = {
        "strategy": "behaviour",
        "agreement": 0.82,
        "clusters": [4, 1],
        "decided_early": False,
        "seconds": 12.3,
        "completion_tokens": 222,
    }
    memory = {"total_bytes": 32 << 30, "available_bytes": 8 << 30, "limit_bytes": None}
    card = {"name": "NVIDIA GeForce RTX 4090", "memory_bytes": 24 << 30, "free_bytes": 6 << 30}
    return {
        "node": "desk",
        "version": "0.1.0",
        "status": "ok",
        "model": "qwen3.5:9b",
        "context": 32768,
        "engines": [engine],
        "workers": [worker | {"id": f"w{n}"} for n in range(1, workers + 1)],
        "peers": [peer] * peers,
        "elections": [vote] * elections,
        "tokens": {"prompt": 1000, "cached": 810},
        "machine": {"line": "a machine", "memory": memory, "accelerators": [card]},
        **more,
    }


def drawn(told: dict[str, Any], width: int = 80, height: int = 24, **more: Any) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=False)
    console.print(screen(told, height=height, **more))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


@pytest.mark.parametrize(("workers", "peers", "elections"), [(1, 0, 0), (5, 2, 20), (8, 10, 20), (32, 10, 20)])
def test_all_there_is_to_see_fits_a_phone_and_none_of_its_lines_wraps(workers: int, peers: int, elections: int) -> None:
    lines = drawn(swarm(workers, peers, elections), speed=123.0)
    assert len(lines) <= 24 and all(len(line) <= 80 for line in lines)
    text = "\n".join(lines)
    assert "qwen3.5:9b" in text and "w1" in text and "at work" in text and "31.4" in text and "2.5 s" in text
    assert ("behaviour" in text and "4+1" in text and "0.82" in text) == bool(elections)
    assert ("a-machine" in text) == bool(peers)
    assert ("more" in text) == (workers > 8)


def test_memory_cache_batch_and_speed_are_told() -> None:
    text = "\n".join(drawn(swarm(), width=140, speed=123.4))
    for words in (
        "75% of 32.0 GiB",
        "engine 3.0 GiB",
        "RTX 4090",
        "75% of 24.0 GiB",
        "batch 4.5",
        "25%",
        "81% of prompts",
        "123 tokens/s",
    ):
        assert words in text, text


def test_a_large_window_shows_more_votes_than_a_small_one() -> None:
    assert "\n".join(drawn(swarm(elections=20), height=50)).count("behaviour") == 20
    assert "\n".join(drawn(swarm(elections=20), height=24)).count("behaviour") < 20


def test_a_narrow_window_cuts_and_does_not_break() -> None:
    lines = drawn(swarm(5, 2, 5), width=40)
    assert all(len(line) <= 40 for line in lines) and len(lines) <= 24


def test_what_is_not_known_yet_is_left_out() -> None:
    young = swarm(2, machine={}, tokens={"prompt": 0, "cached": 0})
    young["engines"][0] |= dict.fromkeys(("memory_bytes", "requests", "batch_size", "cells_used", "steps"))
    young["workers"] = [
        one | {"average_latency_s": None, "tokens_per_s": None, "healthy": False} for one in young["workers"]
    ]
    text = "\n".join(drawn(young | {"status": "starting"}))
    assert "starting" in text and "down" in text and "None" not in text and "No vote yet" in text


def test_speed_is_what_was_written_between_two_looks() -> None:
    speed, told = Speed(), swarm(1)
    assert speed.of(told, 1.0) is None
    told["workers"][0]["tokens"] = 150
    assert speed.of(told, 3.0) == 25
    assert speed.of(told, 4.0) == 25  # at work, and nothing finished since
    told["workers"][0]["busy"] = 0
    assert speed.of(told, 5.0) == 0


def printed(table: Any) -> str:
    page = io.StringIO()
    Console(file=page, width=100).print(table)
    return page.getvalue()


def test_a_single_answer_is_no_vote_and_has_no_bar() -> None:
    alone = {"strategy": "single", "clusters": [1], "agreement": 1.0, "decided_early": False}
    told = printed(elections_table([{**alone, "completion_tokens": 3, "seconds": 1.0}]))
    assert "no vote" in told and "1.00" not in told and "=" not in told


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"asked": 5, "decided_early": True}, "2+1 early"),
        ({"asked": 5}, "2+1, 2 too late"),
        ({"asked": 3}, "2+1 "),
        ({}, "2+1 "),
    ],
)
def test_voices_that_were_not_needed_are_told_apart_from_those_that_came_too_late(
    told: dict[str, Any], words: str
) -> None:
    vote = {"strategy": "exact", "clusters": [2, 1], "agreement": 0.5, "decided_early": False, **told}
    assert words in printed(elections_table([{**vote, "completion_tokens": 3, "seconds": 1.0}]))

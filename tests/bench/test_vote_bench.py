"""The benchmark of votes runs, on samples made up for the test: what it says adds up; how good votes are is no test."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path
from typing import Any, get_args
from xml.etree import ElementTree

import pytest

from local_swarm.errors import UsageError
from local_swarm.types import Strategy
from local_swarm.voting.extract import extract
from local_swarm_benchmarks import nodes
from local_swarm_benchmarks.curves import gains, line_chart, reliability, ticks
from local_swarm_benchmarks.samples import default_folder, problems
from local_swarm_benchmarks.vote import LEFT_OUT, STRATEGIES, Prepared, VoteBenchOptions, auroc, measure

PROMPT = 'def f{n}(xs):\n    """Add up.\n{shown}    """\n'
RIGHT, WRONG = "    return sum(xs)\n", "    return xs[0] + {}\n"
KEYS = {"set", "strategy", "n", "pass_at_1", "random", "gain", "se", "seconds_per_vote"}


def problem(number: int, shown: bool) -> dict[str, Any]:
    """Four of six samples are right; one in `number` of the wrong ones is alone with what it does."""
    codes = [
        RIGHT,
        RIGHT.replace("sum", "0 + sum"),
        WRONG.format(0),
        WRONG.format(1),
        RIGHT,
        "    t = 0\n    for x in xs: t += x\n    return t\n",
    ]
    samples = [{"code": code, "passed": "xs[0]" not in code, "model": f"m{place}"} for place, code in enumerate(codes)]
    example = f"    >>> f{number}([1, 2])\n    3\n" if shown else ""
    return {
        "task_id": f"t/{number}",
        "prompt": PROMPT.format(n=number, shown=example),
        "entry_point": f"f{number}",
        "samples": samples,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    answers = [("#### 4", True), ("The answer is 4", True), ("A: 5", False), ("A: 6", False)]
    samples = [{"text": text, "passed": right, "model": f"m{at}"} for at, (text, right) in enumerate(answers)]
    sums = [{"question": f"How many are {n}?", "samples": samples} for n in range(10)]
    for name, rows in (
        ("humaneval_codegen16b", [problem(n, shown=False) for n in range(6)]),
        ("humaneval_localzoo", [problem(n, shown=True) for n in range(6)]),
        ("gsm8k_openai4", sums),
    ):
        with gzip.open(tmp_path / f"{name}_dev.jsonl.gz", "wt", encoding="utf-8") as file:
            file.write("\n".join(map(json.dumps, rows)))
    return tmp_path


def test_every_strategy_is_measured_or_left_out_for_a_reason() -> None:
    assert sorted((*STRATEGIES, *LEFT_OUT)) == sorted(get_args(Strategy))


def test_it_says_everything_it_promises(folder: Path) -> None:
    rows = measure(
        VoteBenchOptions(("codegen16b", "codegen16b-no-examples", "openai4"), (3,), 4, folder, "none"),
        lambda _line: None,
    )
    found = {(row["set"], row["strategy"]): row for row in rows}
    assert all(set(row) >= KEYS for row in rows)
    assert {name for name, _ in found} == {"codegen16b", "codegen16b-no-examples", "openai4"}
    for row in rows:
        assert row["gain"] == pytest.approx(row["pass_at_1"] - row["random"]) and row["se"] >= 0
        assert found[(row["set"], "oracle")]["pass_at_1"] >= row["pass_at_1"] - 1e-9
    shown = found[("codegen16b", "auto")]
    assert shown["gain"] > 0 and shown["seconds_per_vote"] > 0 and shown["reliability"]
    assert 2 <= found[("codegen16b", "auto, early")]["samples"] <= 3
    ElementTree.fromstring(gains(rows))
    ElementTree.fromstring(reliability(rows))


def test_where_there_are_no_samples_it_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--data"):
        problems("localzoo", tmp_path / "nothing")
    with pytest.raises(UsageError, match="cannot be read"):
        problems("localzoo", tmp_path)


def test_a_chart_of_nothing_and_of_odd_names_is_a_picture() -> None:
    ElementTree.fromstring(line_chart("a < b", "x & y", {}))
    assert ElementTree.fromstring(line_chart("t", "x", {"<one>": [(1, 2.0), (2, -1.0)]})) is not None


@pytest.mark.parametrize(
    ("low", "high", "marks"),
    [(3, 8, [3, 4, 5, 6, 7, 8]), (-5.1, 26.2, [-5, 0, 5, 10, 15, 20, 25]), (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1])],
)
def test_axes_have_round_numbers(low: float, high: float, marks: list[float]) -> None:
    assert ticks(low, high) == marks


def test_auroc_counts_pairs() -> None:
    import numpy as np

    assert auroc(np.array([0.1, 0.9, 0.5, 0.5]), np.array([0, 1, 0, 1])) == pytest.approx(3.5 / 4)
    assert auroc(np.array([0.1]), np.array([1])) is None


def test_real_samples_are_read_where_they_are() -> None:
    data = default_folder()
    if data is None or not data.is_dir():
        pytest.skip("the published samples are not here")
    read = problems("openai4", data)
    assert len(read) > 100 and all(len(one.samples) == len(one.right) == 4 for one in read)


def test_machines_vote_together_and_alone_on_the_same_answers(folder: Path) -> None:
    rows = nodes.measure(VoteBenchOptions(("codegen16b",), (3,), 2, folder, "none"), lambda _: None)
    assert [row["strategy"] for row in rows] == list(nodes.TEAMS)
    for row in rows:
        assert row["n"] == 9 and row.keys() >= KEYS
        assert row["gain"] == pytest.approx(row["pass_at_1"] - row["random"])


def test_no_answer_is_drawn_twice_while_there_are_others(folder: Path) -> None:
    [first, *_] = problems("codegen16b", folder)
    answers = tuple(extract(one, first.question) for one in first.samples)
    made = nodes.draw_round(Prepared(first, answers, None), ("own", "second"), random.Random(1))
    assert sorted(made.places.values()) == list(range(6))
    assert [one.node for one in made.candidates] == ["own"] * 3 + ["second"] * 3

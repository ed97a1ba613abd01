from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from local_swarm.cli.bench import find_benchmarks
from local_swarm.errors import UsageError
from local_swarm.sandbox.host import Sandbox

find_benchmarks()

from local_swarm_benchmarks.calls_asked import calls_match, json_schema, tools_of  # noqa: E402
from local_swarm_benchmarks.live import LiveBenchOptions, ask_all, csv_of, measure, run_of, summary  # noqa: E402
from local_swarm_benchmarks.live_file import open_live_file, read_live_file  # noqa: E402
from local_swarm_benchmarks.live_sets import last_number, live_problems, number, without_examples  # noqa: E402
from local_swarm_benchmarks.live_verdicts import program_in, verdicts  # noqa: E402
from local_swarm_benchmarks.own_questions import choice_questions, yes_no_questions  # noqa: E402

STUB = (
    'def twice(x):\n    """Double a number.\n    Example:\n    >>> twice(2)\n    4\n    >>> twice(0)\n    0\n\n'
    '    Never fails.\n    """\n'
)
FUNCTIONS = [
    {
        "name": "maths.root",
        "parameters": {
            "type": "dict",
            "properties": {"of": {"type": "float"}, "how": {"type": "str"}},
            "required": ["of"],
        },
    }
]
ANSWER = [{"maths.root": {"of": [9, 9.0], "how": ["Newton's", ""]}}]


def called(name: str, **arguments: Any) -> dict[str, str]:
    return {"name": name, "arguments": json.dumps(arguments)}


def answer(texts: list[str], elected: int, tokens: int) -> dict[str, Any]:
    """The last to answer is the greedy voice: answers come in any order."""
    ballots = [
        {
            "text": text,
            "anchor": at == len(texts) - 1,
            "elected": at == elected,
            "finish_reason": "stop",
            "seconds": 0.1,
        }
        for at, text in enumerate(texts)
    ]
    swarm = {"agreement": 0.5, "band": "medium", "seconds": 2.0, "completion_tokens_total": tokens, "ballots": ballots}
    return {"swarm": swarm}


class ScriptedModel:
    """Says yes twice and no once, alone it says yes; after so many requests it is gone."""

    def __init__(self, lasts: int = 1000) -> None:
        self.left, self.asked = lasts, 0

    async def ask(self, wish: dict[str, Any]) -> Mapping[str, Any]:
        if self.asked == self.left:
            raise ConnectionError
        self.asked += 1
        return answer(["Yes."], 0, 2) if wish["swarm"] == {"n": 1} else answer(["No.", "Yes.", "Yes."], 1, 6)


def run(model: ScriptedModel, path: Path, limit: int = 4) -> None:
    options = LiveBenchOptions("yes-no", limit=limit)
    file = open_live_file(path, run_of(options, "scripted"))
    asyncio.run(ask_all(live_problems("yes-no", None, False, limit), options, file, model.ask, lambda _: None))


def test_an_interrupted_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with pytest.raises(ConnectionError):
        run(ScriptedModel(lasts=5), path)
    with path.open("a", encoding="utf-8") as file:
        file.write('{"id": "half a li')
    again = ScriptedModel()
    run(again, path)
    assert again.asked == 2 * (4 - 2)
    assert len(read_live_file(path).done) == 4


def test_a_file_of_another_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    open_live_file(path, {"set": "mbpp", "n": 8})
    with pytest.raises(UsageError, match="n differs"):
        open_live_file(path, {"set": "mbpp", "n": 5})


def test_the_summary_pairs_the_vote_with_its_greedy_voice(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    run(ScriptedModel(), path)
    lines = list(read_live_file(path).done.values())
    yes = sum(one["right"][0] for one in lines)
    found = summary("yes-no", lines)
    assert found["greedy"] == found["voted"] == 25 * yes and found["gain"] == 0 and found["se"] == 0
    assert found["best"] == 100 and found["any"] == pytest.approx((yes * 200 + (4 - yes) * 100) / 12)
    assert found["seconds"] == {"greedy": 2.0, "voted": 2.0} and found["tokens"] == {"greedy": 2, "voted": 6}
    assert csv_of(found).split("\n")[0].startswith("set,problems,greedy,any,voted,best")


def test_a_run_needs_a_swarm_or_a_model() -> None:
    with pytest.raises(UsageError, match="--url"):
        measure(LiveBenchOptions("yes-no"), lambda _: None)


def test_stripped_stubs_keep_their_words_and_lose_their_examples() -> None:
    assert without_examples(STUB) == 'def twice(x):\n    """Double a number.\n\n    Never fails.\n    """\n'


def test_each_verdict_is_of_the_answer_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    run(ScriptedModel(), path)
    truths = {one.id: one.truth for one in live_problems("yes-no", None, False, 4)}
    for line in read_live_file(path).done.values():
        assert [one["anchor"] for one in line["ballots"]] == [True, False, False]
        said = [one["text"].lower().rstrip(".") for one in line["ballots"]]
        assert line["right"] == [one == truths[line["id"]] for one in said]


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("B", True),
        ("The answer is (B).", True),
        ("A is too small, so it is B) Ankara.", True),
        ("The capital of Turkey is Ankara.", True),
        ("The capital of Turkey is Istanbul.", False),
        ("Either Ankara or Istanbul.", False),
        ("A", False),
        ("I don't know.", False),
    ],
)
def test_options_are_judged_by_their_letter_or_their_words(tmp_path: Path, text: str, right: bool) -> None:
    asked = "What is the capital of Turkey?\n\nA) Istanbul\nB) Ankara\nC) Izmir\nD) Bursa\n\nAnswer with the letter."
    path = tmp_path / "set.jsonl"
    path.write_text(json.dumps({"id": "c/1", "question": asked, "answer": "B"}), encoding="utf-8")
    (problem,) = live_problems("choice", path, False, None)
    assert problem.judge and problem.judge(text, ()) is right


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"so \boxed{1,250} it is, of 7", "1250"),
        ("3 and then 4.50 dollars", "4.5"),
        (r"\boxed{-3}", "-3"),
        (r"\boxed{1/2}", "0.5"),
    ],
)
def test_numbers_are_compared_by_value(text: str, value: str) -> None:
    assert last_number(text) == number(value) is not None


def test_programs_are_judged_by_the_tests_of_the_set(tmp_path: Path) -> None:
    line = {"id": "M/1", "prompt": "Double a number.", "imports": [], "tests": ["assert twice(4) == 8"], "code": ""}
    path = tmp_path / "set.jsonl"
    path.write_text(json.dumps(line), encoding="utf-8")
    (problem,) = live_problems("mbpp", path, True, None)
    assert problem.name == "twice" and "assert" not in problem.text
    texts = [
        "```python\ndef twice(x):\n    return 2 * x\n```",
        "def twice(x): return x",
        "raise SystemExit",
        "I can't.",
    ]

    async def judge() -> list[bool]:
        sandbox = Sandbox()
        try:
            if not await sandbox.start():
                pytest.skip(f"{sandbox.reason}")
            return await verdicts(problem, [{"text": text} for text in texts], sandbox)
        finally:
            await sandbox.close()

    assert asyncio.run(judge()) == [True, False, False, False]


def test_the_block_that_defines_the_function_is_the_program() -> None:
    text = "```python\ntwice(2)\n```\nthen\n```python\ndef twice(x): return 2 * x\n```"
    assert program_in(text, "twice") == "def twice(x): return 2 * x\n"


def test_python_types_become_those_of_json_schemas() -> None:
    (tool,) = tools_of(FUNCTIONS)
    assert tool["function"]["name"] == "maths_root"
    assert tool["function"]["parameters"]["properties"] == {"of": {"type": "number"}, "how": {"type": "string"}}
    assert json_schema({"type": "tuple", "items": {"type": "any"}}) == {"type": "array", "items": {"type": "string"}}


@pytest.mark.parametrize(
    ("calls", "right"),
    [
        ([called("maths_root", of=9)], True),
        ([called("maths_root", of=9.0, how="newtons")], True),
        ([called("maths_root", of=8)], False),
        ([called("maths_root", how="newtons")], False),
        ([called("maths_root", of=9, base=2)], False),
        ([called("maths_root", of=9), called("maths_root", of=9)], False),
        ([called("other", of=9)], False),
        ([{"name": "maths_root", "arguments": "{"}], False),
        ([], False),
    ],
)
def test_a_call_is_right_where_every_argument_is_one_of_those_allowed(calls: Any, right: bool) -> None:
    assert calls_match(calls, ANSWER, FUNCTIONS) is right


def test_the_order_of_calls_decides_nothing() -> None:
    answers = [{"maths.root": {"of": [4]}}, {"maths.root": {"of": [9]}}]
    calls = [called("maths_root", of=9), called("maths_root", of=4)]
    assert calls_match(calls, answers, FUNCTIONS) and calls_match(calls[::-1], answers, FUNCTIONS)


def test_own_questions_are_half_true_and_lettered_evenly() -> None:
    truths = [one["answer"] for one in yes_no_questions()]
    assert len(truths) == 72 and abs(truths.count("yes") - truths.count("no")) <= 6
    letters = [one["answer"] for one in choice_questions()]
    assert len(letters) == 48 and {letters.count(one) for one in "ABCD"} == {12}

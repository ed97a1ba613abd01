"""The `vote` command, as a program: a file in, a line for each vote out."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local_swarm.cli.vote_file import lines, read_votes
from local_swarm.errors import UsageError

ROOT = Path(__file__).parents[2]
PROGRAM = "def f(xs):\n    return {}"
CODE = [
    {"text": PROGRAM.format("xs[0]"), "anchor": True},
    {"text": f"Sure:\n```python\n{PROGRAM.format('sum(xs)')}\n```\nDone."},
    {"text": PROGRAM.format("0 + sum(xs)")},
]


def line(candidates: Any, **more: Any) -> dict[str, Any]:
    return {"id": "x", "prompt": "Write a function f(xs) that adds.", "candidates": candidates, **more}


def voted(folder: Path, *given: dict[str, Any], strategy: str = "auto") -> list[dict[str, Any]]:
    file = folder / "votes.jsonl"
    file.write_text("\n".join(map(json.dumps, given)), encoding="utf-8")
    return [json.loads(one) for one in lines(file, strategy, None)]


def test_the_command_prints_a_line_for_each_line_in_order(tmp_path: Path) -> None:
    file = tmp_path / "votes.jsonl"
    sums = [{"text": "#### 4"}, {"text": "The answer is 4."}, {"text": "A: 5"}]
    file.write_text(
        "\n".join(json.dumps(line(given, id=name)) for name, given in (("code", CODE), ("sums", sums))) + "\n\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "local_swarm", "vote", str(file)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    code, value = map(json.loads, done.stdout.splitlines())
    assert (code["id"], code["winner"] in (1, 2), code["clusters"]) == ("code", True, [[1, 2], [0]])
    assert (value["id"], value["winner"], value["clusters"]) == ("sums", 0, [[0, 1], [2]])
    assert all(0 <= one["agreement"] <= 1 and one["seconds"] > 0 for one in (code, value))


def test_order_decides_nothing(tmp_path: Path) -> None:
    draw = random.Random(3)
    orders = [draw.sample(CODE, len(CODE)) for _ in range(4)]
    found = voted(tmp_path, *(line(order) for order in orders))
    assert len({order[one["winner"]]["text"] for order, one in zip(orders, found, strict=True)}) == 1
    assert len({one["agreement"] for one in found}) == 1


def test_voters_are_judged_by_all_lines_of_the_file(tmp_path: Path) -> None:
    """`good` agrees with one of two others every time, and so wins when nobody agrees with anybody."""
    agreeing = [[("good", n), ("a", n if n % 2 else -1), ("b", -2 if n % 2 else n)] for n in range(1, 21)]
    divided = [[("a", 100), ("b", 101), ("good", 102)]]
    given = [
        line([{"text": f"#### {said}", "voter": voter} for voter, said in votes]) for votes in (*agreeing, *divided)
    ]
    assert voted(tmp_path, *given)[-1]["winner"] == 2


def test_tool_calls_are_compared_by_what_they_do(tmp_path: Path) -> None:
    def call(path: str, style: str) -> dict[str, Any]:
        arguments = json.dumps({"path": path}) if style == "text" else {"path": path}
        return {
            "text": "",
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "read", "arguments": arguments}}],
        }

    found = voted(tmp_path, line([call("b", "text"), call("a", "text"), call("a", "data")]))[0]
    assert found["clusters"] == [[1, 2], [0]]


def test_json_that_breaks_the_schema_does_not_win(tmp_path: Path) -> None:
    schema = {"type": "object", "required": ["n"]}
    given = [{"text": '{"m": 1}'}, {"text": '{"m": 1}'}, {"text": '```json\n{"n": 1}\n```'}]
    assert voted(tmp_path, line(given, schema=schema))[0]["winner"] == 2


@pytest.mark.parametrize("strategy", ["behaviour", "structure", "similarity", "exact", "quality", "fastest"])
def test_every_strategy_can_be_chosen(tmp_path: Path, strategy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_SWARM_MODELS_EMBEDDING", "none")
    assert voted(tmp_path, line(CODE), strategy=strategy)[0]["winner"] in (0, 1, 2)


def test_nobody_standing_and_nobody_valid_are_said(tmp_path: Path) -> None:
    nobody, invalid = voted(tmp_path, line([]), line([{"text": ""}, {"text": " \n"}]))
    assert nobody["winner"] is None and "no candidates" in nobody["note"]
    assert invalid["winner"] in (0, 1) and "no valid answer" in invalid["note"] and invalid["band"] == "low"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{", "line 1 is no valid JSON"),
        (b"[1]", "line 1: Input should be an object"),
        (b'{"id": 1}', "candidates: Field required"),
        (b'{"candidates": [{"text": 3}]}', "candidates.0.text"),
        (b'\n\n{"candidates": 3}', "line 3: candidates"),
    ],
)
def test_a_wrong_file_is_a_sentence_that_names_the_line(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "votes.jsonl"
    file.write_bytes(content)
    with pytest.raises(UsageError, match=said):
        read_votes(file)


def test_a_file_that_is_not_there_and_a_strategy_that_is_none_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        list(lines(tmp_path / "nothing", "auto", None))
    with pytest.raises(UsageError, match="no strategy 'best'"):
        list(lines(tmp_path / "nothing", "best", None))


def test_bytes_that_are_no_text_are_read_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "votes.jsonl"
    file.write_bytes(b'{"candidates": [{"text": "caf\xe9"}]}\n')
    assert read_votes(file)[0].candidates[0].text == "caf\ufffd"

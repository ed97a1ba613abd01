"""The benchmark runs, on models small enough for a test: what it says is there and makes sense; how fast is no test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
pytest.importorskip("gguf", reason="the package gguf is not installed")

from local_swarm.errors import UsageError
from local_swarm.models.gguf import read_header
from local_swarm_benchmarks.chart import chart
from local_swarm_benchmarks.engine import questions
from local_swarm_benchmarks.model_files import model_file
from local_swarm_benchmarks.shapes import SHAPES, tensors

ROOT = Path(__file__).parents[2]
KEYS = {
    "model",
    "quantization",
    "n",
    "prompt_tokens",
    "new_tokens",
    "threads",
    "one_s",
    "n_s",
    "separate_s",
    "llama_server_n_s",
    "preferred",
    "drafted",
    "early",
    "second_turn_ttft_ratio",
    "gap_ratio_p95",
    "resident_ratio",
    "python_share",
    "busy_ratio",
    "longest_gap_s",
    "stream_tokens_per_s",
    "reading_ratio",
}


def test_the_engine_benchmark_says_everything_it_promises(tmp_path: Path) -> None:
    plot = tmp_path / "times.svg"
    command = [
        sys.executable,
        "-m",
        "local_swarm",
        "bench",
        "engine",
        "--shape",
        "tiny-dense",
        "--quantization",
        "q8_0",
        "--n",
        "3",
        "--prompt-tokens",
        "200",
        "--new-tokens",
        "8",
        "--repeats",
        "2",
        "--quick",
        "--json",
        "--plot",
        str(plot),
    ]
    environment = {**os.environ, "LOCAL_SWARM_HOME": str(tmp_path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) >= KEYS and min(found["n_s"], found["one_s"]) > 0  # which is longer is noise at this size
    assert 0 < found["drafted"]["step_ratio"] <= 1 and 0 < found["python_share"] < 1
    ElementTree.parse(plot)


@pytest.mark.parametrize("name", SHAPES)
def test_the_shapes_are_about_as_large_as_their_names_say(name: str) -> None:
    total = 0
    for _, size in tensors(SHAPES[name]):
        values = 1
        for number in size:
            values *= number
        total += values
    named = name.split("-")[0].removesuffix("b")
    assert total < 1e6 if named == "tiny" else float(named) * 0.8e9 < total < float(named) * 1.3e9


def test_a_model_file_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_SWARM_HOME", str(tmp_path))
    made = model_file("tiny-dense", "q8_0")
    when = made.stat().st_mtime_ns
    assert model_file("tiny-dense", "q8_0").stat().st_mtime_ns == when
    assert read_header(made).metadata["general.file_type"] == 7


@pytest.mark.parametrize(("shape", "quantization"), [("900b", "q8_0"), ("tiny-dense", "q99")])
def test_what_there_is_no_model_of_is_a_sentence(shape: str, quantization: str) -> None:
    with pytest.raises(UsageError, match=r"There is no .* There are: "):
        model_file(shape, quantization)


def test_a_chart_is_a_picture_with_a_bar_for_each() -> None:
    tree = ElementTree.fromstring(chart("a < b", [("here", 1.0), ("there & elsewhere", 2.0)]))
    bars = [float(one.attrib["width"]) for one in tree.iter("{http://www.w3.org/2000/svg}rect")]
    assert bars[1] == pytest.approx(2 * bars[0])


def test_questions_differ_and_can_be_asked_again() -> None:
    assert list(questions(20)) == list(questions(20)) and len(set(questions(20))) > 15

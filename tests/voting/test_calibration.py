from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.sandbox.host import Sandbox
from local_swarm.types import Candidate, Usage
from local_swarm.voting.calibration import (
    HIGH,
    OUTSIDE,
    UNPROVEN,
    VALUES,
    band,
    calibrated_agreement,
    interpolate,
    opinions,
)
from local_swarm.voting.consensus import elect
from local_swarm.voting.jury import Jury
from local_swarm.voting.measured import FEW_OPTIONS
from local_swarm.voting.question import Question, question
from local_swarm.voting.similarity.embedding import Embedder

FIGURES = json.loads((Path(__file__).parents[2] / "docs/data/calibration.json").read_text(encoding="utf-8"))

shares = st.floats(0, 1)


@given(
    shares,
    shares,
    st.none() | shares,
    st.sampled_from(["code", "value", "text", "calls"]),
    st.sampled_from(["behaviour", "structure", "exact", "similarity", "quality"]),
)
def test_it_is_a_probability_that_grows_with_the_share(
    share: float, support: float, passed: float | None, kind: str, strategy: str
) -> None:
    found = calibrated_agreement(kind, strategy, share, support, passed)
    assert 0 <= found <= 1
    assert calibrated_agreement(kind, strategy, min(1.0, share + 0.1), support, passed) >= found


def test_passing_every_example_says_more_than_agreeing() -> None:
    alone = calibrated_agreement("code", "behaviour", 0.2, 0.2, 1.0)
    crowd = calibrated_agreement("code", "behaviour", 1.0, 1.0, 0.5)
    assert alone > 0.5 > crowd


def test_what_was_not_measured_is_the_share() -> None:
    assert (
        calibrated_agreement("text", "structure", 0.6, 0.3, None)
        == calibrated_agreement("calls", "exact", 0.6, None, None)
        == 0.6
    )


@pytest.mark.parametrize(("share", "right"), VALUES)
def test_values_follow_the_table(share: float, right: float) -> None:
    assert interpolate(VALUES, share) == pytest.approx(right)


def test_bands_are_words_for_it() -> None:
    assert [band(at) for at in (0.0, 0.39, 0.4, 0.74, 0.75, 1.0)] == ["low", "low", "medium", "medium", "high", "high"]


def said(text: str, *, anchor: bool = False) -> Candidate:
    return Candidate(text, "voice", "stop", Usage(0, 1), 0.1, anchor=anchor)


@pytest.mark.parametrize("voices", [2, 3, 5, 8])
def test_voices_that_all_say_yes_are_no_sure_sign(voices: int) -> None:
    asked = question("Is 87 a prime number? Answer yes or no.")
    election = elect([said("Yes.", anchor=at == 0) for at in range(voices)], question=asked)
    assert election.share == 1 and election.band != "high" and election.agreement < HIGH


def test_many_possible_answers_agree_by_chance_less_than_few() -> None:
    few, more, any_at_all = (calibrated_agreement("value", "exact", 1.0, None, None, options=n) for n in (2, 4, 0))
    assert max(few, more) < any_at_all


def test_copies_of_a_greedy_answer_are_one_opinion() -> None:
    copies = [said("42", anchor=True)] * 3
    assert opinions(copies) == 1 and opinions([*copies, said("42")]) == 2
    assert elect(copies).band == "low"


def test_copies_of_a_greedy_answer_do_not_raise_agreement() -> None:
    once = elect([said("42", anchor=True), said("41"), said("41")])
    thrice = elect([*[said("42", anchor=True)] * 3, said("41"), said("41")])
    assert thrice.share == 0.6
    assert thrice.agreement < once.agreement


def test_the_table_is_the_one_that_was_measured() -> None:
    measured = {int(options): tuple(map(tuple, points)) for options, points in FIGURES["few_options"].items()}
    assert measured == FEW_OPTIONS


def test_voters_that_answer_what_they_were_not_made_for_claim_little() -> None:
    jury = Jury(Sandbox(()), Embedder("", True))
    jury.practised = frozenset({"code"})
    election = asyncio.run(jury.elect(Question("What is 17 * 23?"), [said("1722"), said("1722"), said("1722")]))
    assert election.band == "low" and election.agreement <= UNPROVEN and election.note == OUTSIDE


def test_a_single_answer_claims_nothing_in_the_first_place() -> None:
    jury = Jury(Sandbox(()), Embedder("", True))
    jury.practised = frozenset({"code"})
    election = asyncio.run(jury.elect(Question("Write f."), [said("```python\ndef f(): return 1\n```")]))
    assert election.band == "low" and election.note is None


def test_the_docs_tell_the_figures_that_were_measured() -> None:
    docs = Path(__file__).parents[2] / "docs"
    told = (docs / "consensus.md").read_text(encoding="utf-8")
    for row in FIGURES["checked"]:
        assert row_of(row) in told
    page = (docs / "quality.md").read_text(encoding="utf-8")
    for row in json.loads((docs / "data/quality.json").read_text(encoding="utf-8"))["rows"]:
        assert f"| {row['problems']} | {row['greedy']} | {row['any']} | {row['voted']} | {row['best']} |" in page


def row_of(row: dict[str, object]) -> str:
    keys = ("model", "set", "band", "agreement", "right", "votes", "problems")
    return f"| {' | '.join(str(row[key]) for key in keys)} |"

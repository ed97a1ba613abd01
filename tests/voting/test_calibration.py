from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.sandbox.host import Sandbox
from local_swarm.types import Candidate, Usage, VoteBasis
from local_swarm.voting.calibration import (
    HIGH,
    MEASURED,
    MEDIUM,
    OUTSIDE,
    UNPROVEN,
    band,
    calibrated_agreement,
    opinions,
)
from local_swarm.voting.consensus import elect
from local_swarm.voting.jury import Jury
from local_swarm.voting.question import Question, question
from local_swarm.voting.similarity.embedding import Embedder

FIGURES = json.loads((Path(__file__).parents[2] / "docs/data/calibration.json").read_text(encoding="utf-8"))

shares = st.floats(0, 1)


@given(
    st.integers(1, 8),
    st.integers(0, 7),
    st.none() | shares,
    st.none() | shares,
    st.sampled_from(["code", "value", "text", "calls"]),
    st.sampled_from(["behaviour", "structure", "exact", "similarity", "quality"]),
)
def test_it_is_a_probability_that_grows_with_the_share(
    alike: int, others: int, support: float | None, passed: float | None, family: str, strategy: str
) -> None:
    basis = VoteBasis(family, strategy, alike + others, alike, support, passed)
    found = calibrated_agreement(basis)
    assert 0 <= found <= 1
    if others:
        assert calibrated_agreement(replace(basis, alike=alike + 1)) >= found


@pytest.mark.parametrize(("family", "strategy"), [("code", "behaviour"), ("value", "exact"), ("calls", "exact")])
def test_all_of_many_voices_prove_more_than_all_of_few(family: str, strategy: str) -> None:
    told = [calibrated_agreement(VoteBasis(family, strategy, count, count, 1.0)) for count in (2, 3, 5, 8)]
    assert told == sorted(told) and told[0] < told[-1]


def test_passing_every_example_says_more_than_agreeing() -> None:
    alone = calibrated_agreement(VoteBasis("code", "behaviour", 5, 1, 0.2, 1.0))
    crowd = calibrated_agreement(VoteBasis("code", "behaviour", 5, 5, 1.0, 0.5))
    assert alone > crowd


def test_what_was_not_measured_is_the_share() -> None:
    for basis in (VoteBasis("text", "structure", 5, 3, 0.3), VoteBasis("code", "single", 1, 1)):
        assert calibrated_agreement(basis) == basis.alike / basis.voices


def test_bands_are_words_for_it() -> None:
    assert [band(at) for at in (0.0, MEDIUM - 0.01, MEDIUM, HIGH - 0.01, HIGH, 1.0)] == [
        "low",
        "low",
        "medium",
        "medium",
        "high",
        "high",
    ]


def said(text: str, *, anchor: bool = False) -> Candidate:
    return Candidate(text, "voice", "stop", Usage(0, 1), 0.1, anchor=anchor)


@pytest.mark.parametrize("voices", [2, 3, 5, 8])
def test_voices_that_all_say_yes_are_no_sure_sign(voices: int) -> None:
    asked = question("Is 87 a prime number? Answer yes or no.")
    election = elect([said("Yes.", anchor=at == 0) for at in range(voices)], question=asked)
    assert election.share == 1 and election.band != "high" and election.agreement < HIGH


def test_many_possible_answers_agree_by_chance_less_than_few() -> None:
    few, more, any_at_all = (calibrated_agreement(VoteBasis("value", "exact", 5, 5, options=n)) for n in (2, 4, 0))
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


def test_the_figures_are_those_that_were_measured() -> None:
    def frozen(points: Any) -> Any:
        return tuple(map(tuple, points))

    assert {way: tuple(weights) for way, weights in FIGURES["weights"].items()} == MEASURED.weights
    assert frozenset(FIGURES["never_high"]) == MEASURED.never_high
    assert (frozen(FIGURES["values"]), frozen(FIGURES["calls"])) == (MEASURED.values, MEASURED.calls)
    assert {int(options): frozen(points) for options, points in FIGURES["few_options"].items()} == MEASURED.few_options
    assert FIGURES["bands"] == {"medium": MEDIUM, "high": HIGH}


def test_a_high_band_was_right_nine_times_in_ten_on_what_was_not_fitted_on() -> None:
    high = [row for row in FIGURES["checked"] if row["band"] == "high"]
    assert high and sum(row["right"] * row["votes"] for row in high) / sum(row["votes"] for row in high) >= 0.9
    assert {row["set"]: row["right"] for row in high if row["right"] < 0.85} == {}


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

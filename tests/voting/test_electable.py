"""What may win a vote: answers before refusals, what was asked for before what is frequent."""

from __future__ import annotations

import pytest

from local_swarm.types import Candidate, Usage
from local_swarm.voting.answer import ExtractedAnswer, Kind
from local_swarm.voting.asked import NOTHING_ASKED, Asked
from local_swarm.voting.ballots import Ballot, electable, in_order, majority_kind

CODE = ExtractedAnswer("code", "x", "python")
UNREAD = ExtractedAnswer("code", "a b", "python", complaint="does not parse")
PROSE = ExtractedAnswer("prose", "Use a loop.")
REFUSAL = ExtractedAnswer("refusal", "Sorry.", complaint="refuses")
EMPTY = ExtractedAnswer("empty", "", complaint="empty")
SHORT = ExtractedAnswer("short", "paris")
NUMBER = ExtractedAnswer("number", "4")


def ballots(*answers: ExtractedAnswer, asked: Asked = NOTHING_ASKED, cut: int = -1) -> list[Ballot]:
    said = [
        Candidate(f"{at}", f"w{at}", "length" if at == cut else "stop", Usage(0, 0), 0.0) for at in range(len(answers))
    ]
    return in_order(said, answers, asked)


def kinds(found: list[Ballot]) -> set[Kind]:
    return {ballot.answer.kind for ballot in found}


def test_refusals_never_win_against_an_answer() -> None:
    assert kinds(electable(ballots(REFUSAL, REFUSAL, REFUSAL, PROSE))) == {"prose"}
    assert kinds(electable(ballots(REFUSAL, REFUSAL, UNREAD))) == {"code"}


def test_a_refusal_wins_where_there_is_nothing_else() -> None:
    assert kinds(electable(ballots(REFUSAL, EMPTY, EMPTY))) == {"refusal"}
    assert len(electable(ballots(REFUSAL, REFUSAL))) == 2


def test_programs_that_cannot_be_read_do_not_lose_to_another_kind() -> None:
    assert kinds(electable(ballots(UNREAD, UNREAD, UNREAD, PROSE))) == {"code"}


def test_a_program_that_can_be_read_beats_those_that_cannot() -> None:
    assert [ballot.valid for ballot in electable(ballots(UNREAD, UNREAD, CODE))] == [True]


def test_cut_programs_lose_to_a_whole_answer_of_another_kind() -> None:
    found = electable(ballots(CODE, EMPTY, PROSE, cut=0, asked=Asked("function", sure=True)))
    assert kinds(found) == {"prose"}


def test_what_was_surely_asked_for_goes_before_what_is_frequent() -> None:
    asked = Asked("function", sure=True)
    assert majority_kind(ballots(PROSE, PROSE, CODE, asked=asked)) == "code"
    assert majority_kind(ballots(PROSE, PROSE, CODE, asked=Asked("function"))) == "text"
    assert majority_kind(ballots(PROSE, PROSE, NUMBER, asked=Asked("number", sure=True))) == "value"


@pytest.mark.parametrize("answers", [(EMPTY, EMPTY, SHORT), (SHORT, EMPTY, EMPTY)])
def test_empty_answers_are_no_majority(answers: tuple[ExtractedAnswer, ...]) -> None:
    assert kinds(electable(ballots(*answers))) == {"short"}

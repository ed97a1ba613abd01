from __future__ import annotations

import random
from pathlib import Path

import pytest

from local_swarm.types import Candidate, Election, Usage
from local_swarm.voting.consensus import elect
from local_swarm.voting.reliability import VoterReliability, ballots_of, estimate_reliabilities, likelihoods

ACCURACY = {"weak": 0.2, "fair": 0.45, "good": 0.6, "best": 0.8}


def simulated(rounds: int, wrong_answers: int = 30) -> list[list[tuple[str, int]]]:
    """Independent voters; answer 0 is right and nobody is told so."""
    draw = random.Random(7)
    return [
        [(voter, 0 if draw.random() < right else draw.randint(1, wrong_answers)) for voter, right in ACCURACY.items()]
        for _ in range(rounds)
    ]


def candidate(text: str, voter: str, weight: float | None = None) -> Candidate:
    return Candidate(f"#### {text}", voter, "stop", Usage(1, 1), 1.0, weight=weight)


def test_who_is_right_how_often_is_found_without_being_told_what_is_right() -> None:
    found = estimate_reliabilities(simulated(600))
    assert sorted(found, key=found.__getitem__) == list(ACCURACY)
    assert all(found[voter] == pytest.approx(right, abs=0.12) for voter, right in ACCURACY.items())


def test_one_voice_says_nothing_about_itself() -> None:
    assert estimate_reliabilities([[("alone", 0)]] * 50) == {"alone": 0.5}
    assert estimate_reliabilities([]) == {}


def test_agreeing_with_a_good_voter_makes_an_answer_likely() -> None:
    likely = likelihoods([("good", 0), ("weak", 1), ("fair", 1)], {"good": 0.9, "weak": 0.1, "fair": 0.3})
    assert likely[0] > likely[1] and sum(likely.values()) < 1


def test_the_more_reliable_voter_wins_a_tie_and_loses_to_a_majority() -> None:
    tie = [candidate("1", "a", 0.4), candidate("2", "b", 0.8)]
    assert elect(tie).elected.voter == "b"
    outvoted = [candidate("1", "a", 0.1), candidate("1", "c", 0.1), candidate("1", "d", 0.1), candidate("2", "b", 0.99)]
    assert elect(outvoted).elected.text == "#### 1"


def learn(kept: VoterReliability, times: int) -> Election:
    votes = [candidate("1", "a"), candidate("1", "b"), candidate("2", "c")]
    for _ in range(times):
        election = elect(votes)
        kept.learn(election)
    return election


def test_what_is_learned_outlives_the_program(tmp_path: Path) -> None:
    kept = VoterReliability(tmp_path / "deep" / "reliability.json")
    assert kept.weight("a") is None
    learn(kept, 30)
    kept.save()
    again = VoterReliability(kept.path)
    again.load()
    assert again.seen == kept.seen
    a, c = again.weight("a"), again.weight("c")
    assert a is not None and c is not None and a > 0.5 > c


def test_what_is_old_counts_less() -> None:
    kept = VoterReliability()
    learn(kept, 2_000)
    assert max(cast for _, cast in kept.seen.values()) < 250


@pytest.mark.parametrize("content", ["", "{", "[]", '{"a": 3}', '{"a": ["x", 1]}'])
def test_a_damaged_file_is_an_empty_one(tmp_path: Path, content: str) -> None:
    path = tmp_path / "reliability.json"
    path.write_text(content)
    kept = VoterReliability(path)
    kept.load()
    assert kept.seen == {}


def test_a_folder_that_cannot_be_written_costs_nothing_but_the_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = VoterReliability(tmp_path / "file" / "reliability.json")
    election = learn(kept, 60)
    assert ballots_of(election) and kept.weight("a")

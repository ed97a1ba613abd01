"""Which machines' ballots count, and that a weak machine helps and never harms: in a simulation and on real samples."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from local_swarm.types import Candidate, Election, ToolCall, Usage
from local_swarm.voting.consensus import elect
from local_swarm.voting.cross_consensus import (
    PeerReliability,
    across,
    ballots_that_count,
    reliabilities_after,
    standings,
)

NAME = Path("shared/data/consensus/humaneval_codegen16b_dev.jsonl.gz")  # beside the checkout, never in it
SAMPLES = next((above / NAME for above in Path(__file__).parents if (above / NAME).exists()), NAME)


def says(node: str, text: str, number: int = 1, **more: Any) -> Candidate:
    return Candidate(text, f"{node}/w{number}", "stop", Usage(1, 1), 0.1, node=node, **more)


def exact(candidates: Sequence[Candidate]) -> Election:
    return elect(candidates, "exact")


def many(node: str, *texts: str) -> list[Candidate]:
    return [says(node, text, number) for number, text in enumerate(texts)]


def texts_of(candidates: Sequence[Candidate]) -> list[str]:
    return [candidate.text for candidate in candidates]


# ------------------------------------------------------------------------------------------ what counts


def test_ballots_beyond_the_announced_workers_do_not_count() -> None:
    given = [*many("a", "x"), *many("b", "y", "y", "y", "z")]
    assert texts_of(ballots_that_count(given, "a", {"b": 2}, {}, exact)) == ["x", "y", "y"]
    assert texts_of(ballots_that_count(given, "a", {}, {}, exact)) == ["x"]


def test_our_own_ballots_always_count() -> None:
    assert len(ballots_that_count(many("a", "x", "y", "z"), "a", {}, {}, exact)) == 3


def test_of_a_machine_with_a_poor_record_those_count_that_its_own_vote_puts_first() -> None:
    given = [*many("a", "x", "x", "x"), *many("b", "odd", "y", "y", "y")]
    for agreed, kept in ((1000, ["odd", "y", "y", "y"]), (910, ["y", "y"]), (300, []), (0, [])):
        known = {"a": PeerReliability(1000, 10_000), "b": PeerReliability(agreed, 10_000)}
        assert texts_of(ballots_that_count(given, "a", {"b": 4}, known, exact))[3:] == kept
    early = {"a": PeerReliability(1, 2), "b": PeerReliability(0.8, 2)}
    assert len(ballots_that_count(given, "a", {"b": 4}, early, exact)) == 7


def test_our_own_poor_record_counts_as_others_do() -> None:
    given = [*many("a", "x", "x", "x"), *many("b", "y", "y", "y")]
    known = {"a": PeerReliability(10, 1000), "b": PeerReliability(500, 1000)}
    assert texts_of(ballots_that_count(given, "a", {"b": 3}, known, exact)) == ["y", "y", "y"]


def test_where_nobody_better_has_answered_the_weak_one_is_heard() -> None:
    known = {"a": PeerReliability(500, 1000), "b": PeerReliability(10, 1000)}
    assert texts_of(ballots_that_count(many("b", "y", "y"), "a", {"b": 2}, known, exact)) == ["y", "y"]


def test_a_tool_call_needs_our_own_machine_or_two_others() -> None:
    call = (ToolCall("1", "rm", '{"path": "/"}'),)
    lone = [*many("a", "x"), says("b", "", 1, tool_calls=call), says("b", "", 2, tool_calls=call)]
    assert texts_of(ballots_that_count(lone, "a", {"b": 2}, {}, exact)) == ["x"]
    assert ballots_that_count(lone[1:], "a", {"b": 2}, {}, exact) == []
    seconded = [*lone, says("c", "", 1, tool_calls=call)]
    assert len(ballots_that_count(seconded, "a", {"b": 2, "c": 1}, {}, exact)) == 4
    own = [*lone, says("a", "", 2, tool_calls=call)]
    assert len(ballots_that_count(own, "a", {"b": 2}, {}, exact)) == 4


# -------------------------------------------------------------------------------------------- how to vote


def test_weighted_listens_to_the_sure_and_reliable() -> None:
    given = [*many("a", "x", "x", "x"), *many("b", "y", "z", "y", "w"), *many("c", "y", "q", "r", "s")]
    assert exact(given).elected.text in "xy"
    assert across("weighted", given, {}, exact).elected.text == "x"


def test_best_of_n_takes_the_surest_machine() -> None:
    given = [*many("a", "x", "y", "y"), *many("b", "z", "z"), *many("c", "y", "x", "w")]
    election = across("best_of_n", given, {}, exact)
    assert election.elected.text == "z" and election.strategy == "best_of_n"
    known = {"a": PeerReliability(99, 100), "b": PeerReliability(10, 100)}
    assert across("best_of_n", given, known, exact).elected.text == "y"


def test_latency_takes_the_first() -> None:
    given = [*many("a", "x", "x"), *many("b", "y")]
    assert across("latency", given, {}, exact, first="b").elected.text == "y"


# ------------------------------------------------------------------------------------------------ learning


def test_agreeing_with_oneself_proves_nothing() -> None:
    assert reliabilities_after({}, exact([*many("a", "x", "x", "x"), *many("b", "y")])) == {}
    found = reliabilities_after({}, exact([*many("a", "x", "x"), *many("b", "x", "x"), *many("c", "z", "z")]))
    assert found == {"a": PeerReliability(0.5, 1.0), "b": PeerReliability(0.5, 1.0), "c": PeerReliability(0.0, 1.0)}


def test_three_small_models_do_not_talk_down_a_large_one() -> None:
    vote = exact([*many("a", "x", "x"), *many("b", "y", "y"), *many("c", "y", "y"), *many("d", "y", "x")])
    models = {"a": "large", "b": "small", "c": "small", "d": "small"}
    talked_down, fair = reliabilities_after({}, vote), reliabilities_after({}, vote, models)
    assert talked_down["a"].agreed < talked_down["b"].agreed
    assert fair["a"].agreed > fair["b"].agreed == fair["c"].agreed == 0.0 and fair["d"].agreed > fair["a"].agreed


def test_what_was_learned_fades() -> None:
    one = PeerReliability()
    for _ in range(20_000):
        one = one.after(1.0)
    assert one.agreed == one.total < 3000
    for _ in range(4000):
        one = one.after(0.0)
    assert one.agreed / one.total < 0.3


def test_records_are_compared_and_new_machines_taken_for_average_ones() -> None:
    known = {"a": PeerReliability(200, 1000), "b": PeerReliability(100, 1000)}
    found = standings(["a", "b", "new"], known)
    assert found["a"] == 1.0 and 0.5 < found["b"] < 0.56 and found["b"] < found["new"] < 1.0
    assert standings(["a", "b"], {}) == {"a": 1.0, "b": 1.0}


# ------------------------------------------------------------------------- a weak machine helps, never harms

Draw = Callable[[random.Random], tuple[list[list[Candidate]], Callable[[Candidate], bool]]]


def scores(
    draw: Draw, rounds: int, vote: Callable[[Sequence[Candidate]], Election], nodes: int
) -> tuple[float, list[float]]:
    """How often the vote across machines is right, and each machine's own vote, with reliabilities learned on the
    way."""
    dice, known = random.Random(1), dict[str, PeerReliability]()
    right, alone = [], [list[bool]() for _ in range(nodes)]
    for _ in range(rounds):
        ballots, is_right = draw(dice)
        every = [candidate for node in ballots for candidate in node]
        announced = {node[0].node or "": len(node) for node in ballots}
        election = across("vote", ballots_that_count(every, "n0", announced, known, vote), known, vote)
        known = reliabilities_after(known, vote(every))
        right.append(is_right(election.elected))
        for number, node in enumerate(ballots):
            alone[number].append(is_right(vote(node).elected))
    return mean(right), [mean(one) for one in alone]


def voters(skills: Sequence[float], each: int, wrong: int) -> Draw:
    """Independent voters that are right with their machine's probability, else wrong in one of so many ways."""

    def draw(dice: random.Random) -> tuple[list[list[Candidate]], Callable[[Candidate], bool]]:
        made = [
            many(
                f"n{n}", *("right" if dice.random() < skill else f"wrong {dice.randrange(wrong)}" for _ in range(each))
            )
            for n, skill in enumerate(skills)
        ]
        return made, lambda candidate: candidate.text == "right"

    return draw


def test_in_a_simulation_equal_machines_gain_and_a_weak_one_does_not_harm() -> None:
    together, alone = scores(voters([0.5, 0.5, 0.5], 3, 4), 800, exact, 3)
    assert together > max(alone) + 0.06
    for weak in (0.3, 0.1, 0.0):
        together, alone = scores(voters([0.6, 0.6, weak], 3, 4), 800, exact, 3)
        assert together > max(alone), weak


def program(problem: dict[str, Any], sample: dict[str, Any]) -> str:
    between = "    pass\n\n" if problem.get("program_prefix") else ""
    return f"```python\n{problem['prompt']}{between}{sample['code']}\n```"


def real(problems: Sequence[dict[str, Any]], weak: float | None) -> Draw:
    """Three machines with three samples each; the third one's pass only with the probability `weak`, if given."""

    def draw(dice: random.Random) -> tuple[list[list[Candidate]], Callable[[Candidate], bool]]:
        problem = dice.choice(problems)
        samples = list(problem["samples"])
        failing = [sample for sample in samples if not sample["passed"]]
        verdicts = dict[str, bool]()

        def node(name: str, picked: Sequence[dict[str, Any]]) -> list[Candidate]:
            written = [program(problem, sample) for sample in picked]
            verdicts.update(zip(written, (bool(sample["passed"]) for sample in picked), strict=True))
            return many(name, *written)

        chosen = dice.sample(samples, 9)
        third = [
            one if weak is None or dice.random() < weak or not failing else dice.choice(failing) for one in chosen[6:]
        ]
        made = [node("n0", chosen[:3]), node("n1", chosen[3:6]), node("n2", third)]
        return made, lambda candidate: verdicts[candidate.text]

    return draw


def by_behaviour(problems: Sequence[dict[str, Any]]) -> Callable[[Sequence[Candidate]], Election]:
    """A vote by the stored results of running each sample: most like the others, same results, same cluster."""
    results = {program(problem, one): one["out"] for problem in problems for one in problem["samples"]}

    def alike(left: Sequence[str], right: Sequence[str]) -> float:
        return mean(a == b and not a.startswith(("E:", "T")) for a, b in zip(left, right, strict=True))

    def vote(candidates: Sequence[Candidate]) -> Election:
        ran = [results[candidate.text] for candidate in candidates]
        order = sorted(range(len(ran)), key=lambda at: (candidates[at].text, candidates[at].voter))
        winner = max(order, key=lambda at: sum(alike(ran[at], ran[other]) for other in order if other != at))
        groups: dict[tuple[str, ...], list[int]] = {}
        for at in order:
            groups.setdefault(tuple(ran[at]), []).append(at)
        clusters = tuple(map(tuple, sorted(groups.values(), key=len, reverse=True)))
        return Election(tuple(candidates), winner, clusters, len(groups[tuple(ran[winner])]) / len(ran), "behaviour")

    return vote


@pytest.mark.skipif(not SAMPLES.exists(), reason="the samples of real models are not on this machine")
@pytest.mark.parametrize("weak", [None, 0.2])
def test_on_real_samples_equal_machines_gain_and_a_weak_one_does_not_harm(
    weak: float | None, record_testsuite_property: Callable[[str, object], None]
) -> None:
    with gzip.open(SAMPLES, "rt", encoding="utf-8") as file:
        problems = [json.loads(line) for line in file]
    together, alone = scores(real(problems, weak), 1500, by_behaviour(problems), 3)
    record_testsuite_property("pass_at_1", (together, alone))
    if weak is None:
        assert together >= mean(alone) + 0.04
    else:
        assert together >= max(alone)

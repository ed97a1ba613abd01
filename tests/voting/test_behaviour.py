"""The vote by behaviour: real programs in the real sandbox, and the pure vote on made-up evidence."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.sandbox.host import PLAIN, Sandbox
from local_swarm.types import Candidate, Election, Strategy, Usage
from local_swarm.voting.behaviour.evidence import Behaviour, Evidence
from local_swarm.voting.consensus import elect, is_decided
from local_swarm.voting.jury import Jury
from local_swarm.voting.question import Question, question
from local_swarm.voting.similarity.no_embedder import NoEmbedder

pytestmark = pytest.mark.anyio

SUM = "def f(xs):\n    return sum(xs)"
LOOP = "def f(numbers):\n    total = 0\n    for n in numbers:\n        total += n\n    return total"
LAST = "def f(xs):\n    return xs[-1] if xs else 0"
CONSTANT = "def f(xs):\n    return 0"
ENDLESS = "def f(xs):\n    while True:\n        pass"
ASKED = question("Write a function f(numbers) that returns their sum.")
SHOWN = question("Write a function f(numbers). f([1, 2]) -> 2")


def candidate(text: str, voter: str = "w", anchor: bool = False, finish: str = "stop") -> Candidate:
    return Candidate(f"```python\n{text}\n```", voter, finish, Usage(1, 1), 1.0, anchor)  # type: ignore[arg-type]


def candidates(*texts: str) -> list[Candidate]:
    return [candidate(text, f"w{number}", number == 0) for number, text in enumerate(texts)]


@pytest.fixture(scope="module")
async def jury() -> AsyncIterator[Jury]:
    made = Jury(Sandbox(), NoEmbedder())
    if not await made.sandbox.start():
        pytest.skip(f"nothing can be run here: {made.sandbox.reason}")
    yield made
    await made.close()


async def test_what_programs_do_decides_not_how_they_are_written(jury: Jury) -> None:
    election = await jury.elect(ASKED, candidates(LAST, SUM, LOOP))
    assert (election.strategy, election.winner in (1, 2), election.clusters) == ("behaviour", True, ((1, 2), (0,)))
    assert election.note is None


async def test_examples_in_the_question_overrule_the_majority(jury: Jury) -> None:
    election = await jury.elect(SHOWN, candidates(SUM, LOOP, LAST))
    assert election.winner == 2


async def test_programs_that_never_end_or_always_say_the_same_do_not_win(jury: Jury) -> None:
    election = await jury.elect(ASKED, candidates(ENDLESS, CONSTANT, SUM, ENDLESS.replace("True", "1")))
    assert election.winner == 2


async def test_an_answer_may_go_on_where_the_prompt_ends(jury: Jury) -> None:
    asked = question(
        'from typing import List\n\n\ndef f(xs: List[int]) -> int:\n    """Add.\n    >>> f([1, 2])\n    3\n    """\n'
    )
    texts = [
        "    return xs[0]\n",
        "    return sum(xs)\n\nprint(f([1]))\nwhile True: pass\n",
        SUM,
        "Here:\n```python\n" + LOOP + "\n```",
    ]
    given = [Candidate(text, f"w{n}", "stop", Usage(1, 1), 1.0, n == 0) for n, text in enumerate(texts)]
    election = await jury.elect(asked, given)
    assert election.strategy == "behaviour" and sorted(election.clusters[0]) == [1, 2, 3]


async def test_inputs_that_come_with_a_question_are_used(jury: Jury) -> None:
    asked = Question("", "f", inputs=("f([7])", "f([7, 8])"))
    election = await jury.elect(asked, candidates(LAST, SUM, LOOP))
    assert election.clusters == ((1, 2), (0,))


async def test_javascript_is_run_where_node_is(jury: Jury) -> None:
    asked = question("Write a JavaScript function twice(x). twice(2) // => 4")
    texts = ["function twice(x) { return x + 2 }", "const twice = (x) => x * 2", "function twice(y) { return y + y }"]
    given = [
        Candidate(f"```js\n{text}\n```", f"w{n}", "stop", Usage(1, 1), 1.0, n == 0) for n, text in enumerate(texts)
    ]
    election = await jury.elect(asked, given)
    if election.strategy == "structure":
        pytest.skip(str(election.note))
    assert (election.winner in (1, 2), election.clusters[0]) == (True, (1, 2))


async def test_without_a_sandbox_it_is_structure_and_says_so() -> None:
    jury = Jury(Sandbox(()), NoEmbedder())
    election = await jury.elect(ASKED, candidates(SUM, LOOP))
    assert election.strategy == "structure" and election.note and "switched off" in election.note


async def test_a_sandbox_that_dies_is_started_again_and_the_vote_goes_on() -> None:
    jury = Jury(Sandbox(), NoEmbedder())
    if not await jury.sandbox.start():
        pytest.skip(f"nothing can be run here: {jury.sandbox.reason}")
    process = jury.sandbox._links[PLAIN].process
    assert process
    slow = "import time\ndef f(xs):\n    time.sleep(0.9)\n    return 1"
    asyncio.get_running_loop().call_later(0.2, process.kill)
    election = await asyncio.wait_for(jury.elect(ASKED, candidates(slow, LAST, SUM, LOOP)), 10)
    assert (election.strategy, election.winner in (2, 3)) == ("behaviour", True)
    await jury.close()


NUMPY = [
    "import numpy as np\ndef f(xs):\n    return np.array(xs).sum()",
    "import numpy as np\ndef f(numbers):\n    return np.sum(numbers)",
    "import numpy\ndef f(values):\n    return int(numpy.asarray(values).sum())",
]


async def test_programs_that_use_a_library_are_run_and_their_values_compared(jury: Jury) -> None:
    election = await jury.elect(ASKED, candidates(LAST, *NUMPY))
    assert (election.strategy, election.clusters[0]) == ("behaviour", (1, 2, 3))


async def test_where_a_module_is_missing_nothing_is_known_and_the_note_names_it(jury: Jury) -> None:
    missing = [text.replace("numpy", "nonesuch") for text in NUMPY]
    alone = await jury.elect(ASKED, candidates(*missing))
    assert alone.strategy == "structure" and alone.note and alone.note.endswith("nonesuch is missing.")
    beside = await jury.elect(ASKED, [candidate(LAST, "w0", True), *candidates(*missing)])
    assert (beside.winner in (1, 2, 3), beside.strategy) == (True, "structure")
    agreeing = await jury.elect(ASKED, candidates(*missing, SUM, LOOP))
    assert (agreeing.winner in (3, 4), agreeing.strategy) == (True, "behaviour")


async def test_a_program_that_calls_what_is_missing_in_one_branch_is_judged_by_the_others(jury: Jury) -> None:
    partly = "def f(xs):\n    if not xs:\n        import nonesuch\n    return sum(xs)"
    election = await jury.elect(ASKED, candidates(LAST, partly, SUM))
    assert election.winner in (1, 2)


async def test_it_is_decided_when_two_that_behave_alike_pass_all_examples(jury: Jury) -> None:
    asked = question("Write a function f(numbers). f([1, 2]) -> 3")
    assert await jury.is_decided(asked, candidates(SUM, LOOP), missing=6)
    assert not await jury.is_decided(asked, candidates(SUM, LAST), missing=6)
    assert not await jury.is_decided(ASKED, candidates(SUM, LOOP), missing=6)  # nothing to pass


async def test_a_cut_answer_is_not_run(jury: Jury) -> None:
    cut = candidate(SUM, "w0", True, finish="length")
    election = await jury.elect(ASKED, [cut, candidate(LAST, "w1"), candidate(LAST, "w2")])
    assert election.winner in (1, 2)


@pytest.mark.skipif(sys.platform != "linux", reason="runs programs")
async def test_hostile_candidates_elect_somebody_in_bounded_time(jury: Jury) -> None:
    hostile = [
        "",
        "x" * 10**6,
        "```python\n" * 3000,
        "(" * 10**5,
        "def f(xs):" + "\n  if 1:" * 200,
        "\x00\ud800",
        "-" * 10**5 + "1",
        "[" * 10**5,
        "```python\nimport os\nos.abort()\n```",
        "lambda:" * 10**4 + "0",
        "```json\n" + "[" * 10**5 + "\n```",
        SUM,
    ]
    given = [Candidate(text, f"w{n}", "stop", Usage(1, 1), 1.0) for n, text in enumerate(hostile)]
    election = await jury.elect(ASKED, given)
    assert sorted(index for group in election.clusters for index in group) == list(range(len(hostile)))


# ------------------------------------------------------------------------------------------ pure, on evidence

OUTCOMES = st.sampled_from(["=1", "=2", "!ValueError", "~", "=None", "?numpy"])
CODES = [SUM, LOOP, LAST, CONSTANT, ENDLESS, "def f(:", ""]


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Candidate], Evidence]:
    count, calls = draw(st.integers(1, 7)), draw(st.integers(1, 5))
    texts = draw(st.lists(st.sampled_from(CODES), min_size=count, max_size=count))
    shown = draw(st.integers(0, calls))
    behaviours = {
        index: Behaviour(draw(st.integers(0, shown)), tuple(draw(OUTCOMES) for _ in range(calls)))
        for index in range(count)
        if draw(st.booleans())
    }
    return candidates(*texts), Evidence(shown, behaviours)


def shuffled(given: Sequence[Candidate], evidence: Evidence, order: random.Random) -> tuple[list[Candidate], Evidence]:
    places = order.sample(range(len(given)), len(given))
    moved = {new: evidence.behaviours[old] for new, old in enumerate(places) if old in evidence.behaviours}
    return [given[old] for old in places], Evidence(evidence.examples, moved)


@given(cases(), st.randoms(use_true_random=False), st.sampled_from(["auto", "behaviour"]))
def test_the_order_of_candidates_decides_nothing(
    case: tuple[list[Candidate], Evidence], order: random.Random, strategy: Strategy
) -> None:
    given, evidence = case
    moved, moved_evidence = shuffled(given, evidence, order)
    one, other = elect(given, strategy, evidence=evidence), elect(moved, strategy, evidence=moved_evidence)
    assert summary(one) == summary(other)
    assert is_decided(given, 3, strategy, evidence=evidence) == is_decided(moved, 3, strategy, evidence=moved_evidence)


def summary(election: Election) -> tuple[str, float, float, list[int], str]:
    sizes = [len(group) for group in election.clusters]
    return election.elected.text, election.agreement, election.share, sizes, election.strategy


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_of_programs_that_otherwise_agree_one_that_raises_an_error_does_not_win(order: tuple[int, ...]) -> None:
    did = [("=1", "=2", "!ValueError"), ("=1", "=2", "=3"), ("=1", "=2", "=None")]
    evidence = Evidence(0, {place: Behaviour(0, did[which]) for place, which in enumerate(order)})
    election = elect([candidate(SUM, f"w{number}") for number in range(3)], evidence=evidence)
    assert order[election.winner] != 0


@given(cases())
def test_an_election_is_whole(case: tuple[list[Candidate], Evidence]) -> None:
    given, evidence = case
    election = elect(given, evidence=evidence)
    assert sorted(index for group in election.clusters for index in group) == list(range(len(given)))
    assert 0 <= election.agreement <= 1 and 0 < election.share <= 1


@given(cases())
def test_whoever_passes_fewer_examples_cannot_win(case: tuple[list[Candidate], Evidence]) -> None:
    given, evidence = case
    election = elect(given, evidence=evidence)
    if election.strategy == "behaviour":
        able = [index for index, one in enumerate(given) if "def f(xs)" in one.text or "def f(numbers)" in one.text]
        known = [evidence.behaviours[index] for index in able if index in evidence.behaviours]
        best = max((one.passed for one in known if not one.unknown), default=0)
        assert evidence.behaviours[election.winner].passed >= best

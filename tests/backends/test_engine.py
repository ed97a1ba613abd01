"""The real llama.cpp engine on the real starter model, in this process, where its books can be read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from local_swarm.backends import wire
from local_swarm.models import starter

pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")

from local_swarm.backends.llamacpp import library
from local_swarm.backends.llamacpp.engine import Engine

TURN = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
QUESTION = TURN.format(
    "Write a Python function solve(numbers) that returns the largest of the squares of the odd numbers."
)
CELLS, SEQUENCES = 3000, 24


@pytest.fixture(scope="module")
def model() -> Iterator[library.Model]:
    library.open_library()
    made = library.Model(starter.PATH, gpu_layers=0)
    yield made
    made.close()


@pytest.fixture
def engine(model: library.Model) -> Iterator[Engine]:
    memory = library.Context(model, CELLS, SEQUENCES, 512, threads=1)
    yield Engine(model, memory, context=1000, answer_tokens=100)
    memory.close()


def order(job: int, seats: int = 4, text: str = QUESTION, max_tokens: int | None = None) -> wire.Generate:
    return wire.Generate(job, text, [0.0] + [0.8] * (seats - 1), list(range(seats)), max_tokens, [], {})


def run(engine: Engine) -> list[wire.Report]:
    reports: list[wire.Report] = []
    for _ in range(5000):
        if engine.idle:
            return reports
        reports += engine.step()
    raise AssertionError("the engine does not come to rest")


def texts(reports: list[wire.Report], job: int) -> dict[int, str]:
    found: dict[int, str] = {}
    for report in reports:
        if isinstance(report, wire.SeatText) and report.job == job:
            found[report.seat] = found.get(report.seat, "") + report.text
    return found


def at_rest(engine: Engine) -> bool:
    return (
        engine.idle
        and engine.free_cells == engine.memory.cells
        and sorted(engine.free_sequences) == list(range(SEQUENCES))
    )


def test_reads_a_prompt_once_for_all_seats(engine: Engine) -> None:
    engine.submit(order(1, seats=8))
    engine.step()
    assert [writer.written for writer in engine.writing[0].writers] == [1] * 8
    longest = max(done.completion_tokens for done in run(engine) if isinstance(done, wire.SeatDone))
    assert engine.steps == longest
    assert at_rest(engine)


def test_a_forked_answer_equals_one_that_read_the_prompt_itself(engine: Engine) -> None:
    engine.submit(order(1, seats=1))
    alone = texts(run(engine), 1)[0]
    engine.submit(wire.Generate(2, QUESTION, [0.8, 0.0, 0.8, 0.0], [1, 2, 3, 4], None, [], {}))
    forked = texts(run(engine), 2)
    assert forked[1] == forked[3] == alone


def test_scores_after_a_fork_equal_those_without(model: library.Model) -> None:
    """The bound is what two correct runs that read the prompt in different portions differ by."""
    tokens = model.tokenize(QUESTION)

    def scores(split: int, fork: bool) -> NDArray[np.float32]:
        memory = library.Context(model, 500, 4, 512, threads=1)
        head = [library.Spot(t, at, 0, False) for at, t in enumerate(tokens[:-1])]
        for part in (head[:split], head[split:]):
            if part:
                assert memory.decode(part)
        if fork:
            memory.fork(0, 2)
        assert memory.decode([library.Spot(tokens[-1], len(tokens) - 1, 2 if fork else 0, True)])
        found: NDArray[np.float32] = memory.scores(1)[0].copy()
        memory.close()
        return found

    plain, portioned, forked = scores(0, False), scores(7, False), scores(0, True)
    bound = max(float(np.abs(plain - portioned).max()), 1e-4)
    assert float(np.abs(plain - forked).max()) <= bound


def test_jobs_join_and_leave_a_running_batch(engine: Engine) -> None:
    engine.submit(order(1))
    engine.step()
    engine.submit(order(2))
    reports = run(engine)
    assert {report.job for report in reports if isinstance(report, wire.SeatDone)} == {1, 2}
    assert at_rest(engine)


def test_cancelling_frees_at_once_whatever_the_stage(engine: Engine) -> None:
    for steps in (0, 1, 5):
        engine.submit(order(1, text=TURN.format("word " * 700)))
        for _ in range(steps):
            engine.step()
        engine.cancel(wire.Cancel(1))
        assert at_rest(engine)


def test_cancelling_some_seats_leaves_the_others(engine: Engine) -> None:
    engine.submit(order(1, seats=4))
    engine.cancel(wire.Cancel(1, [0, 2]))
    engine.step()
    engine.cancel(wire.Cancel(1, [3]))
    done = [report for report in run(engine) if isinstance(report, wire.SeatDone)]
    assert [report.seat for report in done] == [1]
    assert at_rest(engine)


def test_what_does_not_fit_yet_waits_its_turn(engine: Engine) -> None:
    """Each job takes more than half of the cells: they cannot be in memory together, yet both are answered."""
    text = TURN.format("word " * 800)
    for job in (1, 2, 3):
        assert isinstance(engine.submit(order(job, seats=8, text=text)), wire.JobAccepted)
    reports = run(engine)
    assert {report.job for report in reports if isinstance(report, wire.SeatDone)} == {1, 2, 3}
    assert at_rest(engine)


def test_refuses_what_can_never_fit(engine: Engine) -> None:
    assert engine.submit(order(1, text="word " * 2000)) == wire.JobRefused(
        1, len(engine.model.tokenize("word " * 2000)), 1000
    )
    assert isinstance(engine.submit(order(2, seats=SEQUENCES + 1)), wire.JobBusy)
    assert at_rest(engine)


def test_a_queue_has_an_end(engine: Engine) -> None:
    answers = [engine.submit(order(job)) for job in range(400)]
    assert isinstance(answers[0], wire.JobAccepted) and isinstance(answers[-1], wire.JobBusy)


def test_logprobs_are_those_of_the_chosen_tokens(engine: Engine) -> None:
    engine.submit(order(1, seats=1, max_tokens=1))
    [done] = [report for report in run(engine) if isinstance(report, wire.SeatDone)]
    assert -20 < done.logprob_sum <= 0

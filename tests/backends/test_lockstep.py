"""The engine of MLX and Transformers over a network that remembers every token: what it is told wrongly shows in its scores."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tokenizers", reason="tokenizers is not installed")

from local_swarm.backends.constraint import Constraints
from local_swarm.backends.lockstep.engine import LockstepEngine
from local_swarm.backends.process import messages
from local_swarm.backends.sampling import Scores

LETTERS = 'abcdefghijklmnopqrstuvwxyz .{}"0123456789:'
END = 0


class Words:
    """A vocabulary of letters; token 0 ends."""

    endings = frozenset({END})
    source = ""

    def tokenize(self, text: str) -> list[int]:
        return [1 + LETTERS.index(letter) for letter in text]

    def constraints(self) -> Constraints:
        return Constraints(lambda: None, frozenset())

    def ends(self, token: int) -> bool:
        return token == END

    def piece(self, token: int, _kept: frozenset[str] = frozenset()) -> bytes:
        return LETTERS[token - 1].encode() if token else b""

    def text(self, token: int) -> str:
        return self.piece(token).decode() or "<end>"


class Recorder:
    """A network whose memory is the tokens themselves: scores follow from all that a row has read, and from nothing else."""

    parameters, vocabulary, on_gpu, room = 0, 1 + len(LETTERS), False, 100

    def __init__(self, cuttable: bool = True) -> None:
        self.cuttable = cuttable
        self.read_tokens = 0

    def new_memory(self) -> list[list[int]]:
        return [[]]

    def prefill(self, memory: list[list[int]], tokens: Sequence[int]) -> None:
        assert len(memory) == 1 and tokens
        memory[0] += tokens
        self.read_tokens += len(tokens)

    def decode(self, memory: list[list[int]], tokens: Sequence[int]) -> Scores:
        assert len(memory) == len(tokens), "every row reads one token"
        for row, token in zip(memory, tokens, strict=True):
            row.append(token)
        return np.stack([scores_after(row) for row in memory])

    def copy_rows(self, memory: list[list[int]], rows: int) -> list[list[int]]:
        assert len(memory) == 1
        return [list(memory[0]) for _ in range(rows)]

    def select_rows(self, memory: list[list[int]], rows: Sequence[int]) -> list[list[int]]:
        return [memory[row] for row in rows]

    def truncate(self, memory: list[list[int]], tokens: int) -> None:
        assert self.cuttable
        del memory[0][tokens:]

    def vector(self, tokens: Sequence[int]) -> Sequence[float]:
        return [1.0]


def scores_after(row: Sequence[int]) -> Scores:
    return np.random.default_rng(list(row)).normal(size=Recorder.vocabulary).astype(np.float32)


def engine(network: Recorder | None = None, cells: int = 2000, sequences: int = 12, batch: int = 8) -> LockstepEngine:
    wish = messages.Load("", context=200, answer_tokens=20, cells=cells, sequences=sequences, threads=1, batch=batch)
    return LockstepEngine(network or Recorder(), Words(), wish)  # type: ignore[arg-type]


def order(job: int, text: str, seats: int = 3, client: str = "", **wish: Any) -> messages.Generate:
    warmths = [0.0, *[1.0] * (seats - 1)]
    told = {"max_tokens": 12, "stop": [], "sampling": {}, **wish}
    return messages.Generate(job, client, text, warmths, list(range(seats)), **told)


def run(made: LockstepEngine, *orders: messages.Generate) -> dict[int, dict[int, str]]:
    """Answers by job and seat; every seat must end."""
    done: dict[int, dict[int, str]] = {one.job: {} for one in orders}
    for one in orders:
        assert isinstance(made.submit(one), messages.JobAccepted)
    ended = 0
    for _ in range(2000):
        for report in made.step():
            if isinstance(report, messages.SeatText):
                done[report.job][report.seat] = done[report.job].get(report.seat, "") + report.text
            elif isinstance(report, messages.SeatDone):
                done[report.job].setdefault(report.seat, "")
                ended += 1
        if made.idle:
            break
    assert ended == sum(len(one.seeds) for one in orders)
    return done


def greedy(text: str, most: int = 12) -> str:
    """What the network says to a prompt, by the book."""
    words, row = Words(), Words().tokenize(text)
    said = ""
    for _ in range(most):
        token = int(scores_after(row).argmax())
        if token == END:
            break
        said, row = said + words.text(token), [*row, token]
    return said


PROMPTS = [
    "the cat sat on the mat and",
    "the cat sat on the roof",
    "a dog",
    "the cat sat on the mat and slept. then it",
]


@pytest.mark.parametrize("cuttable", [True, False])
def test_every_answer_is_the_networks_own_whoever_else_asks(cuttable: bool) -> None:
    """One wrong row, one token of another request or one wrong cut in memory would change it."""
    made = engine(Recorder(cuttable), batch=5)
    for _ in range(2):  # the second time from what is remembered
        found = run(made, *(order(number, text, seats=1 + number) for number, text in enumerate(PROMPTS)))
        assert [found[number][0] for number in range(4)] == [greedy(text) for text in PROMPTS]


def test_seats_write_the_same_alone_and_in_company() -> None:
    alone = run(engine(), order(1, PROMPTS[0], 4))
    among = run(engine(), order(1, PROMPTS[0], 4), *(order(n, PROMPTS[1], 3, f"c{n}") for n in range(2, 6)))
    assert among[1] == alone[1]


def test_a_prompt_is_read_once_for_all_its_seats() -> None:
    network = Recorder()
    run(engine(network), order(1, PROMPTS[0], 6))
    assert network.read_tokens == len(PROMPTS[0]) - 1


def test_the_beginning_that_prompts_share_is_read_once() -> None:
    network = Recorder()
    made = engine(network)
    run(made, order(1, "x" * 60 + "a"))
    before = network.read_tokens
    run(made, order(2, "x" * 60 + "abc"))
    assert network.read_tokens - before <= 3
    made.forget()
    run(made, order(3, "x" * 60 + "abc"))
    assert network.read_tokens - before >= 62


def test_what_is_remembered_is_told() -> None:
    made = engine()
    run(made, order(1, "y" * 50))
    made.submit(order(2, "y" * 50))
    done = [report for _ in range(40) for report in made.step() if isinstance(report, messages.SeatDone)]
    assert {report.cached_tokens for report in done} == {49}


def test_a_seat_that_is_cancelled_leaves_the_others_their_memory() -> None:
    made = engine()
    made.submit(order(1, PROMPTS[0], 4, max_tokens=12))
    heard: list[messages.Report] = []
    for _ in range(6):
        heard += made.step()
    made.cancel(messages.Cancel(1, [1, 2]))
    while not made.idle:
        heard += made.step()
    text = "".join(report.text for report in heard if isinstance(report, messages.SeatText) and report.seat == 0)
    assert text == greedy(PROMPTS[0])
    assert {report.seat for report in heard if isinstance(report, messages.SeatDone)} >= {0, 3}


def test_a_job_that_is_cancelled_frees_everything_at_any_time() -> None:
    for steps in range(8):
        made = engine(batch=4)
        made.submit(order(1, PROMPTS[0], 3))
        for _ in range(steps):
            made.step()
        made.cancel(messages.Cancel(1))
        assert made.idle and made.step() == []


def test_copies_are_counted_and_who_does_not_fit_waits() -> None:
    made = engine(cells=200)
    for number in (1, 2):
        made.submit(order(number, PROMPTS[0], 4, f"c{number}"))
    made.step()
    assert (len(made.active), len(made.waiting)) == (1, 1)
    assert made.beat().cells_used <= 200 + 30
    while not made.idle:
        made.step()


def test_a_prompt_too_long_for_so_many_copies_is_told_with_numbers() -> None:
    report = engine(cells=100).submit(order(1, "z" * 30, 6))
    assert isinstance(report, messages.JobBusy) and "room for 3 voices, not 6" in report.message


def test_clients_take_turns() -> None:
    made = engine(cells=120)
    for number, client in enumerate(["greedy"] * 3 + ["modest"], start=1):
        made.submit(order(number, PROMPTS[0], 2, client))
    ended = [r.job for _ in range(300) for r in made.step() if isinstance(r, messages.SeatDone)]
    assert ended.index(4) < ended.index(2)


def test_a_stop_string_ends_an_answer_before_it() -> None:
    said = greedy(PROMPTS[0])
    found = run(engine(), order(1, PROMPTS[0], 1, stop=[said[4:6]]))
    assert found[1][0] == said[: said.index(said[4:6])]


def test_what_is_told_of_tokens_adds_up() -> None:
    made = engine()
    made.submit(order(1, PROMPTS[0], 2, logprobs=3))
    reports = [report for _ in range(40) for report in made.step()]
    for seat in (0, 1):
        told = [one for r in reports if isinstance(r, messages.SeatText) and r.seat == seat for one in r.logprobs]
        done = next(r for r in reports if isinstance(r, messages.SeatDone) and r.seat == seat)
        assert all(len(top) == 3 and top[0][1] >= nats for _, nats, top in told if nats is not None)
        assert (
            sum(nats or 0.0 for _, nats, _ in told) == pytest.approx(done.logprob_sum, abs=1e-3)
            or done.finish == "stop"
        )


def test_a_prompt_longer_than_the_context_is_refused() -> None:
    assert isinstance(engine().submit(order(1, "z" * 300)), messages.JobRefused)


def test_reports_can_be_sent() -> None:
    made = engine()
    report = made.submit(order(1, "a b", 2))
    assert json.loads(messages.encode(report))["job"] == 1

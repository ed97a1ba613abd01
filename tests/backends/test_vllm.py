"""The way to vLLM, over a stand-in that has the methods and values of its documentation. vLLM itself needs a graphics card."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from local_swarm.backends.process import messages
from local_swarm.backends.vllm.engine import VllmEngine


@dataclass
class Logprob:
    logprob: float


@dataclass
class Completion:
    text: str
    token_ids: list[int]
    logprobs: list[dict[int, Logprob]]
    cumulative_logprob: float
    finish_reason: str | None


@dataclass
class Output:
    request_id: str
    outputs: list[Completion]
    finished: bool
    num_cached_tokens: int = 3


@dataclass
class Lower:
    """Writes `answer` a letter a step, to everybody."""

    answer: str = "hello"
    requests: dict[str, int] = field(default_factory=dict)
    wishes: dict[str, Any] = field(default_factory=dict)
    forgotten: int = 0

    def add_request(self, name: str, _prompt: Any, wish: Any) -> None:
        self.requests[name], self.wishes[name] = 0, wish

    def abort_request(self, names: list[str]) -> None:
        for name in names:
            del self.requests[name]

    def reset_prefix_cache(self) -> None:
        self.forgotten += 1

    def step(self) -> list[Output]:
        made = []
        for name in list(self.requests):
            self.requests[name] += 1
            count = self.requests[name]
            done = count == len(self.answer)
            rows = [{n: Logprob(-1.0), 99: Logprob(-2.0)} for n in range(count)]
            said = Completion(self.answer[:count], list(range(count)), rows, -float(count), "stop" if done else None)
            made.append(Output(name, [said], done))
            if done:
                del self.requests[name]
        return made


class Words:
    def tokenize(self, text: str) -> list[int]:
        return list(range(len(text)))

    def text(self, token: int) -> str:
        return str(token)


def engine() -> VllmEngine:
    return VllmEngine(Lower(), Words(), 50, 10, lambda order, seat, limit: (order.seeds[seat], limit))  # type: ignore[arg-type]


def order(text: str = "abc", **wish: Any) -> messages.Generate:
    told = {"max_tokens": None, "stop": [], "sampling": {}, **wish}
    return messages.Generate(1, "", text, [0.0, 1.0], [7, 8], **told)


def test_every_seat_is_a_request_whose_words_come_as_they_are_written() -> None:
    made = engine()
    assert made.submit(order()) == messages.JobAccepted(1, 3)
    assert made.lower.wishes == {"1-0": (7, 10), "1-1": (8, 10)}
    reports = [report for _ in range(5) for report in made.step()]
    words = [report.text for report in reports if isinstance(report, messages.SeatText) and report.seat == 1]
    done = [report for report in reports if isinstance(report, messages.SeatDone)]
    assert words == list("hello") and made.idle
    assert [(one.finish, one.completion_tokens, one.logprob_sum, one.cached_tokens) for one in done] == [
        ("stop", 5, -5.0, 3)
    ] * 2


def test_what_is_likely_is_told_where_it_is_wanted() -> None:
    made = engine()
    made.submit(order(logprobs=1))
    first = next(report for report in made.step() if isinstance(report, messages.SeatText))
    assert first.logprobs == [("0", -1.0, [("0", -1.0)])]


def test_cancelling_ends_the_seats_that_are_meant() -> None:
    made = engine()
    made.submit(order())
    made.cancel(messages.Cancel(1, [1]))
    assert list(made.lower.requests) == ["1-0"]
    made.cancel(messages.Cancel(1))
    assert made.idle and not made.lower.requests and made.step() == []


def test_a_prompt_that_is_too_long_is_refused() -> None:
    assert engine().submit(order("x" * 60)) == messages.JobRefused(1, 60, 50)


def test_a_stop_string_ends_an_answer_and_not_its_thoughts() -> None:
    made = VllmEngine(Lower("<think>a!b</think>c!d"), Words(), 50, 30, lambda *wish: wish)  # type: ignore[arg-type]
    made.submit(order(stop=["!"], parted={"family": "generic", "thinking": False, "tools": []}))
    reports = [report for _ in range(20) for report in made.step()]
    text = "".join(one.text for one in reports if isinstance(one, messages.SeatText) and one.seat == 0)
    assert text == "<think>a!b</think>c!" and made.idle and not made.lower.requests
    assert {one.finish for one in reports if isinstance(one, messages.SeatDone)} == {"stop"}

"""A daemon's address in, how its honest users fare out: answers checked, seconds taken, and how long /health takes meanwhile."""

from __future__ import annotations

import ast
import asyncio
import json
import re
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import jsonschema

from hostile_clients import schemas
from hostile_clients.attacks import CHAT, tool

TICK_S = 0.1
ANSWER_S = 120.0
PAUSE_S = 0.2
LAST_LOOK_S = 5.0
FENCE = re.compile(r"```(?:python)?\n(.*?)```", re.DOTALL)
CODE = (
    "Write a Python function solve(numbers) that returns the sum of the squares of the even numbers.",
    "Write a Python function solve(numbers) that returns the sum of the even numbers. For example, solve([1, 2, 4]) returns 6.",
    "Write a Python function solve(numbers) that returns the largest of the squares.\n>>> solve([1, -3])\n9\n",
)
Check = Callable[[Any], str | None]


@dataclass(frozen=True, slots=True)
class Question:
    """What an honest user asks. `check` says what is wrong with the answer, if anything is."""

    name: str
    body: Mapping[str, Any]
    check: Check
    path: str = CHAT


def content(answer: Any) -> str:
    return answer["choices"][0]["message"].get("content") or ""


def is_code(answer: Any) -> str | None:
    found = FENCE.search(content(answer))
    text = found[1] if found else content(answer)
    try:
        names = {one.name for one in ast.walk(ast.parse(text)) if isinstance(one, ast.FunctionDef)}
    except SyntaxError:
        return f"no program: {text[:100]!r}"
    return None if "solve" in names else f"no function solve: {text[:100]!r}"


def is_said(answer: Any) -> str | None:
    return None if content(answer).strip() else "nothing is said"


def obeys(schema: Any) -> Check:
    def check(answer: Any) -> str | None:
        try:
            jsonschema.validate(json.loads(content(answer)), schema)
        except (ValueError, jsonschema.ValidationError) as problem:
            cut = answer["choices"][0]["finish_reason"] == "length"
            return None if cut else f"breaks its schema: {str(problem)[:100]}"
        return None

    return check


def calls(name: str) -> Check:
    def check(answer: Any) -> str | None:
        made = answer["choices"][0]["message"].get("tool_calls") or []
        if answer["choices"][0]["finish_reason"] == "length":
            return None
        if [one["function"]["name"] for one in made][:1] != [name]:
            return f"no call of {name}: {str(answer['choices'])[:150]}"
        json.loads(made[0]["function"]["arguments"])
        return None

    return check


def is_any_call(answer: Any) -> str | None:
    """A call of a tool whose arguments are JSON, unless it was too long to be finished."""
    choice = answer["choices"][0]
    made = choice["message"].get("tool_calls") or []
    if choice["finish_reason"] == "length":
        return None
    for one in made:
        json.loads(one["function"]["arguments"])
    return None if made else f"no call: {str(choice)[:150]}"


def asked(text: str, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}], "max_tokens": 200, **more}


def bound(schema: Any) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}}


READ = tool(schemas.thing(filePath={"type": "string"}), name="read")
WRITE = tool(schemas.AGENT, name="write")
LIST = "/v1/embeddings"

QUESTIONS: Sequence[Question] = (
    *(Question(f"code {n}", asked(text), is_code) for n, text in enumerate(CODE, 1)),
    Question("code, streamed", asked(CODE[0], stream=True), is_code),
    Question("code by one worker", asked(CODE[0], model="swarm-fast", stream=True), is_said),
    Question("prose", asked("What is a swarm?"), is_said),
    Question("code with 400 aligned blanks", asked(f"{CODE[1]}\nFor x =" + " " * 400 + "1"), is_said),
    *(
        Question(f"a schema: {name}", asked("Is 4 even?", **bound(one)), obeys(one))
        for name, one in schemas.HONEST.items()
    ),
    Question("a call", asked("Read the file secret.txt.", tools=[READ], tool_choice="required"), calls("read")),
    Question("a call of an agent's tool", asked("Write it.", tools=[READ, WRITE], tool_choice="required"), is_any_call),
    Question("a completion", {"prompt": "def solve(numbers):", "max_tokens": 20}, lambda a: None, "/v1/completions"),
    Question(
        "vectors", {"model": "swarm", "input": ["a", "b"]}, lambda a: None if len(a["data"]) == 2 else "not two", LIST
    ),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One honest question and how it went. `wrong` None is good; `odd`: it was answered, but not with what was asked for, where
    hostile voices vote too and may win."""

    name: str
    began: float
    seconds: float
    wrong: str | None
    odd: str | None = None


async def ask(http: aiohttp.ClientSession, url: str, question: Question, strict: bool = True) -> Asked:
    """Not `strict`: any whole answer will do."""
    began, at = time.time(), time.monotonic()
    wrong: str | None = None
    odd: str | None = None
    try:
        async with asyncio.timeout(ANSWER_S):
            answer = await answered(http, url, question)
        odd = question.check(answer)
        wrong, odd = (odd, None) if strict else (None, odd)
    except Unanswered as problem:
        wrong = str(problem)
    except TimeoutError:
        wrong = f"no answer within {ANSWER_S:.0f} s"
    except (aiohttp.ClientError, OSError, ValueError, LookupError, TypeError) as problem:
        wrong = f"{type(problem).__name__}: {problem}"[:200]
    return Asked(question.name, began, time.monotonic() - at, wrong, odd)


class Unanswered(Exception):
    """A refusal, or half an answer."""


async def answered(http: aiohttp.ClientSession, url: str, question: Question) -> Any:
    """The answer as OpenAI's JSON, a streamed one put together. Raises Unanswered."""
    async with http.post(url + question.path, json=question.body) as response:
        text = await response.text()
        if response.status != 200:
            raise Unanswered(f"status {response.status}: {text[:200]}")
    if not question.body.get("stream"):
        return json.loads(text)
    if not text.rstrip().endswith("data: [DONE]"):
        raise Unanswered(f"the stream broke off: {text[-200:]!r}")
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    said = "".join(one["choices"][0]["delta"].get("content") or "" for one in events if one.get("choices"))
    return {"choices": [{"message": {"content": said}, "finish_reason": "stop"}]}


@dataclass
class Looks:
    """Every look at /health: seconds and status; and how late this process itself was to look."""

    seconds: list[float] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    own_lag: list[float] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """In milliseconds."""
        return {
            "looks": len(self.seconds),
            **percentiles(self.seconds, 1000.0),
            "own_lag_p99": quantile(self.own_lag, 0.99, 1000.0),
            "statuses": self.statuses,
        }


@dataclass
class Users:
    """A user who asks one thing after the other, and one who looks at /health ten times a second, whatever became of earlier
    looks."""

    url: str
    questions: Sequence[Question] = QUESTIONS
    strict: bool = True
    asked: list[Asked] = field(default_factory=list)
    looks: Looks = field(default_factory=Looks)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask_on(self) -> None:
        """Until it is `over`; what is asked by then is still waited for."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None), read_bufsize=1 << 20) as http:
            number = 0
            while not self.over.is_set():
                self.asked.append(await ask(http, self.url, self.questions[number % len(self.questions)], self.strict))
                number += 1
                await asyncio.sleep(PAUSE_S)

    async def look_on(self) -> None:
        timeout = aiohttp.ClientTimeout(total=60.0)
        tasks: set[asyncio.Task[None]] = set()
        async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as http:
            due = time.monotonic()
            try:
                while True:
                    self.looks.own_lag.append(time.monotonic() - due)
                    task = asyncio.create_task(self._look(http), name="look")
                    tasks.add(task)
                    task.add_done_callback(tasks.discard)
                    due = max(due + TICK_S, time.monotonic() - 1.0)
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
            finally:
                if tasks:
                    await asyncio.wait(tasks, timeout=LAST_LOOK_S)
                for task in list(tasks):
                    task.cancel()

    async def _look(self, http: aiohttp.ClientSession) -> None:
        began = time.monotonic()
        try:
            async with http.get(f"{self.url}/health") as response:
                await response.read()
                status = str(response.status)
        except (aiohttp.ClientError, OSError, TimeoutError) as problem:
            status = type(problem).__name__
        self.looks.seconds.append(time.monotonic() - began)
        self.looks.statuses[status] = self.looks.statuses.get(status, 0) + 1


def percentiles(seconds: Sequence[float], factor: float = 1.0) -> dict[str, float | None]:
    return {
        "p50": quantile(seconds, 0.5, factor),
        "p99": quantile(seconds, 0.99, factor),
        "max": quantile(seconds, 1.0, factor),
    }


def quantile(values: Sequence[float], share: float, factor: float = 1.0) -> float | None:
    """The smallest of the values that so large a share does not exceed; None of nothing."""
    if not values:
        return None
    if share == 0.5:
        return round(statistics.median(values) * factor, 3)
    return round(sorted(values)[min(len(values) - 1, int(share * len(values)))] * factor, 3)

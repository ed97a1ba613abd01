"""A model file in, its scores out: how often one answer is right, how often the vote of eight is, on held-out compositions.

Answers are compared by running them: each candidate in a process of its own, with little time and little memory.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from local_swarm.backends.llamacpp import library
from local_swarm.backends.llamacpp.engine import LlamaCppEngine
from local_swarm.backends.process import messages
from starter.corpus import render
from starter.questions import Conversation, ask, coding
from starter.tasks import DOMAIN_WEIGHTS, Task, task
from starter.tools import reading

VOICES = 8
TEMPERATURE = 0.8
ANSWER_TOKENS = 400
PLAIN: dict[str, float] = {"top_k": 0, "top_p": 1.0, "min_p": 0.0}  # the temperature alone; nothing is cut
USUAL: dict[str, float] = {}  # with the engine's usual cuts, as the swarm samples where nobody says otherwise
FENCE = re.compile(r"```(?:python)?\n(.*?)```", re.DOTALL)

RUNNER = """
import json, resource, signal, sys
resource.setrlimit(resource.RLIMIT_AS, (1 << 29, 1 << 29))
resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
def late(*_): raise TimeoutError
signal.signal(signal.SIGALRM, late)
for line in sys.stdin:
    code, calls = json.loads(line)
    results = []
    space = {}
    try:
        signal.setitimer(signal.ITIMER_REAL, 1.0)
        exec(code, space)
    except BaseException:
        space = {}
    for call in calls:
        try:
            signal.setitimer(signal.ITIMER_REAL, 0.25)
            results.append(repr(eval(call, dict(space))))
        except BaseException as problem:
            results.append("!" + type(problem).__name__)
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(json.dumps(results), flush=True)
"""


def behaviours(programs: Iterable[tuple[str, Sequence[str]]]) -> list[tuple[str, ...]]:
    """What each program's calls return, as text."""
    lines = "".join(json.dumps([code, list(calls)]) + "\n" for code, calls in programs)
    done = subprocess.run(
        [sys.executable, "-I", "-c", RUNNER], input=lines, capture_output=True, text=True, timeout=600, check=True
    )
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def open_engine(model: Path, threads: int = 1) -> LlamaCppEngine:
    library.open_library()
    loaded = library.LoadedModel(model, gpu_layers=0)
    return LlamaCppEngine(loaded, library.Context(loaded, 32768, 64, 512, threads, outputs=160), 4096, ANSWER_TOKENS)


def answers(
    engine: LlamaCppEngine,
    prompts: Sequence[str],
    temperatures: Sequence[float],
    seed: int,
    sampling: dict[str, float] = PLAIN,
) -> list[list[str]]:
    """Every prompt answered once per temperature."""
    texts: dict[tuple[int, int], str] = {
        (job, seat): "" for job in range(len(prompts)) for seat in range(len(temperatures))
    }
    for job, text in enumerate(prompts):
        seeds = [seed + job * 1000 + seat for seat in range(len(temperatures))]
        engine.submit(messages.Generate(job, "", text, list(temperatures), seeds, ANSWER_TOKENS, [], sampling))
        while len(engine.scheduler.waiting) > 16 or (job == len(prompts) - 1 and not engine.idle):
            for report in engine.step():
                if isinstance(report, messages.SeatText):
                    texts[report.job, report.seat] += report.text
    return [[texts[job, seat] for seat in range(len(temperatures))] for job in range(len(prompts))]


@dataclass(frozen=True, slots=True)
class Score:
    """Shares between 0 and 1 of `prompts`: the mean single answer, the majority by behaviour, the greedy answer, any of eight."""

    prompts: int
    single: float
    vote: float
    greedy: float
    any_right: float

    def __str__(self) -> str:
        rest = f"greedy {self.greedy:.3f}  any right {self.any_right:.3f}"
        return f"{self.prompts} prompts: single {self.single:.3f}  vote of {VOICES} {self.vote:.3f}  {rest}"


def extract(answer: str) -> str:
    found = FENCE.search(answer)
    return found[1] if found else answer


def score_coding(
    engine: LlamaCppEngine,
    questions: Sequence[tuple[Conversation, Task, str]],
    seed: int,
    sampling: dict[str, float] = PLAIN,
) -> Score:
    prompts = [render(messages[:-1]) for messages, _, _ in questions]
    given = answers(engine, prompts, [0.0] + [TEMPERATURE] * VOICES, seed, sampling)
    programs, truths = [], []
    for (_, made, name), texts in zip(questions, given, strict=True):
        calls = [f"{name}({arguments})" for arguments in made.inputs]
        truths.append((made.code(name), calls))
        programs += [(extract(text), calls) for text in texts]
    ran, right = behaviours(programs), behaviours(truths)
    single = vote = greedy = any_right = 0.0
    for number, truth in enumerate(right):
        first, *eight = ran[number * (VOICES + 1) : (number + 1) * (VOICES + 1)]
        counts = Counter(behaviour for behaviour in eight if any(not result.startswith("!") for result in behaviour))
        elected = max(eight, key=lambda behaviour: counts[behaviour])  # what fails on every input is not electable
        single += sum(behaviour == truth for behaviour in eight) / VOICES
        vote += elected == truth
        greedy += first == truth
        any_right += truth in eight
    count = len(questions)
    return Score(count, single / count, vote / count, greedy / count, any_right / count)


def score_tools(engine: LlamaCppEngine, count: int, seed: int) -> tuple[float, float]:
    """(greedy tool calls that are right, greedy answers after the tool's result that are right), on unseen files and words."""
    random = Random(seed)
    made = [reading(random) for _ in range(count)]
    calls = answers(engine, [render(messages[:1]) for messages in made], [0.0], seed)
    finals = answers(engine, [render(messages[:3]) for messages in made], [0.0], seed)
    called = sum(
        render(messages[:1]) + text + "<|im_end|>\n" == render(messages[:2], False)
        for messages, (text,) in zip(made, calls, strict=True)
    )
    told = sum(text == messages[3]["content"] for messages, (text,) in zip(made, finals, strict=True))
    return called / count, told / count


def measure(model: Path, prompts: int = 200, seed: int = 7, say: Callable[[str], None] = print) -> dict[str, Score]:
    engine = open_engine(model)
    scores = {}
    for name, held_out, sampling in (
        ("held-out compositions", True, PLAIN),
        ("held-out compositions, usual cuts", True, USUAL),
        ("compositions seen in training", False, PLAIN),
    ):
        random = Random(seed)
        scores[name] = score_coding(engine, [coding(random, held_out) for _ in range(prompts)], seed, sampling)
        say(f"{name}: {scores[name]}")
    for domain in DOMAIN_WEIGHTS:
        random = Random(seed)
        questions = []
        for _ in range(prompts // 2):
            made = task(random, True, domain)
            question, name = ask(made, "solve", random)
            questions.append(([{"role": "user", "content": question}, {}], made, name))
        scores[domain] = score_coding(engine, questions, seed)  # type: ignore[arg-type]
        say(f"held-out {domain}: {scores[domain]}")
    called, told = score_tools(engine, prompts, seed)
    say(f"tool calls right {called:.3f}  answers from the tool's result right {told:.3f}")
    return scores

"""A set of public problems in, what a swarm is asked about each and how a reply is judged out. Runs nothing.

Programs are judged in the sandbox by a call that raises where a test of the set fails.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from local_swarm.errors import UsageError
from local_swarm_benchmarks.calls_asked import calls_match, tools_of
from local_swarm_benchmarks.own_questions import choice_questions, yes_no_questions

JSONObject = Mapping[str, Any]

NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?(?:/\d+)?")
BOXED = re.compile(r"\\boxed\{([^{}]*)\}")
WORD = re.compile(r"\b(yes|no)\b", re.IGNORECASE)
LABEL = re.compile(r"\b([A-D])\b(?! [a-z])")  # and not the article
OPTION = re.compile(r"^([A-D])\) (.*+)$", re.MULTILINE)
DOCTEST = re.compile(r"^[ \t]*>>> .*(?:\n(?![ \t]*(?:\"\"\"|'''|>>> ))[ \t]*\S.*)*\n?", re.MULTILINE)
# How HumanEval writes its other examples, each on lines of its own.
SHOWN = re.compile(
    r"^[ \t]*(?:(?:\* ?|- ?|\d+[.)] ?)?(?:for example[:, ]*|e\.?g\.?[:, ]*|(?:the )?(?:function|call) )?`?\w+\(.*\)`?"
    r"[ \t]*(?:==?|=>|-+>|➞|➡|#|:|,? ?(?:should |would |must |will )?(?:returns?|be|is|equals?|gives?|output)\b)"
    r"|(?:for|if|when) .*(?:output|result|returns?|return)\b.*(?:\d|\]|['\"])|.*(?:=>|-->|->|➞)[ \t]*\S"
    r"|(?:sample )?(?:input|output|explanation)\w*[ \t]*\d*:|(?:\(?[\[{(\"'].*[\])}\"']\)?) ?==? ?\S).*\n",
    re.MULTILINE | re.IGNORECASE,
)
EXAMPLE_TITLE = re.compile(
    r"^[ \t]*(?:(?:for|some|here are(?: some)?) )?(?:\[?input/output\]? )?(?:examples?|samples?)(?: ?\d+| tests?)?"
    r"[ \t]*:?-?[ \t]*\n",
    re.MULTILINE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class LiveProblem:
    """`wish`: the messages and tools of a chat request. `tests`: Python that raises where a program is wrong, run after
    `prelude` and the program, which defines `name`; `judge`: says of (text, calls) whether they are right, where no
    program is run. `truth`: what is right, for those who read the results."""

    id: str
    wish: JSONObject
    truth: str = ""
    name: str = ""
    prelude: str = ""
    tests: str = ""
    judge: Callable[[str, Sequence[JSONObject]], bool] | None = None

    @property
    def text(self) -> str:
        return str(self.wish["messages"][-1]["content"])


def chat_wish(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}]}


def humaneval(line: JSONObject, strip: bool) -> LiveProblem:
    prompt = without_examples(line["prompt"]) if strip else line["prompt"]
    return LiveProblem(
        id=line["id"],
        wish=chat_wish(f"Complete this function. Write all of it.\n\n```python\n{prompt.rstrip()}\n```"),
        name=line["entry_point"],
        prelude=line["prompt"],
        tests=f"{line['test']}\ncheck({line['entry_point']})",
    )


def without_examples(prompt: str) -> str:
    """A stub of HumanEval whose docstring shows nothing of what calls give."""
    head, quotes, told = prompt.rpartition('"""' if prompt.rstrip().endswith('"""') else "'''")
    before, opened, docstring = head.rpartition(quotes)
    if not opened or told.strip():
        return EXAMPLE_TITLE.sub("", DOCTEST.sub("", prompt))
    return before + opened + EXAMPLE_TITLE.sub("", SHOWN.sub("", DOCTEST.sub("", docstring))) + quotes + told


def mbpp(line: JSONObject, strip: bool) -> LiveProblem:
    """The first test tells what the function is called; with `strip` its name alone does."""
    name = re.search(r"(\w+)\s*\(", line["tests"][0].split("assert", 1)[-1].replace("set(", "").replace("sorted(", ""))
    called = name[1] if name else ""
    told = f"Call it `{called}`." if strip and called else f"It must pass this test:\n\n{line['tests'][0]}"
    return LiveProblem(
        id=line["id"],
        wish=chat_wish(f"{line['prompt']} {told} Answer in Python."),
        name=called,
        tests="\n".join([*line["imports"], *line["tests"]]),
    )


def gsm8k(line: JSONObject, _strip: bool) -> LiveProblem:
    truth = str(line["answer"])
    return LiveProblem(
        id=line["id"],
        wish=chat_wish(f"{line['question']}\n\nReason step by step. End with the answer in \\boxed{{}}."),
        truth=truth,
        judge=lambda text, _: last_number(text) == number(truth),
    )


def last_number(text: str) -> Fraction | None:
    """What is boxed last; the last number where nothing is."""
    boxed = BOXED.findall(text)
    found = NUMBER.findall(boxed[-1] if boxed else text)
    return number(found[-1]) if found else None


def number(text: str) -> Fraction | None:
    try:
        return Fraction(text.replace(",", ""))
    except (ValueError, ZeroDivisionError):
        return None


def bfcl(line: JSONObject, _strip: bool) -> LiveProblem:
    return LiveProblem(
        id=line["id"],
        wish={"messages": line["messages"], "tools": tools_of(line["functions"])},
        truth=json.dumps(line["answers"]),
        judge=lambda _, calls: calls_match(calls, line["answers"], line["functions"]),
    )


def yes_no(line: JSONObject, _strip: bool) -> LiveProblem:
    """Right where the first of the two words is."""
    return short_question(line, lambda text: found[1] if (found := WORD.search(text)) else "")


def choice(line: JSONObject, _strip: bool) -> LiveProblem:
    """Right where the last letter named is; where none is, the only option whose words stand there."""
    options = dict(OPTION.findall(line["question"]))
    return short_question(line, lambda text: letter_in(text, options))


def letter_in(text: str, options: Mapping[str, str]) -> str:
    if named := LABEL.findall(text):
        return str(named[-1])
    told = [label for label, words in options.items() if re.search(rf"(?<!\w){re.escape(words)}(?!\w)", text)]
    return told[0] if len(told) == 1 else ""


def short_question(line: JSONObject, read: Callable[[str], str]) -> LiveProblem:
    truth = line["answer"]
    return LiveProblem(
        id=line["id"],
        wish=chat_wish(line["question"]),
        truth=truth,
        judge=lambda text, _: read(text).lower() == truth.lower(),
    )


READERS: Mapping[str, Callable[[JSONObject, bool], LiveProblem]] = {
    "humaneval": humaneval,
    "mbpp": mbpp,
    "gsm8k": gsm8k,
    "bfcl": bfcl,
    "yes-no": yes_no,
    "choice": choice,
}
MOST_TOKENS = {"humaneval": 400, "mbpp": 300, "gsm8k": 320, "bfcl": 160, "yes-no": 48, "choice": 64}  # of one answer
OWN = {"yes-no": yes_no_questions, "choice": choice_questions}


def live_problems(name: str, data: Path | None, strip: bool, limit: int | None) -> list[LiveProblem]:
    """In an order that mixes the kinds of a set. Raises UsageError."""
    if name not in READERS:
        raise UsageError(f"There is no set {name!r}. There are: {', '.join(READERS)}.")
    if data is None and name not in OWN:
        raise UsageError(f"The program does not bring {name}. Name its file: --data FILE")
    lines = read_lines(data) if data else OWN[name]()
    step = max(1, len(lines) // limit) if limit else 1
    try:
        return [READERS[name](line, strip) for line in lines[::step][:limit]]
    except (KeyError, TypeError, IndexError) as problem:
        raise UsageError(f"{data} is no file of {name}: {problem!r} is missing in a line.") from problem


def read_lines(path: Path) -> list[dict[str, Any]]:
    opening = gzip.open if path.suffix == ".gz" else open
    try:
        with opening(path, "rt", encoding="utf-8") as file:
            return [json.loads(line) for line in file if line.strip()]
    except (OSError, ValueError, EOFError) as problem:
        raise UsageError(f"{path} cannot be read: {problem}.") from problem

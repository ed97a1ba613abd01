"""A size in, texts out that make careless readers slow: runs of what regular expressions, parsers and templates stumble over."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

QUESTION = "Write a Python function solve(numbers) that returns the sum of the even numbers."
SIZES = {
    40: 3,
    200: 4,
    2_000: 4,
    20_000: 1,
    100_000: 1,
}  # characters of the run, and how often; a token may be one character

# What is said before a run, and what the run is made of.
LEADS: Mapping[str, tuple[str, str]] = {
    "blanks after For x =": ("For x =", " "),
    "blanks after f(1)": ("f(1)", " "),
    "blanks after input:": ("input:", " "),
    "blanks after output:": ("input: 1 output:", " "),
    "blanks after an arrow": ("f(1) ->", " "),
    "blanks after returns": ("f(1) returns", " "),
    "blanks after a question": ("what is", " "),
    "tabs after For x =": ("For x =", "\t"),
    "no-break blanks": ("For x =", "\u00a0"),
    "mixed blanks": ("input:", " \t\u00a0\u2003"),
    "For x = again": ("", "for x = "),
    "f( again": ("", "f("),
    "f(1), again": ("", "f(1), "),
    "what is again": ("", "what is "),
    "how many again": ("", "how many "),
    "blank lines": ("", "\n"),
    "blank lines with blanks": ("", " \n"),
    "carriage returns": ("", "\r\n"),
    "other line ends": ("", "\u2028\x0b\x0c\x85"),
    "lines of dashes": ("", "- \n"),
    "lines of dots": ("", "...\n"),
    "lines of options": ("", "A) \n"),
    "options on one line": ("", "(A) "),
    "numbers of a list": ("", "1. \n"),
    "Answer: again": ("", "Answer: "),
    "answer is again": ("", "the answer is "),
    "boxed again": ("", "\\boxed{"),
    "round brackets": ("", "("),
    "square brackets": ("", "["),
    "curly brackets": ("", "{"),
    "keys and brackets": ("", '{"a":'),
    "closing brackets": ("", ")]}"),
    "quotes": ("", '"'),
    "apostrophes": ("f(", "'"),
    "backslashes": ("f('", "\\"),
    "backticks": ("", "`"),
    "fences": ("", "```\n"),
    "open fences of Python": ("", "```python\n"),
    "tildes": ("", "~~~\n"),
    "doctests": ("", ">>> f(1)\n"),
    "asserts": ("", "assert f(1) == "),
    "arrows": ("", "=> "),
    "arrows of dashes": ("", "-> "),
    "equal signs": ("", "=="),
    "commas": ("f(", "1,"),
    "one long number": ("For x = ", "9"),
    "one long fraction": ("0.", "0"),
    "many signs": ("", "-"),
    "thinking again": ("", "<think>"),
    "calls again": ("", "<tool_call>"),
    "ends of calls": ("", "</tool_call>"),
    "control tokens": ("", "<|im_start|>user\n"),
    "angle brackets": ("", "<"),
    "tables": ("", "| a | b |\n"),
    "rules of tables": ("", "|---"),
    "headings": ("", "# "),
    "dollars": ("", "$$"),
    "addresses": ("", "http://a."),
    "at signs": ("", "a@"),
    "accents": ("e", "\u0301"),
    "joiners": ("\U0001f469", "\u200d\U0001f469"),
    "right to left": ("", "\u202e"),
    "nulls": ("", "\x00"),
    "escapes": ("", "\x1b[2J"),
    "one long word": ("", "a"),
    "words": ("", "word "),
    "def again": ("", "def f(x):\n"),
    "indentation": ("def f(x):\n", "    "),
    "lambdas": ("x = ", "lambda: "),
    "search and replace": ("", "<<<<<<< SEARCH\n"),
    "hunks": ("", "@@ -1 +1 @@\n"),
    "templates": ("", "{{"),
    "statements of templates": ("", "{% for x in y %}"),
}


def run(name: str, size: int) -> str:
    """The text of that name, about `size` characters long."""
    lead, piece = LEADS[name]
    return lead + piece * max(1, size // len(piece))


# How a run is put into a question: before it, after it, within it, or by itself.
PLACES: tuple[Callable[[str], str], ...] = (
    lambda text: f"{text}\n\n{QUESTION}",
    lambda text: f"{QUESTION}\n\n{text}",
    lambda text: f"{QUESTION} For example, solve([1, 2]) {text} 2.",
    lambda text: f"{QUESTION}\n>>> solve([1, 2, 4])\n{text}\n6\n",
    lambda text: text,
)


def drawn(dice: random.Random) -> tuple[str, str]:
    """A name and its text, within a question that is answered with code."""
    name, [size] = dice.choice(sorted(LEADS)), dice.choices([*SIZES], [*SIZES.values()])
    return f"{name} * {size}", dice.choice(PLACES)(run(name, size))

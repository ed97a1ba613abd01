"""Which blocks of a reply are its answer, and what code there is in them."""

from __future__ import annotations

import pytest

from local_swarm.voting.code_blocks import commands_in
from local_swarm.voting.extract import extract_text
from local_swarm.voting.question import question
from local_swarm.voting.sound_code import python_in

ASKED = question("Write a Python function `last(xs)` that gives the last item of a list.")
SCRIPT_ASKED = question("Write a JavaScript function last(xs) that gives the last item of a list.")
RIGHT = "def last(xs):\n    return xs[-1]"
WRONG = "def last(xs):\n    return xs[1]"
SCRIPT = "function last(xs) {\n  return xs[xs.length - 1];\n}"
FENCED, FENCED_WRONG = f"```python\n{RIGHT}\n```", f"```python\n{WRONG}\n```"


@pytest.mark.parametrize(
    "reply",
    [
        f"{FENCED}\n\nBeware of this frequent error:\n{FENCED_WRONG}",
        f"{FENCED}\n\nMany write\n\n{FENCED_WRONG}\n\nbut this fails for long lists.",
        f"```python\n# Wrong\n{WRONG}\n```\n{FENCED}",
        f"Your code:\n{FENCED_WRONG}\nThe fixed code:\n{FENCED}",
        f"{FENCED_WRONG}\nOops, that is the second one. Final answer:\n{FENCED}",
        f"Step 1:\n```python\ndef last(xs):\n    pass\n```\nStep 2:\n{FENCED}",
        f"{FENCED}\nAlternatively, without indexing:\n```python\ndef last(xs):\n    return xs.pop()\n```",
        f"{FENCED}\nTests:\n```python\nfrom my_module import last\n\n\ndef test_last():\n    assert last([1]) == 1\n```",
        f"{FENCED}\nIn C:\n```c\nint last(int *xs, int n) {{ return xs[n - 1]; }}\n```",
        f"{RIGHT}\n\nExample:\n```python\nprint(last([1, 2]))\n```",
        f"{RIGHT}\n```\nThat is all.",
    ],
)
def test_the_answer_is_what_defines_what_is_asked_for(reply: str) -> None:
    assert extract_text(reply, ASKED).body.strip().endswith(RIGHT)


def test_words_of_blame_before_the_only_program_speak_of_something_else() -> None:
    reply = f"It ignores comments and never fails:\n{FENCED}\nUse it:\n```python\nlast([1])\n```"
    assert extract_text(reply, ASKED).body.strip() == RIGHT


def test_a_helper_in_a_block_of_its_own_belongs_to_the_program() -> None:
    answer = extract_text(
        "```python\nimport math\n```\n```python\ndef last(xs):\n    return math.floor(xs[-1])\n```", ASKED
    )
    assert "import math" in answer.body and answer.valid


@pytest.mark.parametrize(
    "body",
    [
        f"{RIGHT}\n\nThis takes the last one, as lists are counted from behind too.",
        f"{RIGHT}\n<|im_end|>",
        f"{RIGHT}\n```\nThat is it.",
        f"{RIGHT}``` That is it.",
        f"python\n{RIGHT}",
        "1 def last(xs):\n2     return xs[-1]",
        RIGHT.replace("    ", "\u00a0" * 4),
        f"%matplotlib inline\n{RIGHT}",
    ],
)
def test_python_is_found_in_a_block_that_holds_more(body: str) -> None:
    assert python_in(body).strip() == RIGHT


def test_signs_of_web_pages_are_read_as_they_are_meant() -> None:
    assert python_in("def f(x):\n    if x &lt; 1: return 2") == "def f(x):\n    if x < 1: return 2"


def test_of_a_session_what_was_typed_is_code() -> None:
    assert python_in(">>> def f(x):\n...     return x\n...\n>>> f(1)\n1") == "def f(x):\n    return x\n\nf(1)"


@pytest.mark.parametrize(
    "body", ["return x", "def f(:", "Hello {{ name }}!", "Traceback (most recent call last):\n  1/0"]
)
def test_what_defines_nothing_stays_as_it_is(body: str) -> None:
    assert python_in(body) == body


@pytest.mark.parametrize(
    "reply",
    [
        SCRIPT,
        f"Here you are:\n\n{SCRIPT}\n\n**Explanation**: it's the last one, and that's it.",
        f"{SCRIPT}\n```\nDone.",
        f"{SCRIPT}</s>",
        f" {SCRIPT}",
        "\n".join(f"    {line}" for line in SCRIPT.split("\n")),
        f"```\n{SCRIPT}\n```",
        f"```css\n{SCRIPT}\n```",
        f"```html\n<script>\n{SCRIPT}\n</script>\n```",
        f"```js\n{SCRIPT}\n\nThis is how it's done.",
        f"```js\n/**\n * ```\n * last([1])\n * ```\n */\n{SCRIPT}\n```",
    ],
)
def test_javascript_is_found_wherever_it_stands(reply: str) -> None:
    answer = extract_text(reply, SCRIPT_ASKED)
    assert (answer.kind, answer.language, answer.valid) == ("code", "javascript", True)
    assert SCRIPT in answer.body


def test_javascript_under_another_name_is_not_the_function() -> None:
    assert not extract_text("```js\nconst final = xs => xs.at(-1);\n```", SCRIPT_ASKED).valid


def test_indented_python_without_a_fence_is_code() -> None:
    reply = "Here:\n" + "\n".join(f"\t{line}" for line in RIGHT.split("\n"))
    assert extract_text(reply, ASKED).body.strip() == RIGHT


def test_a_session_of_a_shell_is_what_was_typed() -> None:
    assert commands_in("$ git status\nOn branch main\n$ ls \\\n  -l\n") == "git status\nls \\\n  -l"
    assert commands_in("git status\nls\n") == "git status\nls\n"


@pytest.mark.parametrize("language", ["yaml", "rust", "sql"])
def test_a_block_without_a_tag_is_of_the_language_that_is_asked_for(language: str) -> None:
    asked = question(f"Write the beginning of a file in {language}.")
    assert extract_text("```\na: 1\n```", asked).language == language

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_swarm.voting.extract import extract_text
from local_swarm.voting.question import question

PROGRAM = "def f(x):\n    return x + 1"


@pytest.mark.parametrize(
    "reply",
    [
        f"```python\n{PROGRAM}\n```",
        f"Sure! Here it is:\n\n```py\n{PROGRAM}\n```\nIt adds one.",
        f"~~~python\n{PROGRAM}\n~~~",
        f"```\n{PROGRAM}\n```",
        PROGRAM,
    ],
)
def test_finds_the_program_in_a_reply(reply: str) -> None:
    answer = extract_text(reply)
    assert (answer.kind, answer.language, answer.body.strip(), answer.valid) == ("code", "python", PROGRAM, True)


def test_joins_blocks_that_belong_together() -> None:
    answer = extract_text(f"```python\n{PROGRAM}\n```\nand then\n```python\ndef g(x):\n    return f(f(x))\n```")
    assert "def g" in answer.body and "def f" in answer.body


def test_use_and_output_are_no_part_of_the_answer() -> None:
    use = "```python\nfrom my_module import f\nprint(f(1))\n```\nIt prints:\n```\n2\n```"
    assert extract_text(f"```python\n{PROGRAM}\n```\nUsage:\n{use}").body.strip() == PROGRAM


@pytest.mark.parametrize("tag", ["text", "code", "java", "plaintext", "tool_code", "src/f.py", ""])
def test_the_language_is_what_parses_whatever_a_fence_calls_it(tag: str) -> None:
    assert extract_text(f"```bash\npip install x\n```\n```{tag}\n{PROGRAM}\n```").language == "python"


@pytest.mark.parametrize(
    "reply",
    [
        f"```python\n{PROGRAM}\n```\nA common mistake is:\n```python\ndef f(x):\n    return x\n```",
        f"Your code was wrong:\n```python\ndef f(x):\n    return x\n```\nUse this:\n```python\n{PROGRAM}\n```",
        f"```python\ndef f(x):\n    return x\n```\nWait, that forgets one. Here it is corrected:\n```python\n{PROGRAM}\n```",
    ],
)
def test_counter_examples_and_earlier_versions_are_not_the_answer(reply: str) -> None:
    assert extract_text(reply).body.strip() == PROGRAM


def test_what_is_typed_in_a_session_is_code() -> None:
    answer = extract_text("```python\n>>> def f(x):\n...     return x + 1\n...\n>>> f(1)\n2\n```")
    assert (answer.kind, answer.valid) == ("code", True)


@pytest.mark.parametrize("reply", ["```sh\n$ ls -lS\n```", "```console\nls -lS\n```", "`ls -lS`", "Run `ls -lS`."])
def test_a_command_is_one_however_it_is_marked(reply: str) -> None:
    answer = extract_text(reply, question("One shell command that lists all files, largest first."))
    assert (answer.kind, answer.language, answer.body.strip()) == ("code", "bash", "ls -lS")


def test_takes_the_block_that_parses_where_one_does_not() -> None:
    answer = extract_text(f"```python\ndef f(:\n```\nBetter:\n```python\n{PROGRAM}\n```")
    assert answer.valid and answer.body.strip() == PROGRAM


def test_python_that_does_not_parse_is_invalid() -> None:
    assert not extract_text("```python\ndef f(:\n```").valid


def test_other_languages_are_code_of_which_nothing_is_known() -> None:
    answer = extract_text("```rust\nfn f() {}\n```")
    assert (answer.kind, answer.language, answer.valid) == ("code", "rust", True)


def test_an_unclosed_fence_is_read_to_the_end() -> None:
    assert extract_text(f"```python\n{PROGRAM}").body.strip() == PROGRAM


@pytest.mark.parametrize("reply", ["The sky is blue today.", "import things from the shop today", "x = 3"])
def test_words_are_words(reply: str) -> None:
    assert extract_text(reply).family == "text"


def test_nothing_is_invalid() -> None:
    assert not extract_text("").valid
    assert not extract_text("```python\n```").valid


@settings(deadline=None)  # mathematics is loaded once
@given(st.text())
def test_any_text_has_an_answer(reply: str) -> None:
    assert extract_text(reply).family in ("code", "value", "text")


@pytest.mark.parametrize(
    ("asked", "one", "other"),
    [
        ("Which Python version introduced match?", "It was introduced in version 3.10.", "Python 3.10"),
        ("What is the transpose?", "[[1, 3], [2, 4]]", r"\boxed{\begin{pmatrix}1 & 3\\2 & 4\end{pmatrix}}"),
        ("What are the primes below 10?", "2, 3, 5, 7", "The answer is 2, 3, 5, 7."),
    ],
)
def test_versions_rows_and_matrices_are_values_without_a_mark(asked: str, one: str, other: str) -> None:
    found = [extract_text(text, question(asked)) for text in (one, other)]
    assert found[0].body == found[1].body and {answer.family for answer in found} == {"value"}


def test_an_interactive_session_without_a_fence_is_what_was_typed() -> None:
    asked = question("Write a Python function add(a, b).")
    session = ">>> def add(a, b):\n...     return a + b\n...\n>>> add(1, 2)\n3"
    found = extract_text(session, asked)
    assert found.kind == "code" and (found.program or "").startswith("def add(a, b):\n    return a + b")
    assert extract_text("Call it so:\n\n>>> add(1, 2)\n3", asked).kind == "prose"

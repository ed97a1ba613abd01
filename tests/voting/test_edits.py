"""Edits in every notation: applied to the file that they change, and compared by what becomes of it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.types import Candidate, Message, Prompt, ToolCall, Usage
from local_swarm.voting.answer import ExtractedAnswer
from local_swarm.voting.consensus import elect
from local_swarm.voting.edits.changes import Change, apply_all, replacement
from local_swarm.voting.edits.files import files_in
from local_swarm.voting.extract import extract, extract_text
from local_swarm.voting.question import Question, question, question_of

FILE = """\
import math

LIMIT = 10


def area(radius):
    # of a circle
    return math.pi * radius


def clip(value):
    return min(value, LIMIT)


class Tank:
    def __init__(self, size):
        self.size = size

    def half(self):
        return self.size / 3
"""
PROMPT = f"Fix area() in src/shapes.py, it forgets the square.\n\nsrc/shapes.py\n```python\n{FILE}```\n"
ASKED = question(PROMPT)
OLD, NEW = "    return math.pi * radius\n", "    return math.pi * radius**2\n"
WHOLE = FILE.replace(OLD, NEW)


def block(old: str = OLD, new: str = NEW, path: str = "src/shapes.py\n") -> str:
    return f"{path}```python\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n```"


def called(name: str, **arguments: object) -> Candidate:
    call = ToolCall("1", name, json.dumps(arguments))
    return Candidate("", "w", "tool_calls", Usage(0, 0), 0.0, tool_calls=(call,))


def said(text: str, voter: str = "w", anchor: bool = False) -> Candidate:
    return Candidate(text, voter, "stop", Usage(0, 0), 0.0, anchor=anchor)


def result(reply: str | Candidate, asked: Question = ASKED) -> ExtractedAnswer:
    return extract_text(reply, asked) if isinstance(reply, str) else extract(reply, asked)


PATCH = f"*** Begin Patch\n*** Update File: src/shapes.py\n@@ def area(radius):\n-{OLD}+{NEW}*** End Patch"
BLOCK = f"<<<<<<< SEARCH\n{OLD}=======\n{NEW}>>>>>>> REPLACE"
SAME: dict[str, str | Candidate] = {
    "path above the fence": block(),
    "path within the fence": block(path="").replace("```python\n", "```python\nsrc/shapes.py\n"),
    "path behind the fence": block(path="").replace("```python", "```python src/shapes.py"),
    "path in backticks": block(path="`src/shapes.py`:\n"),
    "path as a heading": block(path="### src/shapes.py\n\n"),
    "no path": block(path=""),
    "no fence": block().replace("```python\n", "").replace("\n```", ""),
    "words around": f"The square is missing.\n\n{block()}\n\nNow it is right.",
    "blanks at the ends of lines": block(old="    return math.pi * radius   \n"),
    "without indentation": block(old="return math.pi * radius\n", new="return math.pi * radius**2\n"),
    "CRLF": block().replace("\n", "\r\n"),
    "Cline": "<replace_in_file>\n<path>src/shapes.py</path>\n<diff>\n------- SEARCH\n"
    f"{OLD}=======\n{NEW}+++++++ REPLACE\n</diff>\n</replace_in_file>",
    "Roo Code": "<apply_diff>\n<path>src/shapes.py</path>\n<diff>\n<<<<<<< SEARCH\n:start_line:8\n-------\n"
    f"{OLD}=======\n{NEW}>>>>>>> REPLACE\n</diff>\n</apply_diff>",
    "Cline writes": f"<write_to_file>\n<path>src/shapes.py</path>\n<content>\n{WHOLE}</content>\n</write_to_file>",
    "unified diff": "```diff\n--- a/src/shapes.py\n+++ b/src/shapes.py\n@@ -6,3 +6,3 @@ LIMIT = 10\n def area(radius):\n"
    f"     # of a circle\n-{OLD}+{NEW}```",
    "git's diff": "```\ndiff --git a/src/shapes.py b/src/shapes.py\nindex 1234567..89abcde 100644\n--- a/src/shapes.py\n"
    f"+++ b/src/shapes.py\n@@ -8 +8 @@\n-{OLD}+{NEW}```",
    "wrong numbers": f"```diff\n--- src/shapes.py\n+++ src/shapes.py\n@@ -1,99 +1,42 @@\n     # of a circle\n-{OLD}+{NEW}```",
    "no numbers": f"```diff\n--- src/shapes.py\n+++ src/shapes.py\n@@ @@\n     # of a circle\n-{OLD}+{NEW}```",
    "no head": f"```diff\n def area(radius):\n     # of a circle\n-{OLD}+{NEW}```",
    "context without its blank": f"```patch\n@@ -6,3 +6,3 @@\ndef area(radius):\n    # of a circle\n-{OLD}+{NEW}```",
    "no fence around a diff": f"Here:\n\n--- a/src/shapes.py\n+++ b/src/shapes.py\n@@ -8 +8 @@\n-{OLD}+{NEW}",
    "apply_patch": PATCH,
    "the whole file": f"src/shapes.py\n```python\n{WHOLE}```",
    "the whole file without a path": f"```python\n{WHOLE}```",
    "the file with its path as a comment": f"```python\n# src/shapes.py\n{WHOLE}```",
    "laid out anew": f"```python\n{WHOLE.replace('    # of a circle', '')}```".replace("(radius):", "( radius ):"),
    "another name for the variable": f"```python\n{WHOLE.replace('radius', 'r')}```",
    "the function alone": f"```python\ndef area(radius):\n{NEW}```",
    "the function with a docstring": f'```python\ndef area(radius):\n    """Of a circle."""\n{NEW}```',
    "opencode": called("edit", filePath="/home/me/src/shapes.py", oldString="math.pi * radius", newString="math.pi * radius**2"),
    "Claude": called("str_replace_based_edit_tool", command="str_replace", path="src/shapes.py", old_str=OLD, new_str=NEW),
    "several at once": called("MultiEdit", file_path="src/shapes.py", edits=[{"old_string": OLD, "new_string": NEW}]),
    "write": called("write", filePath="src/shapes.py", content=WHOLE),
    "Codex": called("shell", command=["apply_patch", PATCH]),
    "a diff as an argument": called("replace_in_file", path="src/shapes.py", diff=BLOCK),
    "arguments as text": json.dumps({"filePath": "src/shapes.py", "oldString": OLD, "newString": NEW}),
    "a call as text": "```json\n"
    + json.dumps({"name": "edit", "arguments": {"path": "src/shapes.py", "old_string": OLD, "new_string": NEW}})
    + "\n```",
}  # fmt: skip


@pytest.mark.parametrize("form", SAME)
def test_an_edit_is_the_same_in_every_notation(form: str) -> None:
    answer = result(SAME[form])
    assert (answer.kind, answer.complaint) == ("edit", None)
    assert answer.words == result(block()).words


OTHERS = {
    "another number": block(new="    return math.pi * radius**3\n"),
    "another place": block(old="    return min(value, LIMIT)\n", new="    return min(value, LIMIT**2)\n"),
    "more than was asked": block() + "\n\n" + block(old="LIMIT = 10\n", new="LIMIT = 20\n"),
    "another attribute": block(new="    return math.tau * radius**2\n"),
    "a method": "```python\nclass Tank:\n    def half(self):\n        return self.size / 2\n```",
}


@pytest.mark.parametrize("form", OTHERS)
def test_edits_with_other_results_are_others(form: str) -> None:
    answer = result(OTHERS[form])
    assert answer.valid
    assert answer.words not in [
        result(block()).words,
        *(result(text).words for at, text in OTHERS.items() if at != form),
    ]


BAD: dict[str, tuple[str | Candidate, str]] = {
    "stands nowhere": (block(old="    return 3 * radius\n"), "does not apply"),
    "stands twice": (block(old="value\n", new="number\n", path=""), "does not apply"),
    "broken off": (block().split(">>>>>>>")[0], "does not apply"),
    "another file": (block(path="src/colors.py\n"), "does not apply"),
    "one of two": (block() + "\n" + block(old="nowhere\n"), "does not apply"),
    "a hunk of another file": ("```diff\n@@ -1 +1 @@\n-import re\n+import os\n```", "does not apply"),
    "a text that stands twice": (
        called("edit", path="src/shapes.py", oldString="LIMIT", newString="MOST"),
        "does not apply",
    ),
    "no Python afterwards": (block(new="    return math.pi * (radius\n"), "does not parse"),
    "the file as it was": (f"```python\n{FILE}```", "changes nothing"),
    "the same for the same": (block(new=OLD), "changes nothing"),
    "the function as it was": (f"```python\ndef area(radius):\n{OLD}```", "changes nothing"),
}


@pytest.mark.parametrize("form", BAD)
def test_what_cannot_be_done_or_does_nothing_cannot_win(form: str) -> None:
    reply, complaint = BAD[form]
    assert (result(reply).kind, result(reply).complaint) == ("edit", complaint)
    right = [said(block(), "w1"), said(SAME["unified diff"], "w2")]  # type: ignore[arg-type]
    wrong = said(reply, "w0", True) if isinstance(reply, str) else reply
    assert elect([wrong, *right], question=ASKED).winner in (1, 2)


def test_a_text_that_stands_twice_is_replaced_where_all_are_meant() -> None:
    every = called("edit", path="src/shapes.py", oldString="LIMIT", newString="MOST", replaceAll=True)
    assert result(every).valid
    assert "MOST" in result(every).body


def test_a_hunk_that_fits_twice_goes_where_its_number_says() -> None:
    text = "a\nx\nb\nx\nc\nx\n"
    change = Change("", (("-", "x"), ("+", "y")), line=4)
    assert apply_all(text, [change]) == "a\nx\nb\ny\nc\nx\n"


def test_new_lines_are_indented_as_those_that_they_replace() -> None:
    change = replacement("", "if a:\n    b()\n", "if a:\n    c()\n    b()\n")
    assert (
        apply_all("def f():\n    if a:\n        b()\n", [change]) == "def f():\n    if a:\n        c()\n        b()\n"
    )


@given(st.lists(st.sampled_from(["a", "b", "  c", "d ", ""]), max_size=12), st.data())
def test_a_line_that_stands_once_is_always_found(lines: list[str], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(lines)))
    text = "\n".join([*lines[:at], "    here", *lines[at:]])
    assert apply_all(text, [replacement("", "here\n", "there\n")]) == text.replace("here", "there")


def test_edits_of_a_file_that_is_not_known_are_compared_by_what_goes_and_comes() -> None:
    asked = question("Fix area() in src/shapes.py with a SEARCH/REPLACE block.")
    wide = block("    # of a circle\n" + OLD, "    # of a circle\n" + NEW)
    assert result(block(), asked).words == result(wide, asked).words == result(SAME["no numbers"], asked).words
    assert result(block(), asked).valid
    assert result(OTHERS["another number"], asked).words != result(block(), asked).words


def test_edits_win_over_a_refusal_whatever_their_form() -> None:
    refusal = said("I'm sorry, but I cannot help with that request.", "w0", True)
    right = [said(block(), "w1"), said(SAME["apply_patch"], "w2")]  # type: ignore[arg-type]
    assert elect([refusal, *right], question=ASKED).winner in (1, 2)


def test_all_forms_of_one_edit_are_one_answer() -> None:
    forms = [one if isinstance(one, Candidate) else said(one) for one in SAME.values()]
    assert len(elect(forms, question=ASKED).clusters) == 1


@pytest.mark.parametrize(
    "shown",
    [
        "src/shapes.py\n```python\nx = 1\n```",
        "```python src/shapes.py\nx = 1\n```",
        "```python:src/shapes.py\nx = 1\n```",
        '```python title="src/shapes.py"\nx = 1\n```',
        "File: src/shapes.py\n\n```\nx = 1\n```",
        "**src/shapes.py**\n```python\nx = 1\n```",
        "```python\n# src/shapes.py\nx = 1\n```",
        '<file path="src/shapes.py">\nx = 1\n</file>',
        '<file_content path="src/shapes.py">\n1 | x = 1\n2 | \n</file_content>',
        "Here is my src/shapes.py:\n```python\nx = 1\n```",
    ],
)
def test_a_file_in_the_prompt_is_found_with_its_path(shown: str) -> None:
    assert [(one.path, one.text.strip()) for one in files_in(shown)] == [("src/shapes.py", "x = 1")]


def conversation(shown: str, *more: Message) -> Prompt:
    read = ToolCall("r1", "read", json.dumps({"filePath": "src/shapes.py"}))
    begin = (Message("user", "area() forgets the square."), Message("assistant", tool_calls=(read,)))
    return Prompt((*begin, Message("tool", shown, tool_call_id="r1"), *more))


def studied(prompt: Prompt) -> Question:
    asked = question_of(prompt)
    return question(asked.text, files=asked.files)


@pytest.mark.parametrize(
    "numbered",
    [
        "<file>\n" + "\n".join(f"{at:05}| {line}" for at, line in enumerate(FILE.split("\n"), 1)) + "\n</file>",
        "\n".join(f"{at:6}\t{line}" for at, line in enumerate(FILE.split("\n"), 1)),
        "\n".join(f"{at:6}→{line}" for at, line in enumerate(FILE.split("\n"), 1)),
        FILE,
    ],
)
def test_calls_are_compared_by_the_file_that_was_read_before(numbered: str) -> None:
    asked = studied(conversation(numbered))
    one = called("edit", filePath="src/shapes.py", oldString="math.pi * radius", newString="math.pi * radius**2")
    other = called("write", filePath="src/shapes.py", content=WHOLE)
    assert result(one, asked).words == result(other, asked).words
    nowhere = called("edit", filePath="src/shapes.py", oldString="math.e * radius", newString="0")
    assert result(nowhere, asked).complaint == "does not apply"


def test_what_was_changed_since_it_was_read_counts() -> None:
    edit = ToolCall("e1", "edit", json.dumps({"filePath": "src/shapes.py", "oldString": OLD, "newString": NEW}))
    changed = (Message("assistant", tool_calls=(edit,)), Message("tool", "done", tool_call_id="e1"))
    asked = studied(conversation(FILE, *changed))
    again = called("edit", filePath="src/shapes.py", oldString="radius**2", newString="radius * radius")
    assert result(again, asked).valid
    assert (
        result(called("edit", filePath="src/shapes.py", oldString=OLD, newString=NEW), asked).complaint
        == "does not apply"
    )


def test_a_part_of_a_file_is_not_taken_for_all_of_it() -> None:
    read = ToolCall("r1", "read", json.dumps({"filePath": "src/shapes.py", "offset": 10, "limit": 2}))
    shown = Message("tool", "\n".join(FILE.split("\n")[9:11]), tool_call_id="r1")
    asked = studied(Prompt((Message("user", "Fix it."), Message("assistant", tool_calls=(read,)), shown)))
    assert asked.files == ()
    assert result(called("edit", filePath="src/shapes.py", oldString=OLD, newString=NEW), asked).valid


def test_files_of_other_languages_are_compared_by_their_words() -> None:
    asked = question("Fix web/add.js:\n\nweb/add.js\n```js\nfunction add(a, b) {\n  return a - b; // sum\n}\n```")
    block_ = "web/add.js\n<<<<<<< SEARCH\n  return a - b; // sum\n=======\n  return a + b; // sum\n>>>>>>> REPLACE\n"
    whole = "```js\nfunction add(a, b)\n{\n    return a + b;\n}\n```"
    other = block_.replace("a + b", "a * b")
    assert result(block_, asked).valid
    assert result(whole, asked).words == result(block_, asked).words != result(other, asked).words


PARAGRAPH = (
    "The swarm asks several workers, compares what they say and gives the answer that most of them support. " * 3
)


def test_files_of_prose_say_the_same_in_nearly_the_same_words() -> None:
    texts = [PARAGRAPH, f"{PARAGRAPH}That is all.", f"{PARAGRAPH}So it works.", "Another text about the weather. " * 9]
    votes = {
        path: elect([called("write", filePath=path, content=text) for text in texts])
        for path in ("docs/HOW.md", "notes", "settings.yaml", "Makefile")
    }
    assert {path: len(vote.clusters) for path, vote in votes.items()} == {
        "docs/HOW.md": 2,
        "notes": 2,
        "settings.yaml": 4,
        "Makefile": 4,
    }


def test_files_of_prose_that_contradict_each_other_are_two() -> None:
    texts = [f"{PARAGRAPH}It listens on port {port}." for port in (8000, 8000, 9000)]
    vote = elect([called("write", filePath="README.md", content=text) for text in texts])
    assert [len(one) for one in vote.clusters] == [2, 1]


def test_a_function_that_is_asked_for_is_code_though_a_diff_stands_beside_it() -> None:
    reply = "```python\ndef f(x):\n    return x + 1\n```\nThat is:\n```diff\n-    return x\n+    return x + 1\n```"
    assert extract_text(reply, question("Write a function f(x) that adds one.")).kind == "code"


def test_calls_that_edit_nothing_stay_calls() -> None:
    assert extract(called("bash", command="ls -la src"), ASKED).kind == "calls"
    assert extract(called("read", filePath="src/shapes.py"), ASKED).kind == "calls"


def test_comments_and_docstrings_may_be_all_that_an_edit_is_about() -> None:
    one = block("    # of a circle\n", "    # of a disc\n")
    other = block("    # of a circle\n", "    # of a ring\n")
    assert result(one).valid and result(other).valid
    assert result(one).words != result(other).words

"""Replies as models write them: their blocks, their words, and no thoughts."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.voting.markup import document

CODE = "def f(x):\n    return x\n"
WAYS = {
    "plain": "```python\ndef f(x):\n    return x\n```",
    "line ends of Windows": "Here:\r\n```python\r\ndef f(x):\r\n    return x\r\n```\r\n",
    "tildes": "~~~py\ndef f(x):\n    return x\n~~~",
    "a longer closing fence": "```python\ndef f(x):\n    return x\n`````\nDone.",
    "closed on the last line of code": "```python\ndef f(x):\n    return x```\nThat is all.",
    "words behind the closing fence": "```python\ndef f(x):\n    return x\n``` That is all.",
    "a token behind the closing fence": "```python\ndef f(x):\n    return x\n```</s>",
    "words before the fence": "The function: ```python\ndef f(x):\n    return x\n```",
    "code on the line of the fence": "```python def f(x):\n    return x\n```",
    "a fence deeper than its code": "    ```python\ndef f(x):\n    return x\n    ```",
    "as in a web page": '<pre><code class="language-python">def f(x):\n    return x</code></pre>',
    "a mark at the beginning": "\ufeff```python\ndef f(x):\n    return x\n```",
    "with the end of the turn": "```python\ndef f(x):\n    return x\n```<|im_end|>",
    "old line ends": "```python\rdef f(x):\r    return x\r```\r",
    "never closed": "```python\ndef f(x):\n    return x\n",
    "in a list": "1. First:\n   ```python\n   def f(x):\n       return x\n   ```\n2. Then run it.",
    "a list item that begins with it": "- ```python\n  def f(x):\n      return x\n  ```",
    "in a quotation": "> ```python\n> def f(x):\n>     return x\n> ```",
    "indented": "  ```python\n  def f(x):\n      return x\n  ```",
    "deeply indented": "        ```python\n        def f(x):\n            return x\n        ```",
    "code deeper than its fence": "  ```\n    def f(x):\n        return x\n  ```",
    "a whole reply in a fence": "```markdown\nHere it is:\n```python\ndef f(x):\n    return x\n```\nDone.\n```",
    "after thoughts": "<think>\n```java\nint f;\n```\n</think>\n```python\ndef f(x):\n    return x\n```",
    "after thoughts that were never opened": "Let me see.\n</think>\n```python\ndef f(x):\n    return x\n```",
}


@pytest.mark.parametrize("reply", WAYS.values(), ids=WAYS.keys())
def test_the_block_is_found(reply: str) -> None:
    assert [block.body for block in document(reply).blocks] == [CODE]


@pytest.mark.parametrize(
    ("info", "tag"),
    [
        ("python", "python"),
        ("Python3", "python"),
        ("python3.11", "python"),
        ("{.python .numberLines}", "python"),
        ("python title='a.py'", "python"),
        ("src/add.py", "py"),
        ("main.js", "js"),
        ("js:src/a.js", "js"),
        ("", ""),
        ("c++", "c++"),
    ],
)
def test_what_stands_behind_a_fence_names_the_language(info: str, tag: str) -> None:
    assert document(f"```{info}\nx\n```").blocks[0].tag == tag


def test_code_on_the_line_of_its_fences_is_a_block() -> None:
    assert [(block.tag, block.body.strip()) for block in document("```python f = len```").blocks] == [
        ("python", "f = len")
    ]
    assert [(block.tag, block.body.strip()) for block in document("```x = 1```").blocks] == [("", "x = 1")]


def test_a_fence_within_a_docstring_ends_nothing() -> None:
    code = 'def f(x):\n    """Use it.\n\n    ```\n    f(1)\n    ```\n    """\n    return x\n'
    assert [block.body for block in document(f"```python\n{code}```\nDone.").blocks] == [code]


def test_a_fence_in_a_comment_ends_nothing() -> None:
    code = "/**\n * ```\n * f(1)\n * ```\n */\nlet f;\n"
    assert [block.body for block in document(f"```js\n{code}```\nDone.").blocks] == [code]


def test_words_before_and_behind_a_block_are_told() -> None:
    found = document("Do not write:\n\n```\nx\n```\n\nThat is wrong.").blocks[0]
    assert (found.lead, found.trail) == ("Do not write:", "That is wrong.")


def test_what_a_model_writes_for_the_user_is_no_part_of_its_answer() -> None:
    assert document("Five.<|im_end|>\n<|im_start|>user\nAnd six?").text == "Five."


def test_a_block_that_was_not_closed_ends_where_the_next_begins() -> None:
    found = document("```bash\npip install x\n```python\ndef f(x):\n    return x\n```")
    assert [(block.tag, block.body) for block in found.blocks] == [("bash", "pip install x\n"), ("python", CODE)]


def test_prose_is_what_stands_outside_of_blocks_and_the_line_before_leads_to_one() -> None:
    found = document("# Title\n\nUse this:\n\n```python\nx = 1\n```\n\nThen run it.")
    assert found.blocks[0].lead == "Use this:"
    assert "x = 1" not in found.prose and "Use this:" in found.prose and "Then run it." in found.prose


@pytest.mark.parametrize(
    "reply",
    ["<think>Hm.", "<thinking>a</thinking>", "[THINK]a[/THINK]", "words</think>", "<reasoning>So.</reasoning>  "],
)
def test_thoughts_alone_are_no_answer(reply: str) -> None:
    assert document(reply).text.strip() == ""


def test_a_tag_of_thoughts_in_the_middle_of_an_answer_belongs_to_it() -> None:
    assert document("The tag <think> opens thoughts.").text == "The tag <think> opens thoughts."


@given(st.text(alphabet="`~>-1. \n\taxd\"'", max_size=200))
def test_every_text_has_a_document(reply: str) -> None:
    found = document(reply)
    assert len(found.prose.split("\n")) >= 1 and all(isinstance(block.body, str) for block in found.blocks)


@pytest.mark.parametrize(
    "piece", [">", "> - ", "- ", "1. ", "```\n", "``` `", "    ", "~~~ `` \n", "<think>", "#", "[", "*"]
)
def test_reading_takes_time_in_proportion_to_the_text(piece: str) -> None:
    began = time.process_time()
    document(piece * (100_000 // len(piece)))
    assert time.process_time() - began < 2.0


def test_the_inside_of_code_without_a_fence_is_no_block_of_its_own() -> None:
    python = "def f(x):\n    # first\n\n    y = x + 1\n    return y"
    javascript = "function f(x) {\n    if (x) {\n        x += 1;\n    }\n\n    const y = x;\n    return y;\n}"
    assert (document(python).blocks, document(javascript).blocks) == ((), ())
    assert len(document("Use this:\n\n    x = 1\n    y = 2\n").blocks) == 1

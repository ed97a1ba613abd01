"""A length in, a hostile text of about that length out: each keeps some reader busy that is not careful."""

from __future__ import annotations

from collections.abc import Callable, Mapping

Text = Callable[[int], str]


def repeated(part: str, before: str = "", after: str = "") -> Text:
    return lambda length: before + part * (max(0, length - len(before) - len(after)) // len(part)) + after


def halves(one: str, other: str, before: str = "", between: str = "", after: str = "") -> Text:
    return lambda length: (
        before + one * (length // 2 // len(one)) + between + other * (length // 2 // len(other)) + after
    )


ALONE = (
    " ", "\n", "\t", "\r\n", "\r", "\x0b", "\x00", "(", ")", "[", "]", "{", "}", "<", ">", "'", '"', "\\", "`", "~", "-", "=", "+", "*", "#",
    "|", ":", ";", ",", ".", "/", "!", "?", "@", "&", "%", "$", "_", "^", "0", "1", "9", "a", "A", "x", "é", "\u0301", "\u202e", "\u2028",
    "\U0001f600", "\ud800", "\ufeff",
)  # fmt: skip
LINES = (
    "- \n", "...\n", "A) \n", "A)\n", "A: \n", "A) x\n", "Answer:\n", "#### \n", "####\n", "```\n", "```python\n", "~~~\n", "````\n```\n",
    ">>> \n", ">>> f(1)\n", "... \n", ">>> f(1)\n1\n", "assert f\n", "assert f(1)\n", "assert f(\n", "| a | b |\n", "|\n", "||||\n",
    "| x | output |\n| 1 |\n", "def f(x):\n", "def f(x):\n  return x\n", "@a\n", "import a\n", "class A:\n", "x = 1\n", "a;\n", "a\n",
    "  a\n", "for a in b:\n", "if a:\n b\nelif c:\n", "try:\n", "pass\n", "function f(\n", "const f = \n", "let a\n", "export default \n",
    "const f = function \n", "Input:\n", "Input: 1\n", "Output:\n", "Input: 1\nOutput:\n", "key: [\n", "key: value\n", "- - -\n", "&a *a\n",
    "GPU 0: x\n", "  MIG 1g.5gb  Device  0:\n", "    a  REG_SZ  b\n", "MemTotal: 1 kB\n", "processor : 0\n", "to=\n", "\\\n", "//\n", "/*\n", "*/\n",
)  # fmt: skip
PIECES = (
    "f(", "f()", "f(1)", "f(1) ", "f(1)=", "f(1) -> ", "f(1) == ", "f(a, ", "f(f(", "f[", "a.", "a,", "a, ", "1,", "[],", "{},", "()", "(a)", "((a", "{a:",
    "-1", "- ", "not ", "~-", "lambda:", "lambda x:", "a+", "a if b else ", "a=", "a:=", "for x = ", "for x in ", "for x=1 the ", "input:", "input: ",
    "input = 1, ", "input: 1 -> ", "input: 1, output ", "output:", "expected output ", "what is ", "what is the ", "how ", "the total ", "function ",
    "function called ", "function `a", "`f(", "`a(`", "answer ", "answer is ", "the answer: ", "answer:=", "\\boxed{", "\\boxed{{", "\\boxed{}", "**A", "(A", "A ", "A)",
    "1/", "1 / ", "1,", "1e", ".1", "1.1.", "1.,", "<think>", "</think>", "<think></think>", "<tool_call>", "</tool_call>", "<tool_call></tool_call>",
    "<tool_call></tool_call><think>", "<function=", "<function=a>", "<function=a></function>", "</function", "<parameter=a>", "<parameter=a></parameter>", "</parameter>",
    "<arg_key>", "<arg_key></arg_key>", "<arg_key></arg_key><arg_value>", "</arg_value>", "[TOOL_CALLS]", "[ARGS]", "a[CALL_ID]", '<|"|>', "<|message|>", "<|channel|>",
    "<|start_header_id|>", "```json\n", "<|python_tag|>", "call:", "to=", "to=functions.", '{"a":', '{"a":1},', '{"name":"f"}', '["a",', '"a":', '"\\"', '"name":', '"name":"', "[[],", "{'a':", "{**", "f'{a}'", "f'{", "f'{{", "'a'", "'''", '"""', "r'\\", "b'", "0x", "1_", "9j",
    "&a [*a,", "!!x ", "? : ", "%TAG ", "//", "/**/", "/* ", "[1/2]", "Model: ", "Adreno", "Hardware: ", "Intel(R) ", "0x56a0 ", "CUDA Version: ", "inactive_file ", "gpu-core-count = ", "REG_SZ  ", "a  ", "Card: ", "~1", "%41", "1:", "::", "1.1.1.1:", "fe80::", "[::", "localhost.", "a-b-", "1-a-",
    "x=>", "a<b,", "(a)=>", "const f=(", "async ", "...", "....a", "pass ", "TODO ", "a b ", "aA", "a_", "is_", "rate", "list of ", "two ", "12a", "1.a",
)  # fmt: skip
TEXTS: Mapping[str, Text] = {
    **{f"{part!r} repeated": repeated(part) for part in (*ALONE, *LINES, *PIECES)},
    "for x = and blanks": repeated(" ", "for x ="),
    "for x = 1 and blanks": repeated(" ", "for x = 1"),
    "a call and blanks": repeated(" ", "f(1)", "x"),
    "a call and newlines": repeated("\n", "f(1)", "x"),
    "an arrow and blanks": repeated(" ", "f(1) should", "x"),
    "a value of the registry and blanks": repeated(" ", "    a  REG_SZ  b", "x"),
    "a name of the registry and blanks": repeated(" ", "    a", "x"),
    "a makers line and blanks": repeated(" ", "Hardware :", "x"),
    "input and blanks": repeated(" ", "input:", "x"),
    "input, a value and blanks": repeated(" ", "input: 1", "x"),
    "input, a value and newlines": repeated("\n", "input: 1", "x"),
    "input, commas and newlines": repeated(",\n", "input: 1"),
    "what is and words": repeated("a ", "what is "),
    "blanks within a line": repeated(" ", "a", "a"),
    "blanks within many lines": repeated(" " * 100 + "a\n"),
    "A, blanks and colons": repeated(" :", "A"),
    "answer, colons and newlines": repeated(":\n", "answer"),
    "points around a letter": halves(".", ".", between="a"),
    "points around a digit": halves(".", ".", between="1"),
    "commas and points": repeated(".,", after="a"),
    "nested round": halves("(", ")", between="1"),
    "nested calls": halves("f(", ")", between="1"),
    "nested square": halves("[", "]", between="1"),
    "nested curly": halves('{"a":', "}", between="1"),
    "nested a little, often": repeated("(" * 60 + "1" + ")" * 60 + "\n"),
    "nested a little, often, wrong": repeated("(" * 60 + "1 2" + ")" * 60 + "\n"),
    "strings in a list": repeated('"a",', "[", "1]"),
    "a string that does not end": repeated("a", '"'),
    "escapes that do not end": repeated('\\"', '"'),
    "a docstring that does not end": repeated('a"', '"""'),
    "a block that does not end": repeated("a b\n", "```python\n"),
    "a block in a block": repeated("```\n", "````python\n"),
    "a fence without a line": repeated("`", "`" * 20),
    "a fence, blanks and a fence": repeated(" ", "```", "```"),
    "a program": repeated("def f(x):\n    return x + 1\n\n", "```python\n", "```"),
    "a program, bare": repeated("def f(x):\n    return x + 1\n\n"),
    "a program and words": repeated("x = 1\nIt is so.\n", "def f(x):\n    return x\n"),
    "a long expression": repeated("x + 1 + ", "def f(x):\n    return ", "1"),
    "a long list": repeated("1, ", "def f(x):\n    return [", "]"),
    "a long string": repeated("a", 'def f(x):\n    return "', '"'),
    "a long number": repeated("9", "f(", ") == 1"),
    "a long number in base 16": repeated("f", "f(0x", ") == 1"),
    "a long float": repeated("9", "1."),
    "many fields": repeated("{a}", "x = f'", "'"),
    "many fields over lines": repeated("\n{a}", "x = f'''", "'''"),
    "many parameters": lambda length: f"def f({', '.join(f'a{at}' for at in range(length // 8))}):\n    return 1\n",
    "many parameters in words": lambda length: f"a function f({', '.join(f'a{at}' for at in range(length // 8))})",
    "many arguments": repeated("1, ", ">>> f(", ")\n1\n"),
    "a long annotation": repeated("a | ", "def f(x: ", "a):\n    return x\n"),
    "a deep exception": repeated("a + ", "def f(x):\n    raise ", "a\n"),
    "an elif chain": repeated("elif a:\n    b\n", "if a:\n    b\n"),
    "an import chain": repeated("from __future__ import a\n"),
    "a chain of attributes": repeated(".a", "a"),
    "JSON objects in a row": repeated('{"name": "f", "arguments": {}}\n'),
    "a call within thoughts": repeated("<tool_call></tool_call><think>", "<think>"),
    "marks within a string": repeated("</tool_call>", '<tool_call>{"a": "'),
    "quotes and marks": repeated('\\"</tool_call>', '<tool_call>{"a": "'),
    "an unfinished mark, often": repeated("<tool_cal"),
    "a table": repeated("| 1 | 2 |\n", "| x | output |\n|---|---|\n"),
    "a broad table": repeated("| 1 ", "| x | output |\n", "|\n"),
    "options": lambda length: "".join(f"{'ABCDEFGH'[at % 8]}) word\n" for at in range(length // 8)),
    "anchors": lambda length: "".join(f"a{at}: &a{at} [*a{max(0, at - 1)}]\n" for at in range(length // 20)),
    "laughs": lambda length: "a0: &a0 [x]\n" + "".join(f"a{at}: &a{at} [{f'*a{at - 1},' * 9}]\n" for at in range(1, length // 60 + 1)),
    "steps of indentation": lambda length: "".join(" " * at + "a:\n" for at in range(int((2 * length) ** 0.5))),
}  # fmt: skip

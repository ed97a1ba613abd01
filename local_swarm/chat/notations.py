"""The body of a tool call as a model wrote it in, names and arguments out: one reader for each way of writing. Pure.

Readers are lenient, since small models write almost-JSON; what cannot be read at all is None.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from local_swarm.chat.almost_json import STRICT, value_at, values_in_row
from local_swarm.chat.python_source import parse_expression, unparse


@dataclass(frozen=True, slots=True)
class WrittenCall:
    """A call as it was written. `arguments` is an object, or text where that could not be read."""

    name: str
    arguments: Any


# The JSON types that a tool's parameter may have; none where it is unknown.
Types = Callable[[str, str], frozenset[str]]
Reader = Callable[[str, Types], "list[WrittenCall] | None"]

SPECIAL = re.compile(r"""["'\\(){}\[\]]""")
NAME = re.compile(r'"(?:name|tool_name)"\s*+:\s*+"([^"]+)"')


class Nesting:
    """Text in pieces in; whether it ends within a string, so that what follows still belongs to it, and within how many brackets,
    out. The first quote tells which kind strings have."""

    __slots__ = ("_escaped", "_quote", "depth", "open")

    def __init__(self) -> None:
        self.open = self._escaped = False
        self._quote, self.depth = "", 0

    def feed(self, text: str) -> None:
        at = int(self._escaped and bool(text))
        self._escaped = self._escaped and not text
        while found := SPECIAL.search(text, at):
            at = found.end()
            mark = found[0]
            if mark == "\\":
                self._escaped = self.open and at == len(text)
                at += self.open
            elif mark in "\"'":
                self._quote = self._quote or mark
                self.open ^= mark == self._quote
            elif not self.open:
                self.depth += 1 if mark in "([{" else -1


# ------------------------------------------------------------------------------------------------ JSON

NAMES = ("name", "tool_name", "function_name", "tool", "function", "action", "recipient_name")
ARGUMENTS = ("arguments", "parameters", "args", "params", "input", "tool_input", "action_input", "tool_args", "kwargs")
AROUND = ("function", "tool_call", "function_call", "tool_use")  # whose value is a call
SEVERAL = ("tool_calls", "tool_uses", "function_calls", "calls")  # whose value is a list of calls
BESIDE = ("id", "type", "index", "call_id")  # what is said of a call beside that
CALL_KEYS = frozenset((*NAMES, *ARGUMENTS, *AROUND, *SEVERAL, *BESIDE))
FENCED = re.compile(r"\s*+```[\w.+-]*+[ \t]*+\n")
# What models leave around a call: brackets too many, a fence, a mark of another family.
NOISE = re.compile(r"(?:[\s\]})`,;]++|</?[\w:|]++\|?>)*+")


def read_json(body: str, _types: Types) -> list[WrittenCall] | None:
    """`{"name": ..., "arguments": {...}}`, a list of them, or several in a row; `parameters` says the same."""
    found, end = leading_calls(body)
    return found if NOISE.fullmatch(body, end) else None


def leading_calls(body: str) -> tuple[list[WrittenCall] | None, int]:
    """The calls with which a text begins, and where they end."""
    fence = FENCED.match(body)
    start = fence.end() if fence else 0
    values, end = values_in_row(body[start:] if start else body)
    calls = [call for value in values for call in calls_of(value)]
    return [call for call in calls if call] if calls and all(calls) else None, start + end


def python_value(tree: ast.expr | None) -> Any:
    """What a literal stands for, as far as JSON can say it; Ellipsis for all else."""
    try:
        value = Ellipsis if tree is None else ast.literal_eval(tree)
        json.dumps(value, allow_nan=False)
        return value
    except (ValueError, TypeError, RecursionError, MemoryError):
        return Ellipsis


def calls_of(value: Any) -> list[WrittenCall | None]:
    """The calls that a JSON value stands for; None for each part that is none."""
    if isinstance(value, list):
        return [call_of(one) for one in value]
    several = (
        next((value[key] for key in SEVERAL if isinstance(value.get(key), list)), None) if is_object(value) else None
    )
    return [call_of(one) for one in several] if several else [call_of(value)]


def call_of(value: Any) -> WrittenCall | None:
    """The names of a call's parts differ from model to model; some write the arguments beside the tool's name."""
    if not is_object(value):
        return None
    key = next((key for key in NAMES if isinstance(value.get(key), str) and value[key]), None)
    if key is None:
        inner = next((one for one in AROUND if is_object(value.get(one))), None)
        beside = {name: said for name, said in value.items() if name in ARGUMENTS}
        return call_of({**beside, **value[inner]}) if inner else None
    stated = next((one for one in ARGUMENTS if one in value), None)
    if stated is None:
        return WrittenCall(value[key], {name: said for name, said in value.items() if name not in (key, *BESIDE)})
    arguments = value[stated]
    if isinstance(arguments, str):
        return WrittenCall(value[key], object_of(arguments))
    return WrittenCall(value[key], {} if arguments is None else arguments)


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def object_of(text: str, closes: bool = False) -> Any:
    """Arguments as an object where they are one, else the text. `closes`: as in `value_at`."""
    try:
        value, end = value_at(text, len(text) - len(text.lstrip()), closes)
    except ValueError:
        return text
    return value if NOISE.fullmatch(text, end) else text


# ------------------------------------------------------------------------------------------------- XML

FUNCTION = re.compile(
    r'<(?:\w++:)?(?:function|invoke)(?:=|\s++name=)"?([^"<>\s]++)"?\s*+>(.*?)(?:</(?:\w++:)?(?:function|invoke)>|\Z)',
    re.DOTALL,
)
PARAMETER = re.compile(
    r'<(?:\w++:)?(?:parameter|param)(?:=|\s++name=)"?([^"<>\s]++)"?\s*+>(.*?)(?:</(?:\w++:)?(?:parameter|param)>|\Z)'
    r"(?=\s*+(?:<(?:\w++:)?(?:parameter|param)[=\s]|</(?:\w++:)?(?:function|invoke)>|\Z))",
    re.DOTALL,
)


def read_xml(body: str, types: Types) -> list[WrittenCall] | None:
    """`<function=NAME><parameter=KEY>value</parameter></function>` (Qwen3-Coder), or with `name="NAME"` (MiniCPM). Values
    are text for parameters that take text, else JSON."""
    if body.lstrip().startswith("{"):  # some fall back to JSON
        return read_json(body, types)
    calls = []
    for name, inside in FUNCTION.findall(body):
        arguments = {key: value_as(strip_frame(value), types(name, key)) for key, value in PARAMETER.findall(inside)}
        calls.append(WrittenCall(name, object_of(inside.strip()) if inside.lstrip().startswith("{") else arguments))
    return calls or None


GLM_VALUE = re.compile(r"</arg_key>\s*+<arg_value>")


def read_glm(body: str, types: Types) -> list[WrittenCall] | None:
    """`NAME`, then `<arg_key>k</arg_key><arg_value>v</arg_value>` for each argument."""
    if body.lstrip().startswith("{"):
        return read_json(body, types)
    name = body.split("<arg_key>", 1)[0].strip()
    if not re.fullmatch(r"[\w.:-]+", name):
        return None
    return [WrittenCall(name, {key: value_as(value, types(name, key)) for key, value in glm_arguments(body)})]


def glm_arguments(body: str) -> Iterator[tuple[str, str]]:
    """Keys and values; what is not closed ends the search, since nothing after it is."""
    at = body.find("<arg_key>")
    while at >= 0 and (middle := GLM_VALUE.search(body, at)) and (end := body.find("</arg_value>", middle.end())) >= 0:
        yield body[at + len("<arg_key>") : middle.start()].strip(), body[middle.end() : end]
        at = body.find("<arg_key>", end)


def strip_frame(value: str) -> str:
    """Without the one line break that the format puts at either end."""
    value = value.removeprefix("\r\n") if value.startswith("\r\n") else value.removeprefix("\n")
    return value.removesuffix("\n")


def value_as(text: str, types: frozenset[str]) -> Any:
    """A value as its parameter wants it: text stays text, everything else is read as JSON where it is JSON."""
    if types == {"string"}:
        return text
    try:
        value = STRICT.decode(text.strip())
    except (ValueError, RecursionError):
        words = {"True": True, "False": False, "None": None}
        return words.get(text.strip(), text)
    fits = not types or kind_of(value) in types or (kind_of(value) == "integer" and "number" in types)
    return value if fits else text


def kind_of(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return "null" if value is None else "boolean"
    kinds: Mapping[type, str] = {str: "string", int: "integer", float: "number", list: "array", dict: "object"}
    return kinds[type(value)]


# -------------------------------------------------------------------------------------- makers' own ways

MISTRAL = re.compile(r"\s*+([\w.:-]++)\s*+(?:\[CALL_ID\]\w*+)?\s*+(?:\[ARGS\])?\s*+(?=\{)")


def read_mistral(body: str, types: Types) -> list[WrittenCall] | None:
    """`NAME[ARGS]{...}`, with `[CALL_ID]...` before the arguments perhaps; older models write a JSON list."""
    if body.lstrip().startswith(("[", "{")):
        return read_json(body, types)
    head = MISTRAL.match(body)
    return [WrittenCall(head[1], object_of(body[head.end() :].strip(), closes=True))] if head else None


HARMONY = re.compile(r"to=(?:functions\.)?([\w.:-]+)")


def read_harmony(body: str, _types: Types) -> list[WrittenCall] | None:
    """A message's head, which names the tool, `<|message|>`, and the arguments as JSON."""
    head, _, text = body.partition("<|message|>")
    name = HARMONY.search(head)
    return [WrittenCall(name[1], object_of(text.strip() or "{}", closes=True))] if name else None


def read_python(body: str, types: Types) -> list[WrittenCall] | None:
    """`[f(a=1), g(b="x")]` (LFM2), or `f.call(a=1)` (Llama's built-in tools); else JSON."""
    tree = parse_expression(body)
    if tree is None:
        return read_json(body, types)
    parts = tree.elts if isinstance(tree, ast.List) else [tree]
    calls = [python_call(part) for part in parts]
    return [call for call in calls if call] if calls and all(calls) else read_json(body, types)


def python_call(part: ast.expr) -> WrittenCall | None:
    if not isinstance(part, ast.Call) or part.args:
        return None
    name = unparse(part.func)
    arguments = {one.arg: python_value(one.value) for one in part.keywords if one.arg}
    known = name and not any(value is Ellipsis for value in arguments.values())
    return WrittenCall(name.removesuffix(".call"), arguments) if name and known else None


GEMMA = re.compile(r"\s*+(?:call:)?([\w.:-]++)\s*+(?=\{)")
GEMMA_KEY = re.compile(r"([{,]\s*+)([A-Za-z_][\w.-]*+)\s*+:")


def read_gemma(body: str, types: Types) -> list[WrittenCall] | None:
    """`call:NAME{key:value}`, where texts stand between `<|"|>` marks (Gemma 4)."""
    head = GEMMA.match(body)
    if not head:
        return read_json(body, types)
    parts = body[head.end() :].split('<|"|>')
    text = "".join(
        json.dumps(part) if place % 2 else GEMMA_KEY.sub(r'\1"\2":', part) for place, part in enumerate(parts)
    )
    return [WrittenCall(head[1], object_of(text))]

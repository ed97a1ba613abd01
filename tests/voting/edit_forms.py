"""A task of editing in, candidates as models would write them out: the same edit in four forms, and a wrong one.

All choices follow from the task's number, so that the same tasks make the same votes.
"""

from __future__ import annotations

import ast
import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_swarm.types import Candidate, ToolCall, Usage

TASKS = Path(__file__).parent.parent / "data" / "edit_tasks.jsonl"
REFUSAL = "I'm sorry, but I can't help with changing this file."


@dataclass(frozen=True)
class EditTask:
    """`after` is the right result, `wrong` one that a hasty model would write."""

    number: int
    path: str
    name: str
    wish: str
    before: str
    after: str

    @property
    def prompt(self) -> str:
        return f"{self.path}\n```python\n{self.before}```\n\n{self.wish}"


def edit_tasks() -> list[EditTask]:
    lines = TASKS.read_text(encoding="utf-8").splitlines()
    return [task_from(number, json.loads(line)) for number, line in enumerate(lines)]


def task_from(number: int, told: dict[str, Any]) -> EditTask:
    lines = told["before"].split("\n")
    for start, end, instead in reversed(told["edits"]):
        lines[start:end] = instead
    return EditTask(number, told["path"], told["name"], told["wish"], told["before"], "\n".join(lines))


# ------------------------------------------------------------------------------------------------------- forms of an edit


def search_replace(path: str, before: str, after: str) -> str:
    """As aider has models write it: a block for each place, with as much above it as makes it stand once."""
    blocks = [
        f"{path}\n```python\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n```"
        for old, new in windows(before, after)
    ]
    return "I have changed it.\n\n" + "\n\n".join(blocks)


def unified_diff(path: str, before: str, after: str) -> str:
    """With the numbers that a model would guess."""
    told = difflib.unified_diff(before.split("\n"), after.split("\n"), f"a/{path}", f"b/{path}", lineterm="")
    lines = [("@@ -1,7 +1,7 @@" if line.startswith("@@") and at % 2 else line) for at, line in enumerate(told)]
    return "```diff\n" + "\n".join(lines) + "\n```"


def whole_file(path: str, _before: str, after: str) -> str:
    return f"Here is the file:\n\n{path}\n```python\n{after}```\n"


def edit_call(path: str, before: str, after: str) -> ToolCall:
    """As opencode's `edit`, from the first to the last line that changes."""
    (old, new), *_ = windows(before, after, apart=False)
    arguments = {"filePath": path, "oldString": old, "newString": new}
    return ToolCall("call_0", "edit", json.dumps(arguments))


def windows(before: str, after: str, apart: bool = True) -> list[tuple[str, str]]:
    """(old, new) of the places that change, widened until the old text stands once in the file."""
    old, new = before.split("\n"), after.split("\n")
    spans = [
        way[1:] for way in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if way[0] != "equal"
    ]
    if not apart:
        spans = [(spans[0][0], spans[-1][1], spans[0][2], spans[-1][3])]
    found = []
    for start, end, begin, stop in spans:
        while not stands_once(old, start, end) and (start or end < len(old)):
            start, begin = (start - 1, begin - 1) if start else (start, begin)
            end, stop = (end + 1, stop + 1) if end < len(old) and old[end].strip() else (end, stop)
        found.append(("\n".join(old[start:end]), "\n".join(new[begin:stop])))
    return found


def stands_once(lines: Sequence[str], start: int, end: int) -> bool:
    wanted = "\n".join(lines[start:end])
    return bool(wanted.strip()) and "\n".join(lines).count(wanted) == 1


# ----------------------------------------------------------------------------------------------- right in other words, and wrong


def in_other_words(task: EditTask) -> str:
    """The right file as another hand would write it: laid out anew, a variable renamed, or a result named before it is
    returned."""
    tree = ast.parse(task.after)
    target = function_in(tree, task.name)
    if task.number % 3 == 1:
        rename_a_variable(target)
    elif task.number % 3 == 2:
        name_the_result(target)
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def function_in(tree: ast.Module, name: str) -> ast.FunctionDef | ast.AsyncFunctionDef:
    found: Any = tree
    for part in name.split("."):
        found = next(node for node in reversed(found.body) if getattr(node, "name", "") == part)
    assert isinstance(found, (ast.FunctionDef, ast.AsyncFunctionDef))
    return found


def rename_a_variable(target: ast.AST) -> None:
    stored = [node.id for node in ast.walk(target) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    for node in ast.walk(target):
        if stored and isinstance(node, ast.Name) and node.id == stored[0]:
            node.id = f"the_{stored[0]}"


def name_the_result(target: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    last = target.body[-1]
    if isinstance(last, ast.Return) and last.value is not None:
        named = ast.Assign([ast.Name("outcome", ast.Store())], last.value)
        target.body[-1:] = [named, ast.Return(ast.Name("outcome", ast.Load()))]


def wrong_file(task: EditTask) -> str:
    """The right edit with one slip in the function: the first that is possible, beginning elsewhere for each task."""
    slips = (
        off_by_one,
        other_comparison,
        other_operator,
        other_name,
        swapped_arguments,
        turned_condition,
        lost_statement,
    )
    for at in range(len(slips)):
        tree = ast.parse(task.after)
        if slips[(task.number + at) % len(slips)](function_in(tree, task.name)):
            return ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    raise ValueError(f"nothing to get wrong in {task.name}")


def off_by_one(target: ast.AST) -> bool:
    for node in ast.walk(target):
        if isinstance(node, ast.Constant) and type(node.value) is int:
            node.value += 1
            return True
    return False


def other_comparison(target: ast.AST) -> bool:
    turned: dict[type, ast.cmpop] = {
        ast.Lt: ast.LtE(), ast.LtE: ast.Lt(), ast.Gt: ast.GtE(), ast.GtE: ast.Gt(), ast.Eq: ast.NotEq(), ast.In: ast.NotIn()
    }  # fmt: skip
    for node in ast.walk(target):
        if isinstance(node, ast.Compare) and type(node.ops[0]) in turned:
            node.ops[0] = turned[type(node.ops[0])]
            return True
    return False


def other_operator(target: ast.AST) -> bool:
    for node in ast.walk(target):
        if isinstance(node, ast.BoolOp):
            node.op = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
            return True
        if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)):
            node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
            return True
    return False


def other_name(target: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """One variable where another is meant."""
    names = list(dict.fromkeys(one.arg for one in target.args.args if one.arg not in ("self", "cls")))
    used = [node for node in ast.walk(target) if isinstance(node, ast.Name) and node.id in names]
    if len(names) < 2 or not used:
        return False
    used[-1].id = next(name for name in names if name != used[-1].id)
    return True


def swapped_arguments(target: ast.AST) -> bool:
    for node in ast.walk(target):
        if isinstance(node, ast.Call) and len(node.args) > 1 and ast.dump(node.args[0]) != ast.dump(node.args[1]):
            node.args[:2] = node.args[1::-1]
            return True
    return False


def turned_condition(target: ast.AST) -> bool:
    for node in ast.walk(target):
        if isinstance(node, (ast.If, ast.IfExp, ast.While)):
            node.test = ast.UnaryOp(ast.Not(), node.test)
            return True
    return False


def lost_statement(target: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    told = [node for node in target.body if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    target.body = [node for node in target.body if node is not told[-2 if len(told) > 1 else -1]] or [ast.Pass()]
    return True


# ------------------------------------------------------------------------------------------------------------------- a vote


def candidates(task: EditTask) -> tuple[list[Candidate], set[int]]:
    """(in an order of the task's own, which of them are right). The wrong one is the anchor in half the tasks; every
    fifth has a refusal beside, every fifth an edit that applies nowhere."""
    wrong = wrong_form(task)
    right: list[str | ToolCall] = [
        search_replace(task.path, task.before, task.after),
        unified_diff(task.path, task.before, task.after),
        whole_file(task.path, task.before, in_other_words(task)),
        edit_call(task.path, task.before, task.after),
    ]
    others = list(beside(task))
    turn = task.number % 4
    said = [*right[turn:], *others, wrong, *right[:turn]]
    first = wrong if task.number % 2 else said[0]
    made = [candidate(text, f"w{at}", text is first) for at, text in enumerate(said)]
    return made, {at for at, text in enumerate(said) if any(text is one for one in right)}


def wrong_form(task: EditTask) -> str | ToolCall:
    forms = (search_replace, unified_diff, whole_file, edit_call)
    if task.number % 8 == 7:  # the change alone is forgotten
        return whole_file(task.path, "", task.before)
    made = laid_out_as_before(task)
    return forms[task.number % 4](task.path, task.before, made)


def laid_out_as_before(task: EditTask) -> str:
    """The wrong file, of which only the function is laid out anew."""
    tree, wrong = ast.parse(task.after), ast.parse(wrong_file(task))
    target, other = function_in(tree, task.name), function_in(wrong, task.name)
    lines = task.after.split("\n")
    start = min([target.lineno, *(one.lineno for one in target.decorator_list)]) - 1
    made = [" " * target.col_offset + line if line else line for line in ast.unparse(other).split("\n")]
    lines[start : target.end_lineno] = made
    return "\n".join(lines)


def beside(task: EditTask) -> Iterator[str]:
    if task.number % 5 == 0:
        yield REFUSAL
    if task.number % 5 == 3:
        yield f"{task.path}\n<<<<<<< SEARCH\n    # as it stood in an older version\n=======\n    pass\n>>>>>>> REPLACE\n"


def candidate(said: str | ToolCall, voter: str, anchor: bool) -> Candidate:
    text, calls = (said, ()) if isinstance(said, str) else ("", (said,))
    return Candidate(text, voter, "stop", Usage(0, 0), 0.0, anchor=anchor, tool_calls=calls)

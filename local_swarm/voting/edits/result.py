"""A file before and after an edit in, what an election compares of it out. Pure."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from local_swarm.chat.python_source import parse, unparse
from local_swarm.voting.edits.changes import Change
from local_swarm.voting.edits.python_result import WORD, Difference, compared_words, differences
from local_swarm.voting.similarity.syntax import GRAMMARS, syntax_words

MOST_WORDS = 4_000
PYTHON_ENDINGS = ("py", "pyi")


@dataclass(frozen=True, slots=True)
class EditResult:
    """`words`: what changed, as it is compared; `form`: the same to be read. Of Python, `changed` has the statements
    that came, `program` the file afterwards where exactly one function of it is another now."""

    words: tuple[str, ...]
    form: str
    changed: tuple[ast.stmt, ...] = ()
    program: str | None = None
    complaint: str | None = None


def result_of(path: str, before: str, after: str) -> EditResult:
    if "\n".join(map(str.rstrip, before.strip().split("\n"))) == "\n".join(map(str.rstrip, after.strip().split("\n"))):
        return EditResult((), "", complaint="changes nothing")
    old = parse(before)
    if path.rpartition(".")[2] in PYTHON_ENDINGS or (not path and old and old.body):
        new = parse(after)
        if new is None and old is not None:
            return EditResult((), after, complaint="does not parse")
        if old and new and (found := differences(old.body, new.body)):
            return python_result(path, found, parse(after) or new)
    return plain_result(path, before, after)


def python_result(path: str, found: Sequence[Difference], after: ast.Module) -> EditResult:
    came = tuple(one.node for one in found if one.node is not None)
    words = [word for one in found for word in (f"{'+' if one.node else '-'}{one.name}", *compared_words(one.text))]
    form = "\n".join(f"{path} {one.name}{'' if one.node else ' removed'}\n{one.text}" for one in found)
    return EditResult(tuple(words[:MOST_WORDS]), form, came, program_after(found, after))


def program_after(found: Sequence[Difference], after: ast.Module) -> str | None:
    """To be run where one function at the top of the file is all that was changed: calls of it then tell all."""
    if (
        len(found) != 1
        or not isinstance(found[0].node, (ast.FunctionDef, ast.AsyncFunctionDef))
        or "." in found[0].name
    ):
        return None
    return unparse(after)


def plain_result(path: str, before: str, after: str) -> EditResult:
    """By the words between the first and the last that differ."""
    language = path.rpartition(".")[2]
    old, new = words_of_file(before, language), words_of_file(after, language)
    if old == new:  # it is a comment that changed, or blanks that count
        old, new = before.split("\n"), after.split("\n")
    gone, come = between(old, new)
    words = (path, *(f"-{word}" for word in gone), *(f"+{word}" for word in come))
    return EditResult(words[:MOST_WORDS], f"{path}\n- {' '.join(gone)}\n+ {' '.join(come)}")


def words_of_file(text: str, language: str) -> list[str]:
    found = syntax_words(text, language, 10 * MOST_WORDS) if language in GRAMMARS and len(text) < 40_000 else None
    return found if found is not None else WORD.findall(text)


def between(old: Sequence[str], new: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    """Both without what they begin and end with alike."""
    start, most = 0, min(len(old), len(new))
    while start < most and old[start] == new[start]:
        start += 1
    end = 0
    while end < most - start and old[-1 - end] == new[-1 - end]:
        end += 1
    return old[start : len(old) - end], new[start : len(new) - end]


def unseen_result(changes: Sequence[Change]) -> EditResult:
    """Of a file that is not known: what goes and what comes, without the context around it."""
    words: list[str] = []
    for change in changes:
        if change.whole is not None:
            words += [f"{change.path}=", *WORD.findall(change.whole)]
            continue
        gone, come = between(bare_lines(change.old), bare_lines(change.new))
        words += [change.path.rpartition("/")[2]]
        words += [f"-{word}" for word in WORD.findall("\n".join(gone))]
        words += [f"+{word}" for word in WORD.findall("\n".join(come))]
    complaint = (
        None if any(word[:1] in "+-" for word in words) or any(one.creates for one in changes) else "changes nothing"
    )
    return EditResult(tuple(words[:MOST_WORDS]), " ".join(words[:MOST_WORDS]), complaint=complaint)


def bare_lines(lines: Sequence[str]) -> list[str]:
    return [line.strip() for line in lines if line.strip()]

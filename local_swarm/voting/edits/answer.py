"""A reply and its question in, the change to a file that it asks for out, as the file is afterwards. Pure."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from local_swarm.chat.python_source import parse, unparse
from local_swarm.types import ToolCall
from local_swarm.voting.answer import ExtractedAnswer
from local_swarm.voting.edits.blocks import has_block, search_blocks
from local_swarm.voting.edits.changes import MOST_CHANGES, Change, apply_all
from local_swarm.voting.edits.files import SourceFile, file_named, files_in
from local_swarm.voting.edits.names import COMMENT, is_only_path, named_by_info, named_in
from local_swarm.voting.edits.patches import DIFF_TAGS, is_patch, patch_changes
from local_swarm.voting.edits.python_result import WORD, merge
from local_swarm.voting.edits.result import EditResult, result_of, unseen_result
from local_swarm.voting.edits.tool_edits import changes_in_json, changes_of_calls
from local_swarm.voting.markup import CodeBlock, ReplyDocument
from local_swarm.voting.question import PYTHON, Question, function_names

REMEMBERED = 8  # prompts whose files are kept
MOST_OF_FILE = 0.6  # of its words: a block that has more of them may be the whole file
TAKES_AWAY = re.compile(r"\b(?:remove|delete|drop|get rid of|unused|dead code)\b", re.IGNORECASE)
WRITTEN = re.compile(r"<path>([^<\n]++)</path>\s*+<content>\n?")
NOT_APPLIED = "does not apply"
PROSE_ENDINGS = ("md", "markdown", "txt", "rst", "adoc", "org")


def edit_answer(said: ReplyDocument, question: Question) -> ExtractedAnswer | None:
    """None for a reply that changes no file."""
    if question.schema is not None:
        return None
    changes = changes_in(said, question)
    if changes is None:
        return ExtractedAnswer("edit", said.text.strip(), complaint=NOT_APPLIED)
    changes = changes or blocks_as_changes(said, question)
    return answer_of(changes[:MOST_CHANGES], question, said.text) if changes else None


def call_edit(calls: Sequence[ToolCall], question: Question) -> ExtractedAnswer | None:
    """Of calls that are all edits."""
    changes = changes_of_calls(calls)
    return answer_of(changes[:MOST_CHANGES], question, "") if changes else None


def changes_in(said: ReplyDocument, question: Question) -> tuple[Change, ...] | None:
    """Of the notations in which edits are told; None where one of them is broken off."""
    if has_block(said.text):
        return search_blocks(said.text)
    if written := written_files(said.text):
        return written
    told = tuple(change for block in said.blocks if block.tag in ("json", "") for change in changes_in_json(block.body))
    if told or (told := changes_in_json(said.text)):
        return told
    patches = [block for block in said.blocks if is_patch(block.body, block.tag)]
    if patches and question.asked.kind in ("function", "class", "program") and len(patches) < len(said.blocks):
        return ()  # the function itself stands there too
    bodies = [block.body for block in patches] or ([said.text] if not said.blocks and is_patch(said.text) else [])
    return tuple(change for body in bodies for change in patch_changes(from_its_start(body)))


def written_files(text: str) -> tuple[Change, ...]:
    """Cline's `write_to_file`."""
    found: list[Change] = []
    at = 0
    while head := WRITTEN.search(text, at):
        at = text.find("</content>", head.end())
        if at < 0:
            break
        found.append(Change(head[1].strip(), whole=text[head.end() : at].strip("\n") + "\n"))
    return tuple(found)


def from_its_start(text: str) -> str:
    """A patch without the words before it."""
    starts = ("diff --git ", "--- ", "*** Begin Patch", "*** Update File", "*** Add File", "*** Delete File", "@@")
    lines = text.split("\n")
    begin = next((at for at, line in enumerate(lines) if line.startswith(starts)), 0)
    return "\n".join(lines[begin:])


# ------------------------------------------------------------------------------------------- files told whole, or in pieces


@lru_cache(maxsize=REMEMBERED)
def known_files(text: str, path: str, context: tuple[tuple[str, str], ...]) -> tuple[SourceFile, ...]:
    """The files that a question is about, those of its own words last. `path`: of the only file that is not named."""
    here = files_in(text)
    unnamed = [one for one in here if not one.path]
    named = {one.path for one in here}
    here = [
        SourceFile(path, one.text) if one.path == "" and len(unnamed) == 1 and path not in named else one
        for one in here
    ]
    own = {one.path for one in here}
    return (*(SourceFile(*one) for one in context if one[0] not in own), *here)


def files_of(question: Question) -> tuple[SourceFile, ...]:
    found = known_files(question.text, question.asked.path, question.files)
    if not found and question.stub:
        return (SourceFile(question.asked.path, question.stub.text),)
    return found


def blocks_as_changes(said: ReplyDocument, question: Question) -> tuple[Change, ...]:
    """Code that stands for a file, where one is to be changed: by the words of the question, or since it has a name."""
    files = files_of(question)
    if question.asked.kind in ("function", "class", "program"):
        return ()
    if question.asked.kind not in ("edit", "file"):
        files = tuple(one for one in files if one.path)
    found = [change for block in said.blocks if (change := block_as_change(block, files, question))]
    return tuple({change.path: change for change in found}.values())


def block_as_change(block: CodeBlock, files: Sequence[SourceFile], question: Question) -> Change | None:
    if block.tag in DIFF_TAGS:
        return None
    first, _, rest = block.body.partition("\n")
    headed = bool(COMMENT.match(first)) and is_only_path(first)
    path = (
        named_by_info(block.info) or (named_in(block.lead) if block.lead else "") or (named_in(first) if headed else "")
    )
    file = file_named(path, files) or likeliest(block.body, files)
    if file is None:
        return None
    body = rest if headed and named_in(first) == (file.path or path) else block.body
    if question.asked.kind == "file" or (coverage(body, file.text) > MOST_OF_FILE and TAKES_AWAY.search(question.text)):
        return Change(file.path, whole=body)
    whole = with_piece(file, body, block.tag)
    return Change(file.path, whole=whole) if whole is not None else None


def likeliest(body: str, files: Sequence[SourceFile]) -> SourceFile | None:
    """The file that a block has most of."""
    return max(files, key=lambda one: coverage(body, one.text), default=None)


def coverage(body: str, file: str) -> float:
    """The share of the file's words that a block has too."""
    own = Counter(WORD.findall(file))
    return (own & Counter(WORD.findall(body))).total() / max(1, own.total())


def with_piece(file: SourceFile, body: str, tag: str) -> str | None:
    """The file with what a block defines. What does not parse is taken for the whole file where it has most of it."""
    before = parse(file.text)
    if before is not None and (tag in PYTHON or not tag or file.path.endswith(".py")):
        piece = parse(body)
        if piece is not None:
            return with_definitions(file.text, body, before, piece)
    return body if coverage(body, file.text) > MOST_OF_FILE else None


def with_definitions(text: str, body: str, before: ast.Module, piece: ast.Module) -> str | None:
    """A text that is there already is kept as it is written."""
    made = merge(before, piece)
    if made is None:
        return None
    form = ast.dump(made)
    return body if form == ast.dump(piece) else text if form == ast.dump(before) else unparse(made)


# ---------------------------------------------------------------------------------------------------------- what comes of it


def answer_of(changes: Sequence[Change], question: Question, text: str) -> ExtractedAnswer:
    """All changes applied, file by file."""
    files = files_of(question)
    paths = dict.fromkeys(change.path for change in changes)
    results = [result_in([one for one in changes if one.path == path], files) for path in sorted(paths)]
    complaint = next((one.complaint for one in results if one.complaint not in (None, "changes nothing")), None)
    if complaint is None and all(one.complaint for one in results):
        complaint = "changes nothing"
    changed = [node for one in results for node in one.changed]
    program = results[0].program if len(results) == 1 else None
    return ExtractedAnswer(
        kind="edit",
        body="\n".join(one.form for one in results) or text.strip(),
        language="python" if changed else "",
        tree=ast.Module(changed, []) if changed else None,
        program=program if any(function_names(ast.Module(changed, []))) else None,
        complaint=complaint,
        words=tuple(word for one in results for word in one.words) if complaint is None else None,
        edits_prose=not changed and all(map(is_prose_file, paths)),
    )


def is_prose_file(path: str) -> bool:
    """Of names without an ending those of tools, such as Makefile and Dockerfile, are none."""
    name = path.rpartition("/")[2].lower()
    return name.rpartition(".")[2] in PROSE_ENDINGS if "." in name else not name.endswith("file")


def result_in(changes: Sequence[Change], files: Sequence[SourceFile]) -> EditResult:
    """In the file that is named, else in the first one without a name, or any where none is named, to which it
    applies."""
    path = changes[0].path
    named = file_named(path, files)
    tried = [named] if named else [one for one in files if not path or not one.path]
    for file in tried:
        if (after := apply_all(file.text, changes)) is not None:
            return result_of(file.path or path, file.text, after)
    if changes[0].creates and (after := apply_all("", changes)) is not None:
        return replace(result_of(path, "\n", after), complaint=None)
    return EditResult((), "", complaint=NOT_APPLIED) if files else unseen_result(changes)

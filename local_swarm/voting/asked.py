"""The words of a question in, the kind of answer that fits it out. Pure and linear."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, cast

from local_swarm.voting.asking.code_wishes import (
    MENDED,
    CodeWish,
    code_wish,
    own_names,
    proposed_names,
    reads_standard_input,
)
from local_swarm.voting.asking.languages import language_of, path_in
from local_swarm.voting.asking.options import options_of
from local_swarm.voting.asking.plain_wishes import plain_wish
from local_swarm.voting.asking.sentences import Sentence, any_of, prose_of, sentences

AskedKind = Literal[
    "function",
    "class",
    "program",
    "code",
    "file",
    "edit",
    "regex",
    "sql",
    "shell",
    "number",
    "choice",
    "yes_no",
    "json",
    "short",
    "prose",
]
CODE_KINDS: frozenset[AskedKind] = frozenset(
    {"function", "class", "program", "code", "file", "edit", "regex", "sql", "shell"}
)
MOST_NAMES = 8

EDIT = any_of(
    [
        r"search/replace|search[- ]and[- ]replace block|<<<<<<< SEARCH|\bunified diff\b|\bdiff format\b|\bpatch file\b",
        r"\b(?:as|in|a|the|only|git) (?:a |the )?(?:diff|patch)\b|\b(?:edit|diff) blocks?\b",
    ]
)
WHOLE_FILE = any_of(
    [
        r"\b(?:whole|complete|entire|full|updated|new|resulting|corrected|fixed|modified)(?: \w+){0,2} (?:file|contents? of)\b",
        r"\bcontents? of the (?:\w+ )?file\b|\brewrite the file\b",
    ]
)
JSON_WISH = any_of(
    [
        r"\b(?:answer|respond|reply|return|output|give(?: me)?|produce|as|in|write|print|generate|provide|format)\b"
        r"[^.?!\n]{0,40}?\bjson\b",
        r"^json\b",
    ]
)
ASSERTED = re.compile(
    r"(?:\bassert(?:Equal|True|False|equal)?\b|>>> ?|\bexpect\b|\bprint)[^\n]{0,12}?\b([A-Za-z_]\w*+)\("
)
SOLVES = re.compile(
    r"^[^\S\n]*+(?:#+ |\*\*)?(?:(?:sample |standard )?input|input format)\b[^\S\n]*+(?:\d|#\d)?:?(?:\*\*)?:?[^\S\n]*+$",
    re.IGNORECASE | re.MULTILINE,
)
DEFINED_ELSEWHERE = re.compile(
    r"\bfunction\s++([A-Za-z_$][\w$]*+)\s*+\(|\b(?:const|let|var)\s++([A-Za-z_$][\w$]*+)\s*+="
)
SIGNATURE = re.compile(r"\bdef\s++([A-Za-z_]\w*+)\s*+\(")


@dataclass(frozen=True, slots=True)
class Asked:
    """`kind`: the kind of answer that fits, None where nothing tells; `sure`: whether other kinds are no answer.
    `name`: of the function or class where there is no doubt about it; `names`: that and what else the words may ask for,
    the likeliest first, of which an answer defines one. `language`: of the code, as fences call it. `options`: (label,
    words) of a choice, labels as they stand there, or the words themselves where they have none. `path`: of the file
    that is to be changed."""

    kind: AskedKind | None = None
    sure: bool = False
    name: str = ""
    names: tuple[str, ...] = ()
    language: str = ""
    options: tuple[tuple[str, str], ...] = ()
    path: str = ""


NOTHING_ASKED = Asked()


@dataclass(frozen=True, slots=True)
class PromptCode:
    """What the prompt's own code tells. `defines`: functions and classes in order; `unfinished`: the function that
    stands there without a body; `unfinished_class`: of which a method does; `language` as fences call it."""

    defines: tuple[str, ...] = ()
    unfinished: str = ""
    unfinished_class: str = ""
    language: str = ""


NO_CODE = PromptCode()


def asked_of(text: str, name: str | None = None, code: PromptCode = NO_CODE, schema: bool = False) -> Asked:
    """`name`: of the function that is asked for, where the caller knows it; `schema`: JSON by a schema is asked for."""
    prose, fenced = prose_of(text)
    said = sentences(prose)
    found = Asked("json", sure=True) if schema else of_words(prose, said, code, bool(fenced or code.defines))
    if name or code.unfinished:
        found = replace(found, kind=found.kind if found.kind in CODE_KINDS else "function", sure=True, options=())
    found = found if found.kind in CODE_KINDS or found.kind is None else replace(found, name="")
    elsewhere = [one for pair in DEFINED_ELSEWHERE.findall(fenced) for one in pair if one]
    named = named_by(said, found, name, code, elsewhere)
    proposed = [
        *named,
        *(proposals(f"{prose}\n{fenced}", said) if found.kind in CODE_KINDS or found.kind is None else ()),
    ]
    return replace(
        found,
        name=named[0] if named else "",
        names=tuple(dict.fromkeys(proposed))[:MOST_NAMES],
        language=language_of(said, code.language) if found.kind in CODE_KINDS or found.kind is None else "",
        path=path_in(said),
    )


def named_by(
    said: Sequence[Sentence], found: Asked, name: str | None, code: PromptCode, elsewhere: Sequence[str]
) -> Sequence[str]:
    """What must be defined, as the caller, the unfinished code or the words say."""
    if name or code.unfinished or found.name:
        return [name or code.unfinished or found.name]
    defined = {*code.defines, *elsewhere}
    if found.kind not in CODE_KINDS or not defined or found.kind == "edit":
        return []
    own = own_names(said, defined)
    mends = any(MENDED & {*one.low} for one in said)
    return own[:1] or (list(defined) if len(defined) == 1 and mends else [])


def of_words(prose: str, said: Sequence[Sentence], code: PromptCode, has_code: bool) -> Asked:
    """Forms of answers that are told in words go before what the sentences wish for."""
    if EDIT.search(prose) and (has_code or path_in(said)):
        return Asked("edit", sure=True)
    if WHOLE_FILE.search(prose) and path_in(said):
        return Asked("file", sure=True)
    wish = code_wish(said)
    if code.unfinished_class and not (wish and wish.name):
        return Asked("class", sure=True, name=code.unfinished_class)
    if wish and wish.kind in CODE_KINDS and (wish.sure or not asks_for_number(said)):
        return code_asked(wish, prose)
    options = options_of(prose)
    if options:
        return Asked("choice", sure=True, options=options)
    if JSON_WISH.search(prose):
        return Asked("json", sure=True)
    if has_code and (mended := wish_to_mend(said, code)):
        return mended
    if reads_standard_input(prose) or len(SOLVES.findall(prose)) > 0:
        return Asked("program", sure=reads_standard_input(prose))
    plain = plain_wish(said)
    if wish and wish.sure and (plain is None or plain.kind not in ("number", "yes_no")):
        return Asked(cast(AskedKind, wish.kind), sure=True)
    return Asked(cast(AskedKind, plain.kind), sure=plain.sure) if plain else NOTHING_ASKED


def asks_for_number(said: Sequence[Sentence]) -> bool:
    plain = plain_wish(said)
    return bool(plain and plain.kind == "number")


def code_asked(wish: CodeWish, prose: str) -> Asked:
    kind = cast(AskedKind, wish.kind)
    if kind in ("code", "function") and not wish.name and reads_standard_input(prose):
        kind = "program"
    return Asked(kind, sure=wish.sure, name=wish.name)


def wish_to_mend(said: Sequence[Sentence], code: PromptCode) -> Asked | None:
    """The prompt's code is to be changed: what it defines, or a file."""
    if not any(MENDED & {*one.low} for one in said):
        return None
    if path_in(said):
        return Asked("edit")
    return Asked("function" if code.defines else "code")


def proposals(text: str, said: Sequence[Sentence]) -> Iterable[str]:
    yield from (name for name in SIGNATURE.findall(text))
    yield from proposed_names(said)
    yield from (name for name in ASSERTED.findall(text))


def agreed_name(names: Sequence[str], defined: Sequence[Collection[str]]) -> str | None:
    """Of the names that a question may ask for the first that most programs define. `defined`: what each program
    does."""
    counts = Counter(name for one in defined for name in {*one})
    return next((name for name in names if 2 * counts[name] > len(defined)), None)

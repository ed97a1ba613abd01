"""The prose of a prompt in, the answers that it offers for a choice out. Pure and linear."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from local_swarm.voting.asking.sentences import any_of

Options = tuple[tuple[str, str], ...]

LABELED = re.compile(
    r"[^\S\n]*+(?:[-*+•>][^\S\n]++)?\*{0,2}[\[(]?([A-Z]|[a-z]|\d{1,2}|[ivx]{1,5}|[IVX]{1,5})(?:[\])]|[.:](?=\*{0,2}\s))"
    r"[.:]?\*{0,2}[^\S\n]*+(\S.*+)"
)
BULLETED = re.compile(r"[^\S\n]*+[-*+•]\s++(\S.*+)")
INLINE = re.compile(r"(?<![\w(])\(?([A-Ja-j1-9])[).]\s?(?=\S)")
ONE_OF = re.compile(
    r"\b(?:(?:exactly )?one of(?: the following)?|(?:choose|pick) (?:from|between|among)|classify (?:it |this )?as"
    r"|(?:answer|respond) (?:only |just )?(?:with|either)|options?|labels?|categories|classes)\b"
    r"(?: (?:the )?(?:following|these|words|labels|options|categories|choices|one of|either)){0,3}:?\s*+([^\n.?]{3,300})",
    re.IGNORECASE,
)
BETWEEN = re.compile(r"\s*(?:,\s*(?:or|and|oder|ou|o)\s|,|;|/|\||\s(?:or|and|oder|ou)\s)\s*", re.IGNORECASE)
CHOOSES = any_of(
    [
        r"\b(?:which|choose|pick|select|best|correct|options?|one of|letter|multiple.choice)\b",
        r"\b(?:welche[rsmn]?|quelle?s?|cuál|qual)\b",
        "[哪选選]|下列|以下",
    ]
)
BLANK = re.compile(r"_{2,}|\.{3}|…")
LONGEST_OPTION, MOST_OPTIONS = 400, 26
LONGEST_NAMED = 4  # words of an option that a sentence lists
ANSWERED_SO = ("yes", "no", "true", "false", "ja", "nein", "oui", "non", "sí", "si")
ROMAN = ("i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x")
WAYS: tuple[Callable[[int], str], ...] = (
    lambda at: chr(ord("A") + at),
    lambda at: ROMAN[at] if at < len(ROMAN) else "",
    lambda at: ROMAN[at].upper() if at < len(ROMAN) else "",
    lambda at: chr(ord("a") + at),
    lambda at: str(at + 1),
)


def options_of(prose: str) -> Options:
    """(label, words) of what a question offers, labels as they stand there; where there are none the words themselves."""
    lines = prose.split("\n")
    return labeled_options(lines) or inline_options(lines) or listed_options(prose, lines)


def labeled_options(lines: Sequence[str]) -> Options:
    """Lines that count: A, B, C or 1, 2, 3, or i, ii, iii. The last such list is the one to choose from."""
    found = [
        (at, head[1], head[2].strip(" *")) for at, line in enumerate(lines) if (head := LABELED.match(line[:2000]))
    ]
    for begin in reversed([place for place, (_, label, _) in enumerate(found) if label in ("A", "a", "1", "i", "I")]):
        run = run_of_labels(found[begin:])
        if run and is_choice(run, "\n".join(lines[: found[begin][0]]), "\n".join(lines[found[begin][0] + len(run) :])):
            return run
    return ()


def run_of_labels(found: Sequence[tuple[int, str, str]]) -> Options:
    """The longest beginning of these that counts in one of the ways."""
    runs = []
    for way in WAYS:
        run = []
        for at, (_, label, words) in enumerate(found[:MOST_OPTIONS]):
            if label != way(at):
                break
            run.append((label, words))
        runs.append(tuple(run))
    longest = max(runs, key=len)
    return longest if len(longest) > 1 else ()


def is_choice(run: Options, before: str, after: str) -> bool:
    """Whether a list is one to choose from, rather than one of steps, rules or exercises."""
    if any(len(words) > LONGEST_OPTION or words.endswith("?") for _, words in run):
        return False
    stem = before.rstrip()[-600:]
    chooses = bool(CHOOSES.search(stem) or CHOOSES.search(after[:600]))
    if run[0][0] == "A":
        return True
    if run[0][0] in ("a", "i", "I"):
        return chooses or stem.endswith("?") or bool(BLANK.search(stem[-200:]))
    return chooses


def inline_options(lines: Sequence[str]) -> Options:
    """ "A) red B) green C) blue" in one line that asks or follows a question."""
    for at, line in enumerate(lines):
        marks = list(INLINE.finditer(line[:4000]))
        begin = next((n for n, mark in enumerate(marks) if mark[1] in "Aa1"), None)
        if begin is None or len(marks) - begin < 2:
            continue
        marks = marks[begin:]
        ends = [*(mark.start() for mark in marks[1:]), len(line)]
        found = [(at, mark[1], line[mark.end() : end].strip(" ,;")) for mark, end in zip(marks, ends, strict=True)]
        before = "\n".join([*lines[:at], line[: marks[0].start()]])
        run = run_of_labels(found)
        asks = "?" in before or bool(CHOOSES.search(before)) or bool(BLANK.search(before))
        if run and asks and is_choice(run, before, "\n".join(lines[at + 1 :])):
            return run
    return ()


def listed_options(prose: str, lines: Sequence[str]) -> Options:
    """ "Answer with one of: positive, negative", or bullets under a question that asks to choose."""
    for found in ONE_OF.finditer(prose):
        names = [name.strip(" \"'`*“”") for name in BETWEEN.split(found[1].strip())]
        names = [name for name in names if name]
        short = all(len(name.split()) <= LONGEST_NAMED for name in names)
        if 1 < len(names) <= MOST_OPTIONS and short and not yes_or_no(names):
            return tuple((name, name) for name in names)
    return bulleted_options(lines)


def bulleted_options(lines: Sequence[str]) -> Options:
    found = [(at, head[1].strip(" *")) for at, line in enumerate(lines) if (head := BULLETED.match(line[:2000]))]
    if not 1 < len(found) <= MOST_OPTIONS or any(len(words) > LONGEST_OPTION / 4 for _, words in found):
        return ()
    stem = "\n".join(lines[: found[0][0]])[-600:]
    in_row = found[-1][0] - found[0][0] == len(found) - 1
    wanted = re.search(r"\b(?:choose|pick|select|one of|which (?:one )?of)\b", stem, re.IGNORECASE)
    return tuple((words, words) for _, words in found) if in_row and wanted else ()


def yes_or_no(names: Sequence[str]) -> bool:
    return any(name.lower().split()[0] in ANSWERED_SO for name in names)

"""A reply and what its question offers in, the option that it chooses out. Pure and linear."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from local_swarm.voting.values.notation import plain_notation

Options = tuple[tuple[str, str], ...]

LONGEST_REPLY = 6_000  # characters at its end that are looked at
REJECTED = re.compile(
    r"\W*+(?:is|was|are|seems|cannot|can't|does|do|would be|has been)?\s*(?:\w+ ){0,2}?"
    r"(?:not|n't|wrong|incorrect|false|no\b|never|ruled out|eliminated|falsch|faux|incorrecta?|out\b|unlikely)",
    re.IGNORECASE,
)
BEFORE = (
    r"(?:(?:correct|right|best|final|true|only|appropriate|suitable|proper|likely|my|the)\s+){0,3}"
    r"(?:option|choice|answer|letter|statement|alternative|one|pick|selection|response|opción|option|choix|wahl"
    r"|scelta|opção)s?"
    r"(?:\s+(?:correct[ao]?|correcte|richtige|giusta))?\s*(?:is|are|:|=|would be|must be|should be|ist|lautet|est"
    r"|es|è|é|—|-)"
)
CHOSE = (
    r"(?:choose|pick|select|go with|going with|chose|picked|selected|opt for|wähle|choisis|elijo|scelgo|vote for|say)"
)
SO = (
    r"(?:so it (?:is|must be)|(?:it|this) (?:is|must be|has to be|would be)|i think|i believe|i would say|it is"
    r"|it's|therefore|hence|thus|so|that leaves|leaving|leaves only|also|donc|daher|por lo tanto|quindi|所以选|故选|选择"
    r"|选|應選)"
)
OPTION = r"(?:(?:the|la|die|der|le|el|il)\s+)?(?:option|choice|answer|letter|number|opción|antwort|réponse|选项)?\s*"
AFTER = (
    r"\s*(?:is|are|seems|must be|has to be|ist|est|es)\s+(?:the\s+)?(?:most\s+)?(?:right|correct|true|best|answer"
    r"|only|richtig|correcte?|correcta|giusta|proper|appropriate|likely)"
)
NEGATED = re.compile(r"(?:not|never|n't|nicht|neither|isn't|wrong)\s*(?:be\s+)?$", re.IGNORECASE)
ALSO = r"(?:\s{{0,3}}(?:,|&|and|und|et|y|,\s*and)\s{{0,3}}\(?(?:{0})\)?(?![A-Za-z0-9_'’])){{0,8}}+"
ENDS = re.compile(r"[ .,*!]{0,200}+$")
WORD_NEXT = re.compile(r"\s[a-z']")
NOT_NEXT = re.compile(r"\W{0,20}(?:not|nicht|pas|no)\s+\(?(?:\w)\b")


def choice_of(text: str, options: Options, marked: bool) -> str | None:
    """The labels that a reply chooses, in the order of the question; of a marked text those that begin it."""
    plain = plain_notation(text[-LONGEST_REPLY:])
    labels = tuple(label for label, words in options if label != words)
    if labels and (found := chosen_label(plain, labels, marked)):
        return in_order(found, labels)
    return by_words(plain, options, marked)


def in_order(found: str, labels: Sequence[str]) -> str | None:
    exact = {label.casefold(): label for label in labels}
    named = re.findall(r"\w+", found)
    kept = [exact[name.casefold()] for name in named if name.casefold() in exact]
    return ", ".join(sorted({*kept}, key=list(labels).index)) or None


@lru_cache(maxsize=64)
def patterns(labels: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """Of a beginning, of conclusions in two orders, of a label in brackets."""
    upper = "|".join(sorted(map(re.escape, labels), key=len, reverse=True))
    single = rf"[(\[]?(?:{upper})(?![A-Za-z0-9_'’])[)\]]?"
    several = single + ALSO.format(upper)
    return (
        re.compile(rf"\W*(?:{OPTION})({several})(?P<end>\s*[).:\],\-–—]|\s*$|\s|(?=[^\x00-\x7f]))", re.IGNORECASE),
        re.compile(
            rf"\b(?:{BEFORE}|{CHOSE}|{SO}),?\s*:?\s*{OPTION}({several})|(?:选择|选|答案是|정답은)\s*({several})",
            re.IGNORECASE,
        ),
        re.compile(rf"(?<![\w'’])({several})[.:]?(?:\s*\([^()]{{0,60}}\)|\s[\w ]{{0,60}}?)?{AFTER}", re.IGNORECASE),
        re.compile(rf"\(({upper})\)|(?<![\w'’])({upper})\)"),
    )


def chosen_label(plain: str, labels: tuple[str, ...], marked: bool) -> str | None:
    begins, concludes, affirms, enclosed = patterns(labels)
    head = begins.match(plain)
    if marked and head and is_label(head, plain, labels):
        return str(head[1])
    last = [
        (found.start(), found[1] or found[2]) for found in concludes.finditer(plain) if counts(found, plain, labels)
    ]
    last += [
        (found.start(), found[1])
        for found in affirms.finditer(plain)
        if not NEGATED.search(plain[max(0, found.start() - 12) : found.start()])
    ]
    if last:
        return str(max(last)[1])
    walked, kept = walk(plain, labels)
    if len(walked) > 1:
        return kept
    if head and is_label(head, plain, labels) and not REJECTED.match(plain, head.end(1)):
        return str(head[1])
    named = {label for found in enclosed.findall(plain) for label in found if label}
    if len(named) == 1:
        return str(named.pop())
    return kept or together(plain, labels)


def counts(found: re.Match[str], plain: str, labels: Sequence[str]) -> bool:
    """Whether a conclusion names a label and no word that looks like one, and does not reject it."""
    group = 1 if found[1] else 2
    name = found[group].strip("()[] ")
    looks = (
        name in labels
        or not name.isalpha()
        or len(name) > 1
        or plain[found.end(group) - 1] in ")]"
        or ENDS.match(plain, found.end(group)) is not None
    )
    behind = NOT_NEXT.match(plain, found.end(), found.end() + 20)  # "B, not C"
    here = plain[found.end() - 1] in ")]." or name != "I" or not WORD_NEXT.match(plain, found.end())
    return looks and here and (bool(behind) or not REJECTED.match(plain, found.end()))


def is_label(head: re.Match[str], plain: str, labels: Sequence[str]) -> bool:
    """ "A) oxygen", "B", "b. whale" and not "A gas that ..." """
    rest = plain[head.end(1) :]
    return (
        head[1][:1] in "(["
        or not rest.strip(" .*!")
        or rest.lstrip()[:1] in ").:],–—-"
        or not rest[:1].isascii()
        or " and " in head[1]
    )


def walk(plain: str, labels: Sequence[str]) -> tuple[set[str], str | None]:
    """The labels that head sentences of a walk through the options, and the only one that is not rejected there."""
    exact = "|".join(map(re.escape, labels))
    head = re.compile(
        rf"\W*(?:option\s+)?\(?({exact})(?:\)?[.:)]\s|\)?\s(?=(?:is|was|are|ist|est|es)\b))", re.IGNORECASE
    )
    heads = [(found, part) for part in re.split(r"(?<=[.!;])\s", plain) if (found := head.match(part))]
    kept = {found[1] for found, part in heads if not REJECTED.search(part, found.end() - 1)}
    return {found[1] for found, _ in heads}, kept.pop() if len(kept) == 1 else None


def together(plain: str, labels: Sequence[str]) -> str | None:
    """ "AC", of labels that are letters."""
    word = plain.strip(" .")
    several = 1 < len(word) <= len(labels) and len({*word}) == len(word) and {*word} <= {*labels}
    return ", ".join(word) if several else None


def by_words(plain: str, options: Options, marked: bool) -> str | None:
    """The one option whose own words a short reply holds; an option within another's words does not count."""
    low = plain.casefold().strip(" .!\"'")
    named = [(label, plain_notation(words).casefold().strip(" .!\"'")) for label, words in options]
    whole = [label for label, words in named if words == low]
    if whole:
        return whole[0]
    each = [label for part in re.split(r",\s|\s(?:and|und|et|y)\s", low) for label, words in named if words == part]
    if len(each) > 1 and len(each) == len(re.split(r",\s|\s(?:and|und|et|y)\s", low)):
        return ", ".join(sorted({*each}, key=[label for label, _ in named].index))
    first = re.split(r"(?<=[.!?])\s", low, maxsplit=1)[0]
    for part in (first, low) if marked or len(low) < 600 else (first,):
        held = [
            (label, words) for label, words in named if words and re.search(rf"(?<!\w){re.escape(words)}(?!\w)", part)
        ]
        own = [label for label, words in held if not any(words != other and words in other for _, other in held)]
        if len(own) == 1 and not re.search(r"\b(?:not|neither|nor|isn't)\b", part):
            return own[0]
    return None

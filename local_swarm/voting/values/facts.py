"""A reply to a question of yes or no, or for a fact in a word or two, in, that fact alone out. Pure and linear."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from local_swarm.voting.values.context import ValueContext
from local_swarm.voting.values.notation import plain_notation

YES = frozenset(
    [
        "yes",
        "yeah",
        "yep",
        "true",
        "correct",
        "right",
        "ja",
        "wahr",
        "richtig",
        "stimmt",
        "oui",
        "vrai",
        "sí",
        "si",
        "sì",
        "verdadero",
        "cierto",
        "vero",
        "sim",
        "verdadeiro",
        "да",
        "verdade",
        "indeed",
        "certainly",
        "absolutely",
        "definitely",
        "affirmative",
        "是",
        "是的",
        "对",
        "正确",
        "はい",
        "예",
        "네",
        "हाँ",
        "yup",
        "y",
        "waar",
        "certo",
        "correcto",
    ]
)
NO = frozenset(
    [
        "no",
        "nope",
        "false",
        "incorrect",
        "wrong",
        "nein",
        "falsch",
        "non",
        "faux",
        "falso",
        "não",
        "нет",
        "nee",
        "negative",
        "untrue",
        "否",
        "不是",
        "不",
        "不对",
        "错误",
        "错",
        "いいえ",
        "아니요",
        "아니오",
        "नहीं",
        "n",
        "onwaar",
        "never",
        "incorrecto",
    ]
)
FIRST = re.compile(r"\W*([^\W\d_]+)(?=\W|$)")
CJK_FIRST = re.compile(r"\W*(不是|不对|不|否|是的|是|正确|对|错误|错|はい|いいえ|아니요|아니오|예|네)")
VERDICT = re.compile(
    r"\b(?P<not>not|n't|nicht|isn't)?\s*(?:entirely |completely |in fact |actually |quite )?"
    r"(?P<word>true|false|correct|incorrect|wrong|right|yes|no|wahr|falsch|vrai|faux|verdadero|falso"
    r"|vero)\b(?!\s(?:answer|that|one|matter|prime|other|longer|\w+ed\b))",
    re.IGNORECASE,
)
IS_SO = re.compile(
    r"\b(?:statement|claim|that|this|it|which|answer|assertion|aussage|affirmation|afirmación)\b", re.IGNORECASE
)
NEGATION = re.compile(
    r"\b(?:not|cannot|never|kein\w*|nicht|ne\b.{1,20}\bpas|no es|non è|não)\b|n['’]t\b", re.IGNORECASE
)
SENTENCES = re.compile(r"(?<=[^\W\d])[.!?]+(?=\s|$)|(?<=\d)[.!?](?=\s+[A-Z]|\s*$)|[。！？]|\n+")
WORD = re.compile(r"[^\W\d_]\([^()\n]{1,40}\)|[^\W_]+(?:['’.-][^\W_]+)*")
IDLE = frozenset(
    [
        "the",
        "a",
        "an",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "it",
        "its",
        "it's",
        "this",
        "that",
        "there",
        "he",
        "she",
        "they",
        "his",
        "her",
        "their",
        "in",
        "on",
        "at",
        "of",
        "to",
        "for",
        "by",
        "from",
        "as",
        "with",
        "and",
        "or",
        "who",
        "which",
        "what",
        "when",
        "where",
        "how",
        "did",
        "does",
        "do",
        "has",
        "have",
        "had",
        "called",
        "named",
        "known",
        "answer",
        "der",
        "die",
        "das",
        "ist",
        "war",
        "sind",
        "ein",
        "eine",
        "es",
        "sie",
        "er",
        "heißt",
        "von",
        "im",
        "am",
        "den",
        "dem",
        "le",
        "la",
        "les",
        "l'",
        "est",
        "était",
        "c'est",
        "il",
        "elle",
        "s'appelle",
        "de",
        "du",
        "des",
        "un",
        "une",
        "el",
        "los",
        "las",
        "es",
        "fue",
        "se",
        "llama",
        "lo",
        "gli",
        "è",
        "era",
        "um",
        "uma",
        "o",
        "os",
        "é",
        "foi",
        "chama",
        "currently",
        "officially",
        "year",
        "about",
        "approximately",
        "around",
        "also",
        "just",
        "simply",
        "of",
        "course",
        "definitely",
        "you're",
        "asking",
        "i",
        "think",
        "believe",
        "would",
        "say",
        "sure",
        "certainly",
        "question",
        "correct",
        "right",
        "would",
        "you'd",
    ]
)
PLACE_WORDS = frozenset(
    ["city", "country", "river", "man", "woman", "person", "author", "company", "state", "planet", "town", "located"]
)
JOINERS = frozenset(["of", "de", "von", "van", "der", "la", "da", "di", "del", "du", "the", "and", "&", "y", "e"])
ASIDE = re.compile(r"\s\([^()]*+\)|\b(?:as of|since)(?: early| late| about)? \d{4},?", re.IGNORECASE)
BOLD = re.compile(r"\*\*([^*\n]{1,80})\*\*")
YEAR = re.compile(r"(?<![\w.,-])(?:1\d{3}|20\d{2}|\d{3,4}(?= (?:BC|AD|BCE|CE)))(?![\w%]|[.,]\d)")
LONGEST_REPLY, ENDS = 4_000, 2_000  # characters: of longer ones both ends are looked at
LONGEST_FACT = 40  # words of a sentence that is reduced to one
MOST_SENTENCES = 4


def yes_or_no(text: str, context: ValueContext) -> str | None:
    """ "no" of "No, because ...", "That is false." and of the question's own words denied."""
    plain = plain_notation(text if len(text) < LONGEST_REPLY else f"{text[:ENDS]}\n{text[-ENDS:]}")
    first = FIRST.match(plain)
    word = first[1].lower() if first else ""
    if word not in YES | NO and (cjk := CJK_FIRST.match(plain)):
        word = cjk[1]
    if word in YES | NO and not re.match(r"\W*(?:No|no) (?:one|other|matter)\b|\W*right (?:now|after)", plain):
        return "yes" if word in YES else "no"
    parts = [part for part in SENTENCES.split(plain) if part.strip()]
    for part in (*parts[:1], *reversed(parts[1:])):
        found = VERDICT.search(part)
        if found and (IS_SO.search(part) or len(part.split()) < 8):
            return "yes" if (found["word"].lower() in YES) != bool(found["not"]) else "no"
    return restated_verdict(parts, context) if parts else None


def restated_verdict(parts: Sequence[str], context: ValueContext) -> str | None:
    """ "91 is not prime." denies "Is 91 a prime number?", "91 is prime." affirms it."""
    asked = asked_words(context.text)
    for part in (parts[0], parts[-1]):
        words = [word.lower() for word in WORD.findall(part)]
        own = [word for word in words if word not in IDLE and not NEGATION.fullmatch(word)]
        if own and sum(is_asked(word, asked) for word in own) * 2 > len(own):
            return "no" if NEGATION.search(part) else "yes"
    return None


@lru_cache(maxsize=16)
def asked_words(question: str) -> frozenset[str]:
    return frozenset(word.lower() for word in WORD.findall(question))


def is_asked(word: str, asked: frozenset[str]) -> bool:
    """Whether the question has the word, another form of it counted: "located", "locate"."""
    return word in asked or (
        len(word) > 4 and any(len(one) > 3 and one[:4] == word[:4] for one in asked if not one[0].isdigit())
    )


def short_fact(text: str, context: ValueContext) -> str | None:
    """What a sentence says beside the question's own words: "Canberra" of "The capital of Australia is Canberra."."""
    parts = [part for part in SENTENCES.split(text.strip()) if part.strip(" *`\"'")]
    if not parts or len(parts) > MOST_SENTENCES or len(parts[0].split()) > LONGEST_FACT:
        return None
    if context.year and (years := {*YEAR.findall(plain_notation(parts[0]))}) and len(years) == 1:
        return str(years.pop())
    bold = BOLD.findall(parts[0])
    said = plain_notation(bold[0] if len(bold) == 1 and len(parts[0]) > len(bold[0]) + 4 else parts[0])
    return reduced_words(said, context)


def reduced_words(said: str, context: ValueContext) -> str | None:
    asked = asked_words(context.text)
    tokens = [(found[0], found.start()) for found in WORD.finditer(ASIDE.sub("", said).strip() or said)]
    own = [
        (word, at) for word, at in tokens if word.lower() not in IDLE | JOINERS and not is_asked(word.lower(), asked)
    ]
    if not own:
        return None
    names = [(word, at) for word, at in own if (word[0].isupper() or word[0].isdigit())]
    if len(tokens) > 3 and names and any(at > 0 for _, at in names):
        own = run_of(names, said)
    own = [(word, at) for word, at in own if word.lower() not in PLACE_WORDS] or own
    return " ".join(word.casefold().strip("'’.") for word, _ in own) if len(own) < 8 else None


def run_of(names: Sequence[tuple[str, int]], said: str) -> list[tuple[str, int]]:
    """The first row of names with nothing but joining words between them, one at the sentence's beginning left out."""
    kept: list[tuple[str, int]] = []
    for word, at in names:
        between = said[kept[-1][1] + len(kept[-1][0]) : at] if kept else ""
        if kept and any(part not in JOINERS for part in between.split() if part.strip(",")):
            break
        kept.append((word, at))
    return kept

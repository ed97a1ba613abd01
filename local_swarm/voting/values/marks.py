"""The prose of a reply in, what it marks as its answer out: boxes, tags, "the answer is". Pure and linear."""

from __future__ import annotations

import re
from collections.abc import Iterator

from local_swarm.voting.values.notation import closing_brace

TAGS = ("answer", "final_answer", "final", "result")
LONGEST_TAGGED = 2_000  # characters
BOXED = re.compile(r"\\(?:boxed|fbox)\s*+(?=\{)")
HASHED = re.compile(r"#### ?([^#\s].*+)")
STARS = re.compile(r"\*\*|__")
IS = r"(?:is|was|are|be|equals|ist|lautet|wäre|est|es|è|é|=|:|：|है|будет|—)"
ENGLISH = (
    r"\b(?:final |correct |right |best |exact |numerical |overall |short )*+(?:answer|result)(?: to [^.:\n]{0,80}?)?"
    rf"(?:,? (?:therefore|thus|then|hence),?)?\s*+(?:(?:would|will|must|should|may|can|to|has to) )?{IS}(?![A-Za-z])"
)
ABROAD = (
    r"\b(?:antwort|ergebnis|lösung|réponse|résultat|respuesta|resultado|risposta|risultato|resposta|antwoord"
    r"|ответ|результат)"
    rf"(?: (?:corre(?:ct|tt|t)[aeo]?|giusta|finale?|certa))?\s*+{IS}(?![A-Za-z])"
)
ASIA = r"(?:最终|最終|正确|正解の|उत्तर|जवाब|答案|答え|正解|정답|답)[^\S\n]*+(?:是|为|為|は|은|는|:|：|है|=)"
MARK = re.compile(rf"(?:{ENGLISH}|{ABROAD}|{ASIA})[^\S\n]*+:?", re.IGNORECASE)
SHORT_MARK = re.compile(r"^(?:A|Ans|R)\s?[:.][^\S\n]*+(\S.*+)", re.MULTILINE)
NOT_MARKED = re.compile(
    r"\s*(?:that\b|to\b|because\b|since\b|as follows|based on|given by|in the\b|a bit\b|it depends|found\b"
    r"|obtained\b|also\b"
    r"|not (?!\S+ but)|the same as|calculated\b|below\b|given\b|shown\b|provided\b|yet\b|unknown yet)",
    re.IGNORECASE,
)
NOT_BUT = re.compile(
    r"(?:not|nicht|pas|no)\s+(.{1,80}?),? (?:but|sondern|mais|sino)(?: rather)?\s+(.{1,200})", re.IGNORECASE
)
BUT_NOT = re.compile(r"(.{1,200}?)(?:,| and| und) (?:not|nicht|et non|no)\s.{1,80}", re.IGNORECASE)
SENTENCE_END = re.compile(r"(?<=[^\d\s.])\.(?=\s|$)|(?<=\d)\.(?=\s+[A-Z(]|\s*$)|[!?](?=\s|$)|。")
REASON = re.compile(
    r",? (?:because|since|as|which|so that|where|weil|da|parce que|car|porque|ya que|i\.e\.|that is|for|after"
    r"|given|when|if)\b"
    r"|\s?;|\s\(|\s[–—-]{1,2}\s(?=[A-Za-z])|, (?:so|and so|but)\b",
    re.IGNORECASE,
)
LAST_WORDS = 400  # characters of a line that a marked answer may take


def marked_texts(prose: str) -> Iterator[str]:
    """What is marked, the strongest first; of each kind of mark the last."""
    if boxed := last_boxed(prose):
        yield boxed
    if tagged := last_tagged(prose):
        yield tagged
    if hashed := last_line(prose):
        yield hashed
    if said := last_said(STARS.sub("", prose)):
        yield said


def last_boxed(prose: str) -> str | None:
    at = prose.rfind("\\boxed")
    at = at if at >= 0 else prose.rfind("\\fbox")
    found = BOXED.match(prose, at) if at >= 0 else None
    if not found:
        return None
    return prose[found.end() + 1 : closing_brace(prose, found.end()) - 1].strip()


def last_tagged(prose: str) -> str | None:
    """What stands between the last tags of these names, or behind one that is never closed."""
    low = prose.lower()
    places = [(low.rfind(f"<{tag}>"), tag) for tag in TAGS] if "<" in prose else []
    at, tag = max(places, default=(-1, ""))
    if at < 0:
        return None
    begin = at + len(tag) + 2
    end = low.find(f"</{tag}>", begin)
    return prose[begin : end if end >= 0 else len(prose)][:LONGEST_TAGGED].strip() or None


def last_line(prose: str) -> str | None:
    """ "#### 42" where nothing follows, as GSM8K ends its answers; headings end in nothing but words."""
    lines = prose.rstrip().rsplit("\n", 1)
    found = HASHED.fullmatch(lines[-1].strip())
    return found[1].strip() if found and re.match(r"[-−–+]?\s?[$€£(\\]*\s?[-−]?[\d.]", found[1]) else None


def last_said(prose: str) -> str | None:
    """What follows the last "the answer is" that an answer follows."""
    kept = None
    for found in MARK.finditer(prose):
        rest = rest_of_line(prose, found.end())
        if rest and not NOT_MARKED.match(rest):
            kept = rest
    if kept is None and (short := SHORT_MARK.findall(prose)):
        kept = short[-1]
    return affirmed_part(kept) if kept else None


def rest_of_line(prose: str, at: int) -> str:
    """Of this line, or of the next with words where this one ends."""
    end = prose.find("\n", at)
    line = prose[at : end if end >= 0 else len(prose)].strip(" \t")
    if line.strip(" .:*$"):
        return line[:LAST_WORDS]
    after = prose[end:].lstrip() if end >= 0 else ""
    return after.partition("\n")[0].strip()[:LAST_WORDS] if after.strip("$[]\\ \n") else ""


def affirmed_part(text: str) -> str:
    """ "not 5 but 6" and "6, not 5" are 6."""
    if found := NOT_BUT.match(text):
        return found[2]
    found = BUT_NOT.fullmatch(text.strip(" ."))
    return found[1] if found else text


def beginnings(text: str) -> Iterator[str]:
    """The text, and it without what only explains: further sentences, reasons, brackets."""
    yield text
    sentence = SENTENCE_END.split(text, maxsplit=1)[0]
    if sentence != text:
        yield sentence
    reason = REASON.split(sentence, maxsplit=1)[0]
    if reason != sentence:
        yield reason

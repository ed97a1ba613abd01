"""The words of a prompt in, what they say must come of a call and the prompt without what is only observed out. Pure.

A bug report tells what a program does and what it should do instead. Only the second is an example.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, pairwise

from local_swarm.voting import scanner
from local_swarm.voting.behaviour.calls import Example, expression
from local_swarm.voting.behaviour.literals import leading_literal
from local_swarm.voting.scanner import LONGEST_LITERAL, Attention, closing

FARTHEST = 300  # characters between a call and what is said to be expected of it
NEAR = 80  # characters before a call that may tell what it must give
LONGEST_TITLE = 80
EDGE = 10_000  # characters at either end of a text
GIVE = (
    r"(?:(?:have\s++)?(?:returned|been|given|printed|got|gotten)|returns?|be|is|gives?|get|gets|see|print|prints|output|outputs|yield|produce|"
    r"equal|evaluate\s++to|result\s++in|devolver|dar|ser|renvoyer|retourner|afficher|imprimir|donner|être|restituire|essere|zurückgeben|返回|是|为)"
)
NOUN = (
    r"(?:results?|outputs?|values?|answers?|numbers?|behaviou?r|returns?|wert|ergebnis(?:se)?|ausgabe|one|it|"
    r"resultado|résultat|valor|valeur)"
)
MUST = re.compile(
    r"(?<!\w)(?:"
    r"(?:should|must|ought\s++to|shall|(?:supposed|meant|needs?|has|have|had|want(?:s|ed)?(?:\s++it)?|expect(?:s|ed)?(?:\s++it)?)\s++to)\b"
    rf"(?:\s++(?:really|actually|rather|instead|clearly|of\s++course))?(?:\s++{GIVE}(?!\w))?"
    rf"|(?:expected|wanted|desired|correct|right|intended|proper|erwartet(?:es)?|gewünscht|richtige?s?|esperado|attendu|atteso)(?:\s++{NOUN})*+"
    r"(?:\s++(?:is|was|are|would\s++be|ist|wäre|wird|wurde|es|est)(?!\w))?"
    r"|(?:i|we)(?:'d|\s++would)?\s++(?:expect(?:ed)?|want(?:ed)?|need(?:ed)?|like)"
    r"|would\s++(?:be|have\s++been)\s++(?:right|correct)|expecting|expects?|want|(?:spec\w*+|documentation|docs?|task|manual)\s++(?:says?|wants?|demands?|requires?|asks\s++for)"
    r"|(?:soll(?:te|en)?|muss|müsste|debería|debe|devrait|doit|dovrebbe|deve(?:ria)?)"
    rf"(?:\s++(?:aber|eigentlich|jedoch|stattdessen|es))*+(?:\s++{GIVE}(?!\w))?"
    r")(?!\w)[`*_]*+\s*+[:=]*+[\s`*_]*+(?:(?:that\s++)?(?:it|this)\s++(?:returns|yields|gives|prints|is)\s++)?",
    re.IGNORECASE,
)
INSTEAD = re.compile(  # names what must be where something is complained of, else what would be wrong
    r"(?<!\w)(?:instead\s++of|rather\s++than|in\s++place\s++of|statt|anstatt|anstelle\s++von|au\s++lieu\s++de|"
    r"en\s++(?:lugar|vez)\s++de|invece\s++di)"
    rf"(?:\s++(?:the|returning|giving|expected|correct|right)(?:\s++{NOUN})*+)*+(?!\w)\s*+[:=]*+[\s`*_]*+",
    re.IGNORECASE,
)
CALL_TO = re.compile(rf"[`\s]*+to\s++{GIVE}(?!\w)[\s`*]*+", re.IGNORECASE)  # "I want f(2) to give 4"
CORRECT = re.compile(  # behind a value: "but 4 is the right answer", "(4 expected)"
    r"(?<![^\s(`])(?P<value>[^\s()`,;]{1,60}+)`?\s++(?:(?:is|was|would\s++be|were|ist|wäre|est|es)\s++)?(?:the\s++|what\s++(?:is|was|i)\s++)?"
    rf"(?:correct|expected|right(?!\s++now)|wanted|desired|intended|richtig|korrekt|erwartet|attendu|esperado)(?:\s++{NOUN})?(?!\w)(?!\s*+[:=])",
    re.IGNORECASE,
)
CHINESE = re.compile(
    r"应该?(?:返回|是|为|输出|得到)?|期望(?:值|结果|输出)?(?:是|为)?|должн[аоы]?\s++(?:быть|вернуть|возвращать)"
)
HEAD_ALONE = re.compile(  # of a Python function, with at most a docstring, behind its name
    r"\s*+\([^\n]{0,500}?:[^\S\n]*+(?:#[^\n]*+)?+(?=\n|\.\.\.|pass\b)\s*+"
    r"(?:[rR]?(?:\"\"\"(?:[^\"\\]|\\.|\"(?!\"\"))*+\"\"\"|'''(?:[^'\\]|\\.|'(?!''))*+'''))?+\s*+"
    r"(?:pass\b|\.\.\.|#[^\n]*+|raise\s++NotImplementedError[^\n]*+)?+\s*+(?:\Z|(?<=\n)(?![ \t]))",
    re.DOTALL,
)
DENIED = re.compile(r"(?:,\s*+(?:(?:and|but)\s++)?|\s(?:and|but)\s++)not\s++`?", re.IGNORECASE)
LAST_WORD = re.compile(r"([A-Za-z_]\w*+)[`*\s]*+$")
SUBJECTS = frozenset(
    {"it", "this", "that", "which", "but", "and", "so", "yet", "what", "we", "i", "call", "function"}
    | {"result", "results", "output", "answer", "value"}
    | {"the", "whereas", "while", "where", "aber", "mais", "pero", "ma"}
)
STOPS = re.compile(  # what speaks of another example
    r"(?<!\w)(?:examples?|tests?|cases?|inputs?|eingabe|given|when|for|if)(?!\w)[^\n]{0,30}?[:=\d\"'\[]|>>>|\n\s*+\n\s*+\n",
    re.IGNORECASE,
)
REPORTED = re.compile(
    r"\b(?:fix(?:es|ed|ing)?|bugs?|buggy|wrong(?:ly)?|broken|debug|incorrect(?:ly)?|actual(?:ly)?|reproduce|repair|correct\s++(?:it|this|the|answer|results?|value|output)|"
    r"(?:doesn't|does\s++not|not|isn't|is\s++not)\s++(?:work(?:ing)?|right|correct)|fails?|instead|currently|unexpected(?:ly)?|mistake|regression|why|how\s++come|warum|wieso|pourquoi|"
    r"fehler\w*+|falsch|behebe|korrigiere?|repariere?|statt|au\s++lieu|en\s++(?:lugar|vez)|invece|bogue|corrige[rz]?|répare[rz]?|arregla|corrige|error|incorrecto|sbagliat\w)\b",
    re.IGNORECASE,
)
SEEN = re.compile(
    r"\b(?:currently|at\s++(?:the\s++moment|present)|right\s++now|presently|as\s++of\s++now|i(?:'m|\s++am)?\s++(?:now\s++|only\s++|still\s++)?(?:get(?:ting)?|got|see(?:ing)?)|"
    r"(?:why|how\s++come|warum|wieso|pourquoi)(?=\s[^\n?]{0,200}\?)|we\s++(?:get|got|see)|it\s++(?:gave|printed|returned)|actually\s++(?:returns?|gives?|prints?|is)|actual(?!ly)|observed|"
    r"derzeit|momentan|aktuell|im\s++moment|tatsächlich|bekomme|erhalte|actuellement|actualmente|obtengo|j'obtiens|attualmente|ottengo)\b",
    re.IGNORECASE,
)
WRONG = re.compile(
    r"\b(?:wrong(?:ly)?|incorrect(?:ly)?|bugs?|buggy|mistaken(?:ly)?|erroneous(?:ly)?|broken|unexpected(?:ly)?|"
    r"(?:not|n't)\s++(?:what|right|correct|expected|as)|instead|fails?|nonsense|falsch|fehlerhaft|faux|incorrecto|mal|sbagliato)\b",
    re.IGNORECASE,
)
TELLS = re.compile(
    r"\b(?:returns|gives|prints|outputs|yields|produces|is|equals|liefert|ergibt|devuelve|renvoie|affiche|donne|da|restituisce)\b",
    re.IGNORECASE,
)
PAST = re.compile(r"\b(?:returned|gave|printed|yielded|produced|got|was)\b", re.IGNORECASE)
HOLDS = re.compile(
    r"\b(?:so\s++that|such\s++that|make\s++sure|ensure|examples?|tests?|spec\w*+|e\.g|for\s++instance|requirements?|pass(?:es)?|hold|want|need|expect\w*+|"
    r"should|must|desired|afterwards|correct\s++(?:behaviou?r|output|result)s?|beispiele?|damit|sodass|soll(?:te)?|ejemplos?|exemples?)\b",
    re.IGNORECASE,
)
OBSERVED_HEAD = re.compile(
    r"[\s#>*_-]*+(?:\d++[.)]\s*+)?[*_]*+(?:the\s++|my\s++)?(?:actual|observed|current|wrong|buggy|received|got|i\s++get|(?:steps\s++|how\s++)?to\s++reproduce|reproduction|"
    r"steps|what\s++(?:actually\s++)?(?:happens|happened|i\s++(?:get|see|got))|output\s++i\s++get|(?:your|my)\s++output|tatsächlich\w*+|ist(?:-?zustand|-?verhalten)?|"
    r"aktuell\w*+|obtenu|obtenido)\b[^:\n]{0,40}(?P<end>:|$)",
    re.IGNORECASE,
)
HEAD = re.compile(r"\s*+(?:#{1,6}\s|\*\*[^*\n]{1,60}\*\*\s*+:?\s*+$|[A-Z][\w ]{1,40}:)")
OUTPUT = re.compile(
    r"[\s>*_-]*+(?:my\s++|your\s++)?(?:output|result|stdout|returned)[*_]*+\s*+(?:[:=]|$)", re.IGNORECASE
)
INPUT = re.compile(r"[\s>*_-]*+(?:last\s++executed\s++)?(?:input|stdin)s?[*_]*+\s*+(?:[:=]|$)", re.IGNORECASE)
EXPECTED = re.compile(
    r"[\s>*_-]*+(?:expected|erwartet|wanted|correct)(?:\s++(?:output|result|value|answer))?[*_]*+\s*+(?:[:=]|$)",
    re.IGNORECASE,
)
EXPECTED_HEAD = re.compile(
    r"[\s#>*_-]*+(?:the\s++)?(?:expected|desired|wanted|correct|examples?|tests?|spec\w*+|acceptance\s++criteria|should|erwartet\w*+|soll\w*+|attendu|esperado)"
    r"\b[^:\n]{0,40}(?P<end>:|$)",
    re.IGNORECASE,
)
TITLES = ("#", "**")
STATEMENTS = (">>>", "assert", "|", "def ", "self.assert", "expect(")
SESSION = (">>> ", "> ", "In [")
SENTENCE = re.compile(r"(?<=[.!?;])\s++")


def required_examples(text: str, name: str) -> Iterator[Example]:
    """Calls of `name` and what is said of them that they should give, whatever they are said to give."""
    attention, report, before = Attention(), is_report(text, name), 0
    for start, after in pairwise([*scanner.calls(text, name), len(text)]):
        end = closing(text, start + len(name))
        if not attention.spend((end or start + LONGEST_LITERAL) - start + FARTHEST):
            return
        call = expression(text[start:end], name) if end else None
        if not end or not call:
            continue
        value = value_required(text[end : min(max(after, end), end + FARTHEST)], report)
        if value is None and report:
            value = value_announced(text[max(before, start - NEAR) : start], name)
        before = end
        if value is not None:
            yield Example(ast.unparse(call), value)


def value_required(behind: str, report: bool) -> str | None:
    """What must be, in the words behind a call. Where nothing is reported, all must stand in one line."""
    if not report:
        behind = behind.split("\n", 1)[0]
    stop = STOPS.search(behind)
    behind = behind[: stop.start()] if stop else behind
    if asked := CALL_TO.match(behind):
        return leading_literal(behind[asked.end() :])
    if not report:
        return first_value(behind, (one for one in found_by(behind, MUST, CHINESE) if is_told_of_call(behind, one)))
    value = first_value(behind, found_by(behind, MUST, CHINESE, DENIED, INSTEAD))
    return value or next((value for one in CORRECT.finditer(behind) if (value := leading_literal(one["value"]))), None)


def is_told_of_call(behind: str, mark: re.Match[str]) -> bool:
    """Not so in "f(3) returns 9, and n must be 5"."""
    subject = LAST_WORD.search(behind[: mark.start()])
    return not subject or subject[1].lower() in SUBJECTS


def value_announced(words: str, name: str) -> str | None:
    """What must be, in the words before a call: "instead of 4, f(2) returns 5". Only of its own sentence."""
    sentence = SENTENCE.split(words.rsplit("\n", 1)[-1])[-1]
    return None if f"{name}(" in sentence else first_value(sentence, found_by(sentence, INSTEAD, MUST))


def found_by(words: str, *marks: re.Pattern[str]) -> Iterator[re.Match[str]]:
    return chain.from_iterable(mark.finditer(words) for mark in marks)


def first_value(words: str, marks: Iterable[re.Match[str]]) -> str | None:
    """The first literal that stands behind one of the marks."""
    values = (leading_literal(words[mark.end() :].lstrip("\n `")) for mark in marks)
    return next((value for value in values if value is not None), None)


def is_report(text: str, name: str) -> bool:
    """Whether the prompt shows code of its own, not only its head, and complains of something."""
    defined = re.search(rf"\b(?:def|function|class|const|let|var)\s++{re.escape(name)}\b", text)
    return bool(defined and REPORTED.search(edges(text)) and not HEAD_ALONE.match(text, defined.end()))


def edges(text: str) -> str:
    """The beginning and the end of a text, where it says what is wished for."""
    return text if len(text) <= 2 * EDGE else f"{text[:EDGE]}\n{text[-EDGE:]}"


def without_observed(text: str, name: str) -> str:
    """The prompt without sentences, sections and sessions that only tell what a program does today."""
    report, seen, lines = is_report(text, name), bool(SEEN.search(edges(text))), text.split("\n")
    hidden, spared = unmet_outputs(lines), set[int]()
    if report or seen:
        hidden |= beneath(lines, OBSERVED_HEAD)
    if report:
        spared = beneath(lines, EXPECTED_HEAD) - hidden
        hidden |= observed_sessions(lines, name) - spared
    if not (report or seen or hidden):
        return text
    return "\n".join(
        "" if at in hidden else line if at in spared else rest_of_line(line, name, report)
        for at, line in enumerate(lines)
    )


def rest_of_line(line: str, name: str, report: bool) -> str:
    """A line without the sentences that tell what was observed."""
    if len(line) > LONGEST_LITERAL or line.lstrip().startswith(STATEMENTS) or not (report or SEEN.search(line)):
        return line
    return " ".join(one for one in SENTENCE.split(line) if not is_observation(one, name, report))


def is_observation(sentence: str, name: str, report: bool) -> bool:
    if MUST.search(sentence) or HOLDS.search(sentence):
        return False
    if SEEN.search(sentence) or (report and WRONG.search(sentence)):
        return True
    return report and f"{name}(" in sentence and bool(PAST.search(sentence) or TELLS.search(sentence))


def beneath(lines: Sequence[str], title: re.Pattern[str]) -> set[int]:
    """Lines of sections with such a title, to the next one, or to an empty line where it is no heading of Markdown."""
    inside, begun, marked = False, False, False
    found = set[int]()
    for at, line in enumerate(lines):
        start = line[:LONGEST_TITLE]
        head, heading = title.match(start), start.lstrip().startswith(TITLES)
        if head and (head["end"] or heading):
            inside, begun, marked = True, bool(line[head.end() :].strip(" *_")), start.lstrip().startswith("#")
        elif heading if marked else HEAD.match(start) or (begun and not line.strip()):
            inside = False
        else:
            begun = begun or bool(line.strip())
        if inside:
            found.add(at)
    return found


def unmet_outputs(lines: Sequence[str]) -> set[int]:
    """Lines of an output that stands beside another one that is expected."""
    hidden = set[int]()
    if not any(EXPECTED.match(line[:LONGEST_TITLE]) for line in lines):
        return hidden
    marks = [(at, what) for at, line in enumerate(lines) if (what := label_of(line[:LONGEST_TITLE]))]
    for place, (at, what) in enumerate(marks):
        beside = {marks[one][1] for one in (place - 1, place + 1) if 0 <= one < len(marks)}
        if what == "output" and "expected" in beside:
            end = marks[place + 1][0] if place + 1 < len(marks) else at + 2
            hidden |= set(range(at, end))
    return hidden


def label_of(line: str) -> str | None:
    labels = (("output", OUTPUT), ("expected", EXPECTED), ("input", INPUT))
    return next((what for what, label in labels if label.match(line)), None)


def observed_sessions(lines: Sequence[str], name: str) -> set[int]:
    """Inputs of a session with the code that is complained of, unless the words before it say that they hold."""
    hidden, told, inside = set[int](), "", False
    for at, line in enumerate(lines):
        inside = line.startswith(SESSION) or (inside and bool(line.strip()))
        if not inside and line.strip() and not line.startswith("```"):
            told = line
        if inside and line.startswith(SESSION) and f"{name}(" in line and not HOLDS.search(told):
            hidden.add(at)
    return hidden

"""Sentences in, what kind of code they order and by which name out. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from local_swarm.voting.asking.sentences import Sentence, Word, words_of

MAKES = words_of(
    "write implement create define build make provide give produce generate develop design code program show need want"
    " construct return output compose add complete finish schreibe schreib erstelle implementiere écris écrivez crée"
    " escribe escriba crea implementa scrivi draft craft prepare offer supply type solve"
)
MENDS = words_of(
    "fix correct repair debug refactor improve optimize optimise rewrite change modify update rename edit convert port"
    " extend simplify translate clean speed shorten adapt patch vectorize document annotate complete finish implement"
)
# A sentence with one of these tells what is to be mended.
MENDED = MENDS | words_of("write wrong bug bugs broken corrected fixed improved fails crashes should incorrect error")
# After these a sentence no longer names what is wished for, but tells of it.
ENDS_OF_WISH = words_of(
    "that which who whose to for with without using instead like as by from via than about given where when if so because"
    " returning taking computing calculating printing similar based but uses calls using accepting returns takes prints"
    " der die das welche qui que"
)
# What follows these is not asked for, only spoken of.
SPOKEN_OF = words_of(
    "without instead like using use uses used calls calling call with via than similar not avoid avoiding unlike have has"
    " import imports given existing helper builtin built-in library from no never rather version through wraps"
)
HOW = words_of("how why when where who whom what's ist warum wie comment pourquoi cómo perché")
STARTS_NO_WISH = words_of(
    "the this these that my our your here there it we i if is are was does do did in on each every"
)

FUNCTIONS = words_of(
    "function functions method generator decorator coroutine procedure subroutine routine predicate lambda closure func fn"
    " funktion fonction función funzione função"
)
PROSE_NOUNS = words_of(
    "poem haiku story essay email mail letter sentence sentences paragraph summary description article joke limerick song"
    " speech slogan tweet review explanation report plan tutorial guide introduction biography dialogue dialog recipe text"
    " sonnet headline outline blog post message comparison analysis overview note lyrics fable riddle proof advice"
    " gedicht geschichte brief aufsatz poème histoire lettre poema historia carta"
)
NOUNS: dict[str, str] = {
    **dict.fromkeys(FUNCTIONS, "function"),
    **dict.fromkeys(words_of("class classes dataclass enum struct klasse classe clase"), "class"),
    **dict.fromkeys(words_of("program script programm programme programa skript"), "code"),
    **dict.fromkeys(
        words_of(
            "code snippet implementation one-liner oneliner component module algorithm parser test tests app api endpoint"
            " dockerfile makefile server config configuration workflow macro formula"
        ),
        "code",
    ),
    **dict.fromkeys(words_of("regex regexp regexes"), "regex"),
    **dict.fromkeys(words_of("query abfrage requête consulta"), "sql"),
    **dict.fromkeys(words_of("command commands befehl commande comando"), "shell"),
    **dict.fromkeys(words_of("json"), "json"),
    **dict.fromkeys(PROSE_NOUNS, "prose"),
}
SHELLS = words_of("shell bash zsh terminal sh")
ASKS_WHICH, ASKS_BEING = ("which", "what", "what's"), (("is",), ("are",))
WISHES = words_of("you need want like is have us me job task")  # before "to write"
ASKS_TO = (("can",), ("could",), ("would",), ("will",), ("please",), ("may",))  # questions that are orders
LONGEST_WISH = 14  # words from the verb to what is wished for
NAMERS = words_of("called named name")
STANDARD_INPUT = (
    "standard input",
    "stdin",
    "from the input",
    "from input",
    "sys.stdin",
    "from the console",
    "reads input",
)


@dataclass(frozen=True, slots=True)
class CodeWish:
    """`kind`: as `Asked` calls it. `name`: what it must be called, "" where that is not said. `sure`: an order, and no
    mere phrase."""

    kind: str
    name: str = ""
    sure: bool = True


def code_wish(said: Sequence[Sentence]) -> CodeWish | None:
    """The first order for something to be written, code or words."""
    for place, sentence in enumerate(said):
        asks = sentence.asks and sentence.low[:1] not in ASKS_TO
        for start in starts_of_wish(sentence.low, place == 0, asks):
            if wish := wish_at(sentence, start):
                return wish
    return None


def starts_of_wish(low: Sequence[str], first: bool, asks: bool) -> Iterator[int]:
    """Places after a verb of making; of the first sentence its beginning too: "A regex for dates?"."""
    if not low or low[0] in HOW:
        return
    if low[0] in ASKS_WHICH:
        yield 3 if low[1:2] in ASKS_BEING else 1
        return
    orders = (
        at + 1
        for at, word in enumerate(low)
        if word in MAKES and (at < 2 or low[at - 1] != "to" or low[at - 2] in WISHES)
    )
    found = None if asks else next(orders, None)
    if found is not None:
        yield found
    elif first and low[0] not in STARTS_NO_WISH:
        yield 0


def wish_at(sentence: Sentence, start: int) -> CodeWish | None:
    words = list(words_of_wish(sentence.words, start))
    kinds = [NOUNS[word.low] for word in words if word.low in NOUNS and not word.quoted]
    low = [word.low for word in words]
    if pair_in(low, "regular", "expression") or pair_in(low, "regular", "expressions"):
        kinds.append("regex")
    name = name_in(words)
    if not kinds:
        return CodeWish("function", name) if name and start else None
    kind = kinds[-1]
    if kind == "code" and SHELLS & set(low):
        kind = "shell"
    asks = sentence.low[0] in ASKS_WHICH
    if asks and (
        kind not in ("regex", "sql", "shell") or (start == 3 and len(words) + start >= len(sentence.words) - 1)
    ):
        return None  # "What is a regular expression?"
    return CodeWish(kind, name if kind in ("function", "class", "code") else "", start > 0 and not asks)


def words_of_wish(words: Sequence[Word], start: int) -> Iterator[Word]:
    """The words that name what is wished for: up to where the sentence begins to tell of it."""
    for word in words[start : start + LONGEST_WISH]:
        if word.low in ENDS_OF_WISH or word.low in (".", ";", ":", "(", ","):
            return
        yield word
        if word.called and not word.quoted:  # what follows are its arguments
            return


def pair_in(low: Sequence[str], one: str, other: str) -> bool:
    return (one, other) in pairwise(low)


def name_in(words: Sequence[Word]) -> str:
    """Of a wish: "add_one(x)", "called merge", "a function `f`", "class Counter"."""
    for at, word in enumerate(words):
        before = words[at - 1].low if at else ""
        if not word.name or word.low in NOUNS:
            continue
        if before in SPOKEN_OF:
            return ""
        looks = word.called or word.quoted or "_" in word.name.strip("_") or word.name[1:] != word.name[1:].lower()
        if before in NAMERS or (word.called and not is_word(word)) or (before in NOUNS and looks):
            return word.name
        if before in ("class", "dataclass", "enum", "struct") and word.name[0].isupper():
            return word.name
        if len(word.name) == 1 and before in FUNCTIONS:
            return word.name
    return ""


def is_word(word: Word) -> bool:
    return word.low in ENDS_OF_WISH or word.low in MAKES


def own_names(said: Sequence[Sentence], defined: Collection[str]) -> Sequence[str]:
    """Of what the prompt's own code defines, what its words want mended, the likeliest first."""
    best: dict[str, int] = {}
    for sentence in said:
        wish = bool(MENDED & {*sentence.low})
        for at, word in enumerate(sentence.words):
            before = sentence.low[at - 1] if at else ""
            if word.name in defined and before not in SPOKEN_OF:
                best[word.name] = max(best.get(word.name, 0), 2 if wish else 1)
    return sorted(best, key=lambda name: -best[name])


def proposed_names(said: Sequence[Sentence]) -> Iterator[str]:
    """Names with brackets behind them, where no word before says that they are merely used."""
    for sentence in said:
        held_off = False
        for word in sentence.words:
            held_off = word.low in SPOKEN_OF or (held_off and not (word.name and not word.called))
            if word.called and word.name and not held_off and not is_word(word):
                yield word.name


def reads_standard_input(prose: str) -> bool:
    low = prose.lower()
    return any(phrase in low for phrase in STANDARD_INPUT)

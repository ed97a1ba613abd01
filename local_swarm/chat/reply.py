"""A model's raw reply in, piece by piece, words, thoughts and calls out as soon as each is sure. Pure.

Words and thoughts go on at once, but for what might be the beginning of a mark. A call is told when it is whole and could be
read: half a call would have to be taken back, and some clients run a call as soon as its arguments look complete.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from local_swarm.chat.block import Block, CallBody, LastLine
from local_swarm.chat.families import STRAYS, Family, State, family_named, harmony_state
from local_swarm.chat.marks import STRETCH, any_of, first_mark, held_back
from local_swarm.chat.notations import NAME, NOISE, WrittenCall, leading_calls, read_json
from local_swarm.chat.tools import Toolbox
from local_swarm.chat.unmarked import EXAMPLE, LONGEST_BEGINNING, Unmarked
from local_swarm.types import JSON


@dataclass(frozen=True, slots=True)
class Piece:
    """Something that may be shown."""

    text: str
    thought: bool = False


@dataclass(slots=True)
class Flow:
    """Text of one kind. Where it `holds` them, blanks at its end wait: before a call and after thoughts they mean
    nothing."""

    trims: bool
    holds: bool = True
    said: list[str] = field(default_factory=list)
    blanks: list[str] = field(default_factory=list)
    size: int = 0  # characters said

    def add(self, text: str) -> str:
        shown = text.rstrip()
        if not self.holds and (self.said or shown):
            shown = text
        begins = self.trims and not self.said
        if not shown:
            self.blanks.append(text)
            if begins:
                self.blanks.clear()
            return ""
        blanks, self.blanks = "".join(self.blanks), [text[len(shown) :]]
        return self._say((blanks + shown).lstrip() if begins else blanks + shown)

    def close(self) -> str:
        """The blanks at the end, where they belong to the text."""
        shown, self.blanks = "".join(self.blanks), []
        return self._say(shown) if shown else ""

    def _say(self, text: str) -> str:
        self.said.append(text)
        self.size += len(text)
        return text

    @property
    def text(self) -> str:
        return "".join(self.said)


LONGEST_MARK = 64  # characters
MOST_UNMARKED = 64  # calls, after which what has no marks is words: a model repeats itself
NONBLANK = re.compile(r"\S")
AFTER_CALL = re.compile(r"[^\s;,\]})]")


SENTENCE_ENDS = (":", ".", "!", ">")  # after which a call may follow in the same line


class ReplyParser:
    """Feed it with `push`, end it with `close`; then `words`, `thoughts`, `calls` and `broken`, the calls that nobody could read.

    Without tools nothing is a call. `thinking`: the prompt has opened the thoughts already. `called_at`: how many characters of
    words came before each call. `cut_call`: the limit of tokens ended the reply within a call, which is dropped. `marked_only`:
    what has no marks is no call, because the answer shall be JSON or show some.
    """

    def __init__(
        self, family: Family, tools: Toolbox | None = None, thinking: bool = False, marked_only: bool = False
    ) -> None:
        self.family, self.tools = family, tools or Toolbox(())
        self._unmarked = Unmarked(self.tools) if self.tools and not family.strict and not marked_only else None
        self.calls: list[WrittenCall] = []
        self.called_at: list[int] = []
        self.broken: list[str] = []
        self.cut_call = False
        self._words, self._thoughts = Flow(trims=thinking, holds=bool(self.tools)), Flow(trims=True)
        self._state: State = family.first_state or ("thought" if thinking else self._opening())
        self._held, self._at, self._blank = "", 0, list[str]()  # what is held from that place on, and blanks after it
        self._body, self._block, self._line = CallBody(), Block(" ", held=False), LastLine()
        self._called = False  # just now, without marks
        self._among_thoughts = True
        self._known: dict[object, tuple[dict[str, State], re.Pattern[str], re.Pattern[str]]] = {}

    @property
    def words(self) -> str:
        return self._words.text

    @property
    def thoughts(self) -> str:
        return self._thoughts.text

    def push(self, text: str) -> list[Piece]:
        if len(text) <= STRETCH:
            return self._push(text)
        stretches = (text[at : at + STRETCH] for at in range(0, len(text), STRETCH))
        return [piece for stretch in stretches for piece in self._push(stretch)]

    def _push(self, text: str) -> list[Piece]:
        if self._state == "opening" and not NONBLANK.search(text):  # the same would be found again and again
            self._blank.append(text)
            return []
        if self._held or self._blank:
            text = "".join((self._held, *self._blank, text))
            self._blank.clear()
        self._held = text
        pieces: list[Piece] = []
        while self._step(pieces):
            pass
        self._held, self._at = self._held[self._at :], 0
        return join_pieces(pieces)

    def close(self, cut: bool = False) -> list[Piece]:
        """The reply is over: what was held back has its meaning now. `cut`: the limit of tokens ended it. A call that has
        not come to its end then is none, even where it could be read: its last value may lack half."""
        pieces: list[Piece] = []
        self._held, self._blank = "".join((self._held, *self._blank)), []
        rest, self._held = self._before(len(self._held)), ""
        self._take(rest, pieces)
        if cut and self._within_call():
            self.cut_call = True
        elif self._state == "call":
            self._end_call(pieces)
        elif self._state == "block":
            self._end_block(pieces)
        elif self._state == "head" and not (self.words or self.thoughts or self.calls):
            self._say(self._body.text, pieces)
        if self._state == "thought" and not self.words and self._among_thoughts:
            self._call_among_thoughts(cut)
        if not self.calls and not self.broken and (blanks := self._words.close()):
            pieces.append(Piece(blanks))
        return join_pieces(pieces)

    def _within_call(self) -> bool:
        """Whether a call has begun and not ended. JSON without a mark is one where it names a tool."""
        if self._state != "block" or not self._block.held:
            return self._state == "call"
        named = NAME.search(self._block.text)
        return self._block.kind in ("python", "tags") or bool(named and self.tools.knows(named[1]))

    # -- one step

    def _opening(self) -> State:
        return "opening" if self._unmarked else "words"

    def _marks_now(self) -> tuple[dict[str, State], re.Pattern[str], re.Pattern[str]]:
        """The present marks, the search for any of them, and for what they begin with: most text has nothing of it."""
        key = self._block.marks if self._state == "block" else self._state
        if key not in self._known:
            marks = self._marks()
            self._known[key] = marks, any_of(tuple(marks)), any_of(tuple({mark[0] for mark in marks}))
        return self._known[key]

    def _marks(self) -> dict[str, State]:
        """What ends the present state. Without tools only thoughts are told from words."""
        marks = dict(self.family.marks.get("words" if self._state == "block" else self._state, {}))
        if self._state == "block":
            return {**marks, **dict.fromkeys(self._block.marks, "words")}
        if self._state == "words" and self._unmarked:
            return {"\n": "opening", "{": "opening", **STRAYS, **marks}
        if self._state == "words" and not self.tools:
            marks = {mark: state for mark, state in marks.items() if state != "call" and not mark.startswith("</")}
        return marks

    def _step(self, pieces: list[Piece]) -> bool:
        """Take in what is held up to the next mark; False when more text is needed."""
        if self._state == "opening":
            return self._open(pieces)
        marks, search, firsts = self._marks_now()
        if not firsts.search(self._held, self._at):
            sure, self._at = self._held[self._at :], len(self._held)
            self._take(sure, pieces)
            return False
        found = search.search(self._held, self._at)
        if not found:
            end = len(self._held) - held_back(self._held[max(self._at, len(self._held) - LONGEST_MARK) :], list(marks))
            sure, self._at = self._held[self._at : end], end
            self._take(sure, pieces)
            return False
        self._take(self._held[self._at : found.start()], pieces)
        self._at = found.end()
        self._pass(found[0], marks[found[0]], pieces)
        return True

    def _open(self, pieces: list[Piece]) -> bool:
        """At the beginning of a line: small models write calls without any mark."""
        found = (AFTER_CALL if self._called else NONBLANK).search(self._held, self._at)
        if not found:
            return False
        start = self._held[found.start() : found.start() + LONGEST_BEGINNING]
        over = len(self.calls) >= MOST_UNMARKED or start.startswith(tuple(self.family.marks["words"]))
        begins = self._unmarked.may_begin(start) if self._unmarked and not over else False
        if begins is None:
            return False
        self._take(self._before(found.start()), pieces)
        self._at, self._state, self._called = found.start(), "words", False
        if begins or start.startswith(("{", "```")):
            self._begin_block(start, bool(begins) and not EXAMPLE.search(self._line.lead), pieces)
        return True

    def _before(self, end: int) -> str:
        """What is held before a line's text; after a call without what parts calls from each other."""
        text = self._held[self._at : end]
        return "".join(filter(str.isspace, text)) if self._called else text

    def _begin_block(self, start: str, held: bool, pieces: list[Piece]) -> None:
        if not held and not start.startswith(("{", "[", "```")):
            return
        self._block, self._state = Block(start, held), "block"
        size = 3 if self._block.kind == "fence" else 1
        self._at += size
        self._take(start[:size], pieces)

    def _take(self, text: str, pieces: list[Piece]) -> None:
        """Text of the present state."""
        if self._state in ("call", "head"):
            self._body.add(text)
        elif self._state == "block":
            self._block.add(text)
            if not self._block.held:
                self._say(text, pieces)
        else:
            self._say(text, pieces, self._state == "thought")

    def _say(self, text: str, pieces: list[Piece], thought: bool = False) -> None:
        if not thought:
            self._line.add(text)
        if shown := (self._thoughts if thought else self._words).add(text):
            pieces.append(Piece(shown, thought))

    def _pass(self, mark: str, following: State, pieces: list[Piece]) -> None:
        """A mark was found: the present state ends, the next begins."""
        if self._state == "block":
            return self._pass_in_block(mark, pieces)
        if self._state == "words" and self._is_text(mark, following):
            return self._say_mark(mark, pieces)
        if self._state == "call" and self._goes_on(mark):
            self._body.add(mark)
            return None
        head = self._body.text if self._state == "head" else ""
        if self._state == "call":
            self._end_call(pieces)
        if self._state == "thought":
            self._words.trims = not self._words.said
        self._body = CallBody()
        if head:
            following = harmony_state(head)
            following = "words" if following == "call" and not self.tools else following
            self._body.add(head + mark if following == "call" else "")
        elif mark.startswith("<function") or following == "head":
            self._body.add(mark if following == "call" else mark * (mark == "<|channel|>"))
        self._state = self._opening() if following == "opening" else following
        return None

    def _is_text(self, mark: str, following: State) -> bool:
        """Whether a mark among words is a part of them: a bracket, the end of a line, a mark that is only spoken of."""
        if following == "opening" and mark in ("\n", "{"):
            return True
        quoted = self._line.now.endswith("`")
        return (quoted and following == "call") or (mark in STRAYS and not self.calls)

    def _say_mark(self, mark: str, pieces: list[Piece]) -> None:
        if mark == "{" and self._line.now.rstrip().endswith(SENTENCE_ENDS):
            self._at -= 1
            self._state = "opening"
            return
        self._say(mark, pieces)
        if mark == "\n":
            self._state = "opening"

    def _pass_in_block(self, mark: str, pieces: list[Piece]) -> None:
        block = self._block
        if mark in block.marks:
            self._take(mark, pieces)
            if block.ends(mark):
                self._end_block(pieces)
        elif block.held and (block.nesting.open or block.kind in ("fence", "tags")):
            self._take(mark, pieces)
        else:
            self._end_block(pieces)
            self._at -= len(mark)

    def _end_block(self, pieces: list[Piece]) -> None:
        """A text that could be a call is whole, or what is shown is."""
        block, self._state = self._block, "words"
        if not block.held or not self._unmarked:
            return
        if calls := self._unmarked.read(block.text):
            self._add_calls(calls)
            self._state, self._called = "opening", True
        else:
            self._say(block.text, pieces)

    def _goes_on(self, mark: str) -> bool:
        """Whether a mark is part of a call's own text: a file that is written may well contain it."""
        return self.family.read is read_json and self._body.nesting.open

    def _end_call(self, pieces: list[Piece]) -> None:
        """A call between marks is whole."""
        body, self._body = self._body.text, CallBody()
        calls = self.family.read(body, self.tools.types) or read_json(body, self.tools.types)
        if not calls and self._unmarked:
            calls = self._unmarked.read(body)
        end = len(body)
        if not calls:
            calls, end = leading_calls(body)
        if calls:
            self._add_calls(calls)
            self._say_rest(body[end:], pieces)
        elif body.strip():
            self.broken.append(body.strip())

    def _say_rest(self, text: str, pieces: list[Piece]) -> None:
        """What stands between a call and the mark that ends it, where that came late."""
        noise = NOISE.match(text)
        if noise and noise.end() < len(text):
            self._state = "words"
            self._say("\n" + text[noise.end() :], pieces)

    def _add_calls(self, calls: list[WrittenCall]) -> None:
        self.calls += calls
        self.called_at += [self._words.size] * len(calls)

    def _call_among_thoughts(self, cut: bool) -> None:
        """Some models call without having closed their thoughts."""
        marks = [mark for mark, state in self.family.marks.get("words", {}).items() if state == "call"]
        found = first_mark(self.thoughts, marks) if self.tools else None
        if found:
            inner = ReplyParser(self.family, self.tools, marked_only=True)
            inner._among_thoughts = False
            inner.push(self.thoughts[found[0] :])
            inner.close(cut)
            self._add_calls(inner.calls)
            self.cut_call = inner.cut_call


@dataclass(frozen=True, slots=True)
class Parting:
    """What a parser is made of, in values that another process can be told. `family`: its name; the rest is a parser's own."""

    family: str
    thinking: bool = False
    marked_only: bool = False
    tools: Sequence[JSON] = ()

    def parser(self) -> ReplyParser:
        """Raises KeyError for a family that is none."""
        return ReplyParser(family_named(self.family), Toolbox(self.tools), self.thinking, self.marked_only)


def join_pieces(pieces: list[Piece]) -> list[Piece]:
    """Pieces of one kind in a row as one."""
    runs = groupby(pieces, key=lambda piece: piece.thought)
    return [Piece("".join(piece.text for piece in run), thought) for thought, run in runs]

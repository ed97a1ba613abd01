"""A model's raw reply in, piece by piece, words, thoughts and calls out as soon as each is sure. Pure.

Words and thoughts go on at once, but for what might be the beginning of a mark. A call is told when it is whole and could be
read: half a call would have to be taken back, and some clients run a call as soon as its arguments look complete.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from local_swarm.chat.families import FENCES, Family, State, harmony_state
from local_swarm.chat.marks import STRETCH, any_of, first_mark, held_back
from local_swarm.chat.notations import NAME, Nesting, WrittenCall, read_json
from local_swarm.chat.tools import Toolbox


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
NONBLANK = re.compile(r"\S")


@dataclass(slots=True)
class CallBody:
    """What a call, or what may be one, consists of so far. It comes in many small pieces."""

    parts: list[str] = field(default_factory=list)
    quotes: Nesting = field(default_factory=Nesting)

    def add(self, text: str) -> None:
        self.parts.append(text)
        self.quotes.feed(text)

    @property
    def text(self) -> str:
        return "".join(self.parts)


class ReplyParser:
    """Feed it with `push`, end it with `close`; then `words`, `thoughts`, `calls` and `broken`, the calls that nobody could read.

    Without tools nothing is a call. `thinking`: the prompt has opened the thoughts already. `called_at`: how many characters of
    words came before each call. `cut_call`: the limit of tokens ended the reply within a call, which is dropped.
    """

    def __init__(self, family: Family, tools: Toolbox | None = None, thinking: bool = False) -> None:
        self.family, self.tools = family, tools or Toolbox(())
        self.calls: list[WrittenCall] = []
        self.called_at: list[int] = []
        self.broken: list[str] = []
        self.cut_call = False
        self._words, self._thoughts = Flow(trims=thinking, holds=bool(self.tools)), Flow(trims=True)
        self._state: State = family.first_state or ("thought" if thinking else self._opening())
        self._held, self._at, self._blank = "", 0, list[str]()  # what is held from that place on, and blanks after it
        self._body, self._opened = CallBody(), ""
        self._among_thoughts = True
        self._known: dict[State, tuple[dict[str, State], re.Pattern[str], re.Pattern[str]]] = {}

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
        return pieces

    def close(self, cut: bool = False) -> list[Piece]:
        """The reply is over: what was held back has its meaning now. `cut`: the limit of tokens ended it. A call that has
        not come to its end then is none, even where it could be read: its last value may lack half."""
        pieces: list[Piece] = []
        rest, self._held, self._blank = "".join((self._held, *self._blank)), "", []
        self._take(rest, pieces)
        if cut and self._within_call():
            self.cut_call = True
        elif self._state in ("call", "fence", "bare"):
            self._end_body("", pieces)
        elif self._state == "head" and not (self.words or self.thoughts or self.calls):
            self._say(self._body.text, pieces)
        if self._state == "thought" and not self.words and self._among_thoughts:
            self._call_among_thoughts(cut)
        if not self.calls and not self.broken and (blanks := self._words.close()):
            pieces.append(Piece(blanks))
        return pieces

    def _within_call(self) -> bool:
        """Whether a call has begun and not ended. JSON without a mark is one where it names a tool."""
        if self._state not in ("fence", "bare"):
            return self._state == "call"
        named = NAME.search(self._body.text)
        return bool(named and self.tools.knows(named[1]))

    # -- one step

    def _opening(self) -> State:
        return "opening" if self.tools and not self.family.strict else "words"

    def _marks_now(self) -> tuple[dict[str, State], re.Pattern[str], re.Pattern[str]]:
        """The present marks, the search for any of them, and for what they begin with: most text has nothing of it."""
        if self._state not in self._known:
            marks = self._marks()
            self._known[self._state] = marks, any_of(tuple(marks)), any_of(tuple({mark[0] for mark in marks}))
        return self._known[self._state]

    def _marks(self) -> dict[str, State]:
        """What ends the present state. Without tools only thoughts are told from words."""
        marks = dict(self.family.marks.get(self._state, {}))
        if self._state == "fence":
            return {"\n```": "words"}
        if self._state == "words" and self.tools and not self.family.strict:
            marks = {**FENCES, **marks}
        if self._state == "words" and not self.tools:
            marks = {mark: state for mark, state in marks.items() if state != "call" and not mark.startswith("</")}
        return marks

    def _step(self, pieces: list[Piece]) -> bool:
        """Take in what is held up to the next mark; False when more text is needed."""
        if self._state == "opening":
            return self._open()
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

    def _open(self) -> bool:
        """At the beginning of an answer: small models write calls as bare JSON, without any mark."""
        found = NONBLANK.search(self._held, self._at)
        if not found:
            return False
        self._state = "bare" if found[0] == "{" else "words"
        self._opened = ""
        return True

    def _take(self, text: str, pieces: list[Piece]) -> None:
        """Text of the present state."""
        if self._state in ("call", "fence", "bare", "head"):
            self._body.add(text)
        else:
            self._say(text, pieces, self._state == "thought")

    def _say(self, text: str, pieces: list[Piece], thought: bool = False) -> None:
        if shown := (self._thoughts if thought else self._words).add(text):
            pieces.append(Piece(shown, thought))

    def _pass(self, mark: str, following: State, pieces: list[Piece]) -> None:
        """A mark was found: the present state ends, the next begins."""
        if self._state == "call" and self._goes_on(mark):
            self._body.add(mark)
            return
        head = self._body.text if self._state == "head" else ""
        if self._state in ("call", "fence"):
            self._end_body(mark, pieces)
        if self._state == "thought":
            self._words.trims = not self._words.said
        self._body = CallBody()
        if head:
            following = harmony_state(head)
            following = "words" if following == "call" and not self.tools else following
            self._body.add(head + mark if following == "call" else "")
        elif mark.startswith("<function") or following == "head":
            self._body.add(mark if following == "call" else mark * (mark == "<|channel|>"))
        self._opened = mark
        self._state = self._opening() if following == "opening" else following

    def _goes_on(self, mark: str) -> bool:
        """Whether a mark is part of a call's own text: a file that is written may well contain it."""
        return self.family.read is read_json and self._body.quotes.open

    def _end_body(self, mark: str, pieces: list[Piece]) -> None:
        """A call is whole, or what looked like one is."""
        body, self._body = self._body.text, CallBody()
        if self._state == "call":
            calls = self.family.read(body, self.tools.types) or read_json(body, self.tools.types)
            if calls:
                self._add_calls(calls)
            elif body.strip():
                self.broken.append(body.strip())
            return
        calls = read_json(body, self.tools.types)
        if calls and all(self.tools.knows(call.name) for call in calls):
            self._add_calls(calls)
        else:
            self._say((self._opened if self._state == "fence" else "") + body + mark, pieces)

    def _add_calls(self, calls: list[WrittenCall]) -> None:
        self.calls += calls
        self.called_at += [self._words.size] * len(calls)

    def _call_among_thoughts(self, cut: bool) -> None:
        """Some models call without having closed their thoughts."""
        marks = [mark for mark, state in self.family.marks.get("words", {}).items() if state == "call"]
        found = first_mark(self.thoughts, marks) if self.tools else None
        if found:
            inner = ReplyParser(self.family, self.tools)
            inner._among_thoughts = False
            inner.push(self.thoughts[found[0] :])
            inner.close(cut)
            self._add_calls(inner.calls)
            self.cut_call = inner.cut_call

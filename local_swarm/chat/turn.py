"""A prompt in, the text for one model out, and the way back: what the model writes in, words, thoughts and calls out.

Only the model's own template is run, elsewhere and under limits; all else is pure. Every engine that reads text uses this, so all
call tools, think and obey schemas in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from local_swarm.chat.forced import Force, force
from local_swarm.chat.reply import Parting, Piece, ReplyParser
from local_swarm.chat.stops import StopFilter, StoppedReply
from local_swarm.chat.template import ChatTemplate
from local_swarm.chat.tools import Toolbox, settle_calls
from local_swarm.chat.unmarked import shows_json
from local_swarm.confined.process import Confined
from local_swarm.types import JSON, Candidate, Prompt, ToolCall

CUT_CALL = "the limit of tokens cut its call"


@dataclass(frozen=True, slots=True)
class Settled:
    """What a whole reply says. `flaw`: why nothing can be done with it; `last`: pieces that were still held back;
    `stopped`: a stop string ended it."""

    words: str
    thoughts: str = ""
    calls: tuple[ToolCall, ...] = ()
    flaw: str | None = None
    last: tuple[Piece, ...] = ()
    stopped: bool = False


class Plain:
    """Reads a reply whose text is the answer as it stands."""

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self._text: list[str] = []
        self._filter = StopFilter(stops)

    @property
    def stopped(self) -> bool:
        return self._filter.stopped

    def push(self, text: str) -> list[Piece]:
        return self._show(self._filter.push(text))

    def close(self, cut: bool = False) -> Settled:
        last = self._show(self._filter.close())
        return Settled("".join(self._text), last=tuple(last), stopped=self.stopped)

    def _show(self, text: str) -> list[Piece]:
        self._text.append(text)
        return [Piece(text)] if text else []


@dataclass(slots=True)
class Obedient:
    """Reads a reply that was forced to be a call. It has no words, so nothing stops it."""

    force: Force
    tools: Toolbox
    text: list[str] = field(default_factory=list)
    stopped: bool = False

    def push(self, text: str) -> list[Piece]:
        self.text.append(text)
        return []

    def close(self, cut: bool = False) -> Settled:
        reply = "".join(self.text)
        written = self.force.read(reply, self.tools)
        calls, flaw = settle_calls(written or [], [] if written else [reply], self.tools)
        return Settled("", flaw=CUT_CALL) if cut and flaw else Settled("", "", calls, flaw)


@dataclass(slots=True)
class UnforcedReader:
    """Reads a reply in which the model may think, speak and call as it likes."""

    reply: StoppedReply
    one_call: bool

    @property
    def stopped(self) -> bool:
        return self.reply.stopped

    def push(self, text: str) -> list[Piece]:
        return self.reply.push(text)

    def close(self, cut: bool = False) -> Settled:
        last, parser = self.reply.close(cut), self.reply.parser
        written, broken = self.reply.calls, parser.broken
        if self.one_call:
            written, broken = written[:1], broken[: not written]
        calls, flaw = settle_calls(written, broken, parser.tools)
        words = self.reply.words
        if broken and not calls:
            rest = "\n" * bool(words) + "\n".join(broken)
            words, last = words + rest, [*last, Piece(rest)]
        flaw = flaw or self._flaw(calls, words)
        return Settled(words, self.reply.thoughts, calls, flaw, tuple(last), self.stopped)

    def _flaw(self, calls: tuple[ToolCall, ...], words: str) -> str | None:
        parser = self.reply.parser
        if parser.cut_call and not (self.one_call and calls):
            return CUT_CALL
        if self.reply.thoughts and not calls and not words.strip() and not self.stopped:
            return "it thought and did not answer"
        return None


Reader = Plain | Obedient | UnforcedReader


@dataclass(frozen=True, slots=True)
class Turn:
    """What one model is to continue. `schema` binds its reply and `loose` is the way out where no grammar expresses that; `kept`
    are marks that must reach the reader even where they are control tokens."""

    text: str
    template: ChatTemplate
    prompt: Prompt
    tools: Toolbox
    thinking: bool = False
    force: Force | None = None

    @property
    def schema(self) -> JSON | None:
        if self.force:
            return self.force.schema
        return None if self.tools else self.prompt.schema

    @property
    def loose(self) -> JSON | None:
        return self.force.loose if self.force else None

    @property
    def kept(self) -> list[str]:
        return [] if self.bound else self.template.family.preserved_tokens

    @property
    def bound(self) -> bool:
        """Whether the whole reply is one thing: a call, an object, the text that goes on. Else it may hold thoughts and calls."""
        return self.schema is not None or self.prompt.text is not None

    @property
    def stops(self) -> tuple[str, ...]:
        if self.force:
            return ()
        return (*self.prompt.sampling.stop, *(self.template.stops if self.prompt.text is None else ()))

    @property
    def parted(self) -> Parting | None:
        """How others part the reply too, to find where its words end; None where it is all of one kind."""
        if self.bound or not self.stops:
            return None
        return Parting(self.template.family.name, self.thinking, shows_json(self.prompt), self.prompt.tools)

    def reader(self) -> Reader:
        if self.force:
            return Obedient(self.force, self.tools)
        if self.bound:
            return Plain(self.stops)
        parser = ReplyParser(self.template.family, self.tools, self.thinking, shows_json(self.prompt))
        return UnforcedReader(StoppedReply(parser, self.stops), self.prompt.one_call)


async def turn(prompt: Prompt, template: ChatTemplate, confined: Confined) -> Turn:
    """Raises BadRequest when the model's template takes no such conversation."""
    tools = Toolbox(prompt.tools)
    if prompt.text is not None:
        return Turn(prompt.text, template, prompt, Toolbox(()))
    bound = bool(prompt.must_call) or (prompt.schema is not None and not tools)
    rendered = await template.render(replace(prompt, thinking=False) if bound else prompt, confined)
    if prompt.must_call:
        forced = force(template.family, prompt.must_call, tools)
        return Turn(rendered.text + forced.cue, template, prompt, tools, force=forced)
    if bound and template.family.answer_prefix:
        return Turn(rendered.text + template.family.answer_prefix, template, prompt, tools)
    return Turn(rendered.text, template, prompt, tools, rendered.thinking)


def again(prompt: Prompt, candidate: Candidate) -> Prompt | None:
    """How to ask once more after an answer with which nothing can be done; None where asking again is of no use."""
    names = tuple(Toolbox(prompt.tools).tools)
    if not candidate.flaw or prompt.must_call:
        return None
    if candidate.reasoning and not candidate.tool_calls and not candidate.text.strip():
        return replace(prompt, thinking=False) if prompt.thinking is not False else None
    if candidate.finish_reason == "length":
        return None
    if candidate.tool_calls:
        called = tuple(call.name for call in candidate.tool_calls if call.name in names)
        return replace(prompt, must_call=called[:1] or names)
    if prompt.schema is not None:  # without tools a grammar has bound it already, and would do no better
        return replace(prompt, tools=()) if prompt.tools else None
    return replace(prompt, must_call=names)

"""A server's chunks in, what each choice has said and its candidate out. Pure.

The shapes are those of OpenAI's API reference (chat completions, streamed) and of what servers make of it: thoughts under several
names or within the text, calls without numbers or identifiers, ends that are missing or say something else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from local_swarm.backends.base import Seat
from local_swarm.backends.openai_compatible.stream import Characters, whole_text
from local_swarm.chat.families import GENERIC, Family
from local_swarm.chat.notations import object_of
from local_swarm.chat.reply import Piece, ReplyParser
from local_swarm.chat.stops import StoppedReply
from local_swarm.chat.tools import Toolbox
from local_swarm.chat.turn import CUT_CALL, Plain, Reader, Settled, UnforcedReader
from local_swarm.chat.unmarked import shows_json
from local_swarm.types import Candidate, FinishReason, Prompt, TokenLogprob, ToolCall, Usage

# All others are a stop.
FINISHES: Mapping[str, FinishReason] = {
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}
THOUGHTS = ("reasoning_content", "reasoning", "thinking")
THINK = "<think>"
LONGEST_OPENING = 1024  # characters, blank ones, before such a mark
# Servers part thoughts themselves, or leave them at the beginning of the text; further on such a mark is part of an answer.
LEFT_IN = Family("server", {**GENERIC.marks, "words": {"<tool_call>": "call"}}, GENERIC.read)


@dataclass(slots=True)
class CallSoFar:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    def add(self, piece: Mapping[str, Any], function: Mapping[str, Any]) -> None:
        self.id = self.id or str(piece.get("id") or "")
        name = str(function.get("name") or "")
        if name != self.name and not self.arguments:  # some repeat it in every piece
            self.name += name
        arguments = function.get("arguments") or ""
        if arguments:
            self.arguments.append(arguments if isinstance(arguments, str) else json.dumps(arguments))

    def call(self, number: int, tools: Toolbox) -> ToolCall:
        return ToolCall(self.id or f"call_{number}", tools.proper(self.name), whole_text("".join(self.arguments)))


@dataclass(slots=True)
class ChoiceSoFar:
    """What one choice has said so far to `prompt`. `pieces` counts chunks that carried words, `thought` is what it told
    as such."""

    prompt: Prompt = field(default_factory=lambda: Prompt(()))
    thought: list[str] = field(default_factory=list)
    calls: dict[int, CallSoFar] = field(default_factory=dict)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    finish: FinishReason | None = None
    pieces: int = 0
    _reader: Reader | None = None
    _last: int = 0  # the highest number of a call
    _begun: str = ""  # of a text that may turn out to begin with thoughts
    _words: Characters = field(default_factory=Characters)
    _thoughts: Characters = field(default_factory=Characters)

    @property
    def stopped(self) -> bool:
        """A stop string has ended it, whatever the server goes on to say."""
        return bool(self._reader and self._reader.stopped)

    @property
    def ended(self) -> bool:
        return self.stopped or self.finish is not None

    def take(self, choice: Mapping[str, Any]) -> list[Piece]:
        """What a chunk adds. A whole message, of a server that does not stream, is taken like one long chunk.

        Raises ValueError for what is no choice.
        """
        delta = choice["delta"] if "delta" in choice else choice.get("message") or {"content": choice.get("text")}
        if not isinstance(delta, dict | None):
            raise ValueError("a choice without a delta")
        thought, words = texts_of(delta or {})
        calls = calls_of(delta or {})
        for call in calls:
            self._call(call)
        likely = choice.get("logprobs")
        if isinstance(likely, dict):
            self.logprobs += [token_logprob(one) for one in likely.get("content") or legacy_logprobs(likely)]
        if finish := choice.get("finish_reason"):
            self.finish = finish_of(finish)
        self.pieces += bool(words or calls or thought)
        return [*self._think(thought), *self._say(words)]

    def end(self) -> None:
        """The server says that it has said all. Some say that instead of how the answer ended."""
        self.finish = self.finish or "stop"

    def close(self) -> tuple[list[Piece], Settled]:
        """What was held back, and all of the answer but calls that the server told as such."""
        held = self._begin().push(self._begun)
        said = self._begin().close(cut=self.finish == "length")
        return [*held, *said.last], said

    def candidate(self, said: Settled, seat: Seat, usage: Usage, seconds: float) -> Candidate:
        finish = "stop" if said.stopped else self.finish or "stop"
        calls, flaw = self._native_calls(finish, usage) if self.calls else (said.calls, said.flaw)
        thoughts = "".join(self.thought) + said.thoughts
        if thoughts and not (calls or flaw or said.stopped or said.words.strip()):
            flaw = "it thought and did not answer"
        nats = [one.logprob for one in self.logprobs if one.logprob is not None]
        return Candidate(
            text=said.words,
            voter=seat.voter,
            finish_reason=reason_of(finish, calls, flaw),
            usage=usage,
            seconds=seconds,
            anchor=seat.anchor,
            tool_calls=calls,
            logprobs=tuple(self.logprobs),
            reasoning=thoughts,
            flaw=flaw,
            mean_logprob=sum(nats) / len(nats) if nats else None,
        )

    def _think(self, thought: str) -> list[Piece]:
        text = "" if self.stopped else self._thoughts.push(thought)
        if not text:
            return []
        self.thought.append(text)
        return [Piece(text, True)]

    def _say(self, words: str) -> list[Piece]:
        """Words, unless they begin with a mark of thoughts, and as soon as that is known."""
        text = self._begun + self._words.push(words)
        self._begun = ""
        if self._reader is None and not self.thought and self.prompt.text is None and len(text) < LONGEST_OPENING:
            begun = text.lstrip()
            if begun.startswith(THINK):
                text, self._reader = begun[len(THINK) :], reader_for(self.prompt, thinking=True)
            elif THINK.startswith(begun):
                self._begun = text
                return []
        return self._begin().push(text) if text else []

    def _begin(self) -> Reader:
        self._reader = self._reader or reader_for(self.prompt)
        return self._reader

    def _call(self, piece: Mapping[str, Any]) -> None:
        """A piece of a call: of the one with its number, or else of the last. Where it brings another identifier, it is
        of another call, whatever its number says."""
        function = piece.get("function")
        if not isinstance(function, dict):
            raise ValueError("a tool call without a function")
        number, last = piece.get("index"), self._last
        if not isinstance(number, int):
            anew = last in self.calls and not piece.get("id") and function.get("name") and self.calls[last].arguments
            number = last + 1 if anew else last
        known = self.calls.get(number)
        if known and known.id and piece.get("id") and piece["id"] != known.id:
            number = next((at for at, one in self.calls.items() if one.id == piece["id"]), last + 1)
        self.calls.setdefault(number, CallSoFar()).add(piece, function)
        self._last = max(last, number)

    def _native_calls(self, finish: str, usage: Usage) -> tuple[tuple[ToolCall, ...], str | None]:
        """(calls, flaw). Where the limit of tokens has ended the answer, a call that cannot be read is one that was cut:
        some servers say that such an answer ended with calls."""
        tools, limit = Toolbox(self.prompt.tools), self.prompt.sampling.max_tokens
        calls = [call.call(number, tools) for number, (_, call) in enumerate(sorted(self.calls.items()))]
        calls = calls[:1] if self.prompt.one_call else calls
        whole = tuple(call for call in calls if isinstance(object_of(call.arguments), dict))
        if len(whole) < len(calls) and (finish == "length" or (limit and usage.completion_tokens >= limit)):
            return whole, CUT_CALL
        calls = [call if call.arguments.strip() else replace(call, arguments="{}") for call in calls]
        flaws = [tools.problem(call.name, object_of(call.arguments)) for call in calls]
        return tuple(calls), next(filter(None, flaws), None)


def reader_for(prompt: Prompt, thinking: bool = False) -> Reader:
    if prompt.text is not None:
        return Plain(prompt.sampling.stop)
    parser = ReplyParser(LEFT_IN, Toolbox(prompt.tools), thinking, shows_json(prompt))
    return UnforcedReader(StoppedReply(parser, prompt.sampling.stop), prompt.one_call)


def reason_of(finish: FinishReason, calls: Sequence[ToolCall], flaw: str | None) -> FinishReason:
    """Why an answer ended, whatever the server says of it."""
    if flaw == CUT_CALL:
        return "length"
    return "tool_calls" if calls else "stop" if finish == "tool_calls" else finish


def finish_of(told: Any) -> FinishReason:
    if told == "error":
        raise ValueError("an answer that ended with an error")
    return FINISHES.get(str(told), "stop")


def texts_of(delta: Mapping[str, Any]) -> tuple[str, str]:
    """(thoughts, words) of a message or a part of one. Raises ValueError for words that are no text."""
    content = delta.get("content") or delta.get("refusal") or ""
    thought = next((delta[name] for name in THOUGHTS if isinstance(delta.get(name), str) and delta[name]), "")
    if isinstance(content, list):  # Mistral's: parts, of which some are thoughts
        parts = [part for part in content if isinstance(part, dict)]
        thought += "".join(text_of_part(part.get("thinking")) for part in parts)
        content = "".join(text_of_part(part.get("text")) for part in parts)
    if not isinstance(content, str):
        raise ValueError("words that are no text")
    return thought, content


def text_of_part(part: Any) -> str:
    """A text, or those of a list of parts."""
    if isinstance(part, list):
        part = "".join(str(one.get("text") or "") for one in part if isinstance(one, dict))
    return part if isinstance(part, str) else ""


def calls_of(delta: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Pieces of calls; the older form, of one function, too. Raises ValueError."""
    pieces = delta.get("tool_calls") or ()
    if isinstance(delta.get("function_call"), dict):
        pieces = [{"index": 0, "function": delta["function_call"]}]
    if not isinstance(pieces, list | tuple) or not all(isinstance(one, dict) for one in pieces):
        raise ValueError("tool calls that are no list of objects")
    return list(pieces)


def legacy_logprobs(logprobs: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Log-probabilities as the older completions have them, in the newer shape."""
    rows = zip(
        logprobs.get("tokens") or (),
        logprobs.get("token_logprobs") or (),
        logprobs.get("top_logprobs") or (),
        strict=False,
    )
    return [
        {"token": token, "logprob": nats, "top_logprobs": [{"token": t, "logprob": n} for t, n in (top or {}).items()]}
        for token, nats, top in rows
    ]


def token_logprob(entry: Mapping[str, Any]) -> TokenLogprob:
    """Raises ValueError for anything else."""
    try:
        top = tuple((str(one["token"]), float(one["logprob"])) for one in entry.get("top_logprobs") or ())
        return TokenLogprob(str(entry["token"]), float(entry["logprob"]), top)
    except (KeyError, TypeError, AttributeError, OverflowError) as problem:
        raise ValueError("log-probabilities that are none") from problem


def usages(counts: Mapping[int, Any], said: Mapping[int, ChoiceSoFar], estimate: int) -> dict[int, Usage]:
    """What each choice cost, by its place. `counts`: what the server counted, by the choice that had ended last before.

    llama-server counts after each choice for it alone; others count once for all: then each gets its share by the
    chunks it came in.
    """
    if counts.keys() == said.keys():
        return {
            place: usage(counts[place], counts[place].get("completion_tokens"), said[place], estimate) for place in said
        }
    total = list(counts.values())[-1] if counts else {}
    written, pieces = total.get("completion_tokens"), sum(one.pieces for one in said.values())
    share = written / pieces if isinstance(written, int) and pieces else 1
    return {place: usage(total, round(share * one.pieces), one, estimate) for place, one in said.items()}


def usage(counted: Mapping[str, Any], written: Any, said: ChoiceSoFar, estimate: int) -> Usage:
    details, read = counted.get("prompt_tokens_details"), counted.get("prompt_tokens")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    return Usage(
        read if isinstance(read, int) and read > 0 else estimate,
        written if isinstance(written, int) and written > 0 else said.pieces,
        cached if isinstance(cached, int) else 0,
    )

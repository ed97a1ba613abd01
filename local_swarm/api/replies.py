"""Elections and errors in, OpenAI's response JSON out. Pure but for the time stamp and the identifier it is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from string import ascii_letters
from typing import Any

from local_swarm.errors import SwarmError
from local_swarm.types import JSON, Candidate, Election, ToolCall, Turnout

SLICE = 48  # characters of one streamed piece of an answer that is known whole
LONGEST_MESSAGE = 2000  # characters
LONG_SLICE = 1024  # of a call's arguments, which no person watches grow


@dataclass(slots=True)
class Sent:
    """How much of an answer a client has been streamed while it was written."""

    words: int = 0
    thoughts: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What all parts of one answer share. `id` has no prefix; of it and a place every call's identifier is made."""

    id: str
    created: int
    model: str
    node: str
    note: str | None = None

    def completion(self, election: Election, choices: int, ballots: bool) -> dict[str, Any]:
        chosen = by_agreement(election)[:choices]
        return {
            **self._frame("chat.completion"),
            "choices": [
                {
                    "index": place,
                    "message": self.message(one, place),
                    "finish_reason": one.finish_reason,
                    "logprobs": logprobs(one),
                }
                for place, one in enumerate(chosen)
            ],
            "usage": usage(chosen),
            "swarm": self.extension(election, ballots),
        }

    def message(self, candidate: Candidate, place: int = 0) -> dict[str, Any]:
        made: dict[str, Any] = {"role": "assistant", "content": candidate.text, "refusal": None}
        if candidate.reasoning:
            made["reasoning_content"] = candidate.reasoning
        if candidate.tool_calls:
            made["content"] = candidate.text or None
            made["tool_calls"] = self.calls(candidate.tool_calls, place)
        return made

    def calls(self, calls: Sequence[ToolCall], place: int = 0) -> list[dict[str, Any]]:
        return [
            {
                "id": self.call_id(place, number),
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            for number, call in enumerate(calls)
        ]

    def call_id(self, place: int, number: int) -> str:
        """The same for a call wherever it is told. Letters only, as in `identifier`."""
        return (
            f"call_{self.id}{ascii_letters[place % 52]}{ascii_letters[number // 52 % 52]}{ascii_letters[number % 52]}"
        )

    def chunk(
        self, delta: Mapping[str, Any], finish: str | None = None, index: int = 0, likely: JSON | None = None
    ) -> dict[str, Any]:
        choice = {"index": index, "delta": dict(delta), "finish_reason": finish, "logprobs": likely}
        return {**self._frame("chat.completion.chunk"), "choices": [choice]}

    def chunks(
        self, election: Election, choices: int, ballots: bool, include_usage: bool, sent: Sent
    ) -> Iterator[dict[str, Any]]:
        """What follows the role and what was sent: every choice in slices with its end; the last carries the `swarm` object."""
        chosen = by_agreement(election)[:choices]
        for index, candidate in enumerate(chosen):
            yield from self._pieces(candidate, index, sent if index == 0 else Sent())
            end = self.chunk({}, candidate.finish_reason, index)
            if index == len(chosen) - 1 and not include_usage:
                end["swarm"] = self.extension(election, ballots)
            yield end
        if include_usage:
            yield self.totals(election, choices, ballots)

    def _pieces(self, candidate: Candidate, index: int, sent: Sent) -> Iterator[dict[str, Any]]:
        for piece in slices(candidate.reasoning[sent.thoughts :], SLICE):
            yield self.chunk({"reasoning_content": piece}, index=index)
        likely = logprobs(candidate)  # with the first piece, for all of them
        for piece in slices(candidate.text[sent.words :], SLICE):
            yield self.chunk({"content": piece}, index=index, likely=likely)
            likely = None
        for number, call in enumerate(self.calls(candidate.tool_calls, index)):
            name, arguments = call["function"]["name"], call["function"]["arguments"]
            begun = {"index": number, **call, "function": {"name": name, "arguments": ""}}
            yield self.chunk({"tool_calls": [begun]}, index=index, likely=likely)
            likely = None
            for piece in slices(arguments, LONG_SLICE):
                yield self.chunk({"tool_calls": [{"index": number, "function": {"arguments": piece}}]}, index=index)
        if likely:  # all text was sent while it was written
            yield self.chunk({"content": ""}, index=index, likely=likely)

    def totals(self, election: Election, choices: int, ballots: bool) -> dict[str, Any]:
        """The usage chunk, which has no choices: sent to clients that asked for it."""
        frame = {**self._frame("chat.completion.chunk"), "choices": []}
        return {**frame, "usage": usage(by_agreement(election)[:choices]), "swarm": self.extension(election, ballots)}

    def extension(self, election: Election, ballots: bool) -> dict[str, Any]:
        made: dict[str, Any] = {
            "strategy": election.strategy,
            "agreement": round(election.agreement, 4),
            "band": election.band,
            "share": round(election.share, 4),
            "candidates": len(election.candidates),
            "asked": max(election.asked, len(election.candidates)),
            "clusters": [len(cluster) for cluster in election.clusters],
            "nodes": [asdict(one) for one in election.nodes or (Turnout(self.node, len(election.candidates), "ok"),)],
            "decided_early": election.decided_early,
            "completion_tokens_total": election.completion_tokens_total,
            "seconds": round(election.seconds, 3),
        }
        if election.provider:
            made["provider"] = election.provider
            made["tried"] = [{"name": name, "why": why} for name, why in election.tried]
        if notes := [note for note in (self.note, election.note) if note]:
            made["note"] = " ".join(notes)
        if flaw := election.elected.flaw:
            made["flaw"] = flaw
        if ballots:
            made["ballots"] = [
                self.ballot(one, place == election.winner) for place, one in enumerate(election.candidates)
            ]
            for number, cluster in enumerate(election.clusters):
                for place in cluster:
                    made["ballots"][place]["cluster"] = number  # so that dissent can be read
        return made

    def ballot(self, candidate: Candidate, elected: bool) -> dict[str, Any]:
        made: dict[str, Any] = {
            "voter": candidate.voter,
            "text": candidate.text,
            "anchor": candidate.anchor,
            "elected": elected,
            "finish_reason": candidate.finish_reason,
            "seconds": round(candidate.seconds, 3),
            "mean_logprob": candidate.mean_logprob,
        }
        if candidate.node:
            made["node"] = candidate.node
        if candidate.tool_calls:
            made["tool_calls"] = self.calls(candidate.tool_calls)
        if candidate.flaw:
            made["flaw"] = candidate.flaw
        return made

    def _frame(self, kind: str) -> dict[str, Any]:
        return {"id": "chatcmpl-" + self.id, "object": kind, "created": self.created, "model": self.model}


def slices(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def by_agreement(election: Election) -> list[Candidate]:
    """The winner, those who say the same, then the other clusters from large to small."""
    own = next(cluster for cluster in election.clusters if election.winner in cluster)
    order = [election.winner, *own, *(member for cluster in election.clusters for member in cluster)]
    return [election.candidates[at] for at in dict.fromkeys(order)]


def logprobs(candidate: Candidate) -> dict[str, Any] | None:
    def told(text: str, nats: float | None) -> dict[str, Any]:
        return {"token": text, "logprob": nats, "bytes": list(text.encode("utf-8", "replace"))}

    content = [
        {**told(one.text, one.logprob), "top_logprobs": [told(*other) for other in one.top]}
        for one in candidate.logprobs
    ]
    return {"content": content, "refusal": None} if content else None


def usage(chosen: Sequence[Candidate]) -> dict[str, Any]:
    """The prompt once and the tokens of the answers given; what the vote cost in all stands in the extension."""
    prompt, completion = chosen[0].usage.prompt_tokens, sum(one.usage.completion_tokens for one in chosen)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": chosen[0].usage.cached_tokens},
    }


def error_body(problem: SwarmError) -> dict[str, Any]:
    """What was sent may stand in the message, so it is cut to a length that can be read."""
    return {
        "error": {
            "message": problem.message[:LONGEST_MESSAGE],
            "type": problem.kind,
            "param": problem.param,
            "code": problem.code,
        }
    }

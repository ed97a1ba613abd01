"""A question and candidates in, their election out, with all evidence that can be had here. The vote itself is `consensus`, pure.

What a program did is remembered, so that candidates that come one by one are run once each.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from local_swarm.sandbox.host import Sandbox
from local_swarm.sandbox.job import Job, Outcomes
from local_swarm.swarm.ballots import Embed
from local_swarm.swarm.behaviour.evidence import Evidence, Trial, trial
from local_swarm.swarm.consensus import EARLY, decided, elect
from local_swarm.swarm.extract import Answer, extract
from local_swarm.swarm.question import Question
from local_swarm.swarm.reliability import Reliability
from local_swarm.swarm.similarity.embedding import Embedder
from local_swarm.types import Candidate, Election, Strategy

SHORT = 1000  # characters of all answers together that are compared in about a millisecond
REMEMBERED = 512  # programs with their calls
NOT_RUN = "The candidates were compared by structure, not by what they do: "


@dataclass(frozen=True, slots=True)
class Brief:
    """What a jury has found out of some candidates. Votes on any of them are pure from here on; where candidates are long they
    take a while and belong into a thread."""

    question: Question
    strategy: Strategy
    embed: Embed | None
    candidates: Sequence[Candidate]
    answers: Mapping[Candidate, Answer]
    evidence: Evidence | None
    weights: Mapping[str, float | None]

    def elect(self, candidates: Sequence[Candidate]) -> Election:
        return elect(
            [self._weighed(one) for one in candidates], self.strategy, self.embed, question=self.question,
            evidence=self._evidence(candidates), answers=[self.answers[one] for one in candidates],
        )  # fmt: skip

    def decided(self, candidates: Sequence[Candidate], missing: int) -> bool:
        return decided(
            [self._weighed(one) for one in candidates], missing, self.strategy, question=self.question,
            evidence=self._evidence(candidates), answers=[self.answers[one] for one in candidates],
        )  # fmt: skip

    def _weighed(self, candidate: Candidate) -> Candidate:
        weight = self.weights.get(candidate.voter) if candidate.weight is None else candidate.weight
        return candidate if weight == candidate.weight else replace(candidate, weight=weight)

    def _evidence(self, candidates: Sequence[Candidate]) -> Evidence | None:
        """What is known of these, by their places among themselves."""
        if self.evidence is None:
            return None
        known = {self.candidates[place]: did for place, did in self.evidence.behaviours.items()}
        behaviours = {place: known[one] for place, one in enumerate(candidates) if one in known}
        return replace(self.evidence, behaviours=behaviours)


class Jury:
    """Whoever is to decide between candidates asks it: the swarm, the `vote` command, the benchmark, a federation.

    `reliability` is what it learns of the voters from one election to the next, None to learn nothing. `embedding_wait_s`:
    how long strategy `similarity` waits for the embedding model.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        embedder: Embedder,
        reliability: Reliability | None = None,
        embedding_wait_s: float = 30.0,
    ) -> None:
        self.sandbox, self.embedder, self.reliability = sandbox, embedder, reliability
        self.embedding_wait_s = embedding_wait_s
        self._known: OrderedDict[Job, Outcomes] = OrderedDict()

    async def elect(self, question: Question, candidates: Sequence[Candidate], strategy: Strategy = "auto") -> Election:
        """The vote, off the event loop unless it takes less time than handing it over: comparing long answers takes a while."""
        brief = await self.brief(question, candidates, strategy)
        quick = brief.embed is None and strategy != "similarity" and (len(candidates) == 1 or short(candidates))
        election = brief.elect(candidates) if quick else await asyncio.to_thread(brief.elect, candidates)
        if strategy == "auto" and len(candidates) > 1 and brief.answers[candidates[election.winner]].kind == "text":
            self.embedder.begin()  # the next prose will be compared by meaning
        if self.reliability and strategy == "auto":
            self.reliability.learn(election)
        return election

    async def decided(
        self, question: Question, candidates: Sequence[Candidate], missing: int, strategy: Strategy = "auto"
    ) -> bool:
        """Whether to stop asking; see `consensus.decided`."""
        if strategy not in EARLY or len(candidates) < 2:
            return False
        brief = await self.brief(question, candidates, strategy)
        return await asyncio.to_thread(brief.decided, candidates, missing)

    async def brief(self, question: Question, candidates: Sequence[Candidate], strategy: Strategy = "auto") -> Brief:
        """All that can be found out of these candidates, for as many votes on some of them as are wanted."""
        long = len(candidates) > 1 and not short(candidates)
        answers = await asyncio.to_thread(extracted, candidates, question) if long else extracted(candidates, question)
        evidence = await self._evidence(question, candidates, answers, strategy)
        if strategy == "similarity":
            self.embedder.begin()
            embed = await asyncio.to_thread(self.embedder.function, self.embedding_wait_s)
        else:
            embed = self.embedder.function()
        weights = self._weights(candidates)
        return Brief(
            question, strategy, embed, candidates, dict(zip(candidates, answers, strict=True)), evidence, weights
        )

    async def close(self) -> None:
        if self.reliability:
            self.reliability.save()
        self.embedder.close()
        await self.sandbox.close()

    def _weights(self, candidates: Sequence[Candidate]) -> Mapping[str, float | None]:
        """What is known of the voters."""
        return {one.voter: self.reliability.weight(one.voter) for one in candidates} if self.reliability else {}

    async def _evidence(
        self, question: Question, candidates: Sequence[Candidate], answers: Sequence[Answer], strategy: Strategy
    ) -> Evidence | None:
        """What the candidates' programs do, where they are programs and that can be found out."""
        if strategy not in ("auto", "behaviour") or len(candidates) < 2:
            return None
        usable = [
            answer if candidate.finish_reason != "length" else Answer("text", "", complaint="cut")
            for candidate, answer in zip(candidates, answers, strict=True)
        ]
        plan = await asyncio.to_thread(trial, question, usable)
        if plan is None or not plan.calls:
            return Evidence(note=f"{NOT_RUN}no function to call was found.")
        told = await self._run(plan)
        return plan.evidence(told) if told is not None else Evidence(note=f"{NOT_RUN}{self.sandbox.reason}.")

    async def _run(self, plan: Trial) -> dict[str, Outcomes] | None:
        jobs = plan.jobs
        new = [job for job in jobs.values() if job not in self._known]
        if new:
            found = await self.sandbox.run(new)
            if found is None:
                return None
            self._known.update(zip(new, found, strict=True))
        told = {program: self._known[job] for program, job in jobs.items()}
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return told


def extracted(candidates: Sequence[Candidate], question: Question) -> list[Answer]:
    return [extract(candidate, question) for candidate in candidates]


def short(candidates: Sequence[Candidate]) -> bool:
    """Whether comparing them takes less time than handing them to another thread: a few words, and no code to run."""
    texts = [one.text for one in candidates]
    plain = not any(one.tool_calls for one in candidates) and not any("def " in text or "```" in text for text in texts)
    return plain and sum(map(len, texts)) <= SHORT

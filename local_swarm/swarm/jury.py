"""A question and candidates in, their election out, with all evidence that can be had here. The vote itself is `consensus`, pure.

What a program did is remembered, so that candidates that come one by one are run once each.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ParamSpec, TypeVar

from local_swarm.sandbox.host import Sandbox
from local_swarm.sandbox.job import Job, Outcomes
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


P = ParamSpec("P")
T = TypeVar("T")


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
        candidates = self._weighed(candidates)
        patient = strategy == "similarity"
        embed = None if patient else self.embedder.function()
        quick = not patient and (len(candidates) == 1 or (short(candidates) and embed is None))
        aside = at_once if quick else asyncio.to_thread
        answers = await aside(extracted, candidates, question)
        evidence = await self._evidence(question, candidates, answers, strategy)
        if patient:
            self.embedder.begin()

        def vote() -> Election:
            meaning = self.embedder.function(self.embedding_wait_s) if patient else embed
            return elect(candidates, strategy, meaning, question=question, evidence=evidence, answers=answers)

        election = await aside(vote)
        if strategy == "auto" and answers[election.winner].kind == "text" and len(candidates) > 1:
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
        answers = await asyncio.to_thread(extracted, candidates, question)
        evidence = await self._evidence(question, candidates, answers, strategy)
        return await asyncio.to_thread(
            decided, candidates, missing, strategy, question=question, evidence=evidence, answers=answers
        )

    async def close(self) -> None:
        if self.reliability:
            self.reliability.save()
        self.embedder.close()
        await self.sandbox.close()

    def _weighed(self, candidates: Sequence[Candidate]) -> Sequence[Candidate]:
        """The candidates with what is known of their voters."""
        if not self.reliability:
            return candidates
        weigh = self.reliability.weight
        return [replace(one, weight=weigh(one.voter)) if one.weight is None else one for one in candidates]

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


async def at_once(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    return work(*args, **kwargs)


def short(candidates: Sequence[Candidate]) -> bool:
    """Whether comparing them takes less time than handing them to another thread: a few words, and no code to run."""
    texts = [one.text for one in candidates]
    plain = not any(one.tool_calls for one in candidates) and not any("def " in text or "```" in text for text in texts)
    return plain and sum(map(len, texts)) <= SHORT

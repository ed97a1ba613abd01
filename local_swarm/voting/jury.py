"""A question and candidates in, their election out, with all evidence that can be had here.

The vote itself is `consensus`, pure.
What a program did is remembered, so that candidates that come one by one are run once each.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from local_swarm.confined.process import Confined, Unconfined
from local_swarm.sandbox.host import Sandbox
from local_swarm.sandbox.job import Job, Outcomes
from local_swarm.sandbox.messages import UNKNOWN
from local_swarm.types import Candidate, Election, Strategy
from local_swarm.voting.answer import ExtractedAnswer, Family
from local_swarm.voting.ballots import Embed, in_order
from local_swarm.voting.behaviour.evidence import Evidence, Trial
from local_swarm.voting.calibration import claim
from local_swarm.voting.consensus import EARLY_STOP_STRATEGIES, elect, is_decided, prose_to_compare
from local_swarm.voting.question import Question
from local_swarm.voting.reading import Readings, note_on, readings
from local_swarm.voting.reliability import VoterReliability
from local_swarm.voting.similarity.embedding import Embedder
from local_swarm.voting.similarity.meaning import Pair, undecided_pairs

SHORT = 1000  # characters of all answers together that are compared in about a millisecond
REMEMBERED = 512  # programs with their calls
NOT_RUN = "The candidates were compared by structure, not by what they do: "


@dataclass(frozen=True, slots=True)
class Brief:
    """What a jury has found out of some candidates. Votes on any of them are pure from here on; where candidates are
    long they take a while and belong into a thread."""

    question: Question
    strategy: Strategy
    embed: Embed | None
    candidates: Sequence[Candidate]
    answers: Mapping[Candidate, ExtractedAnswer]
    evidence: Evidence | None
    weights: Mapping[str, float | None]
    judged: Mapping[Pair, float] = field(default_factory=dict)

    def elect(self, candidates: Sequence[Candidate]) -> Election:
        try:
            return self._elect(candidates, self.embed)
        except OSError:  # the embedding model's process is lost: words decide
            return self._elect(candidates, None)

    def _elect(self, candidates: Sequence[Candidate], embed: Embed | None) -> Election:
        return elect(
            [self._with_weight(one) for one in candidates],
            self.strategy,
            embed,
            question=self.question,
            evidence=self._evidence(candidates),
            answers=[self.answers[one] for one in candidates],
            judged=self.judged,
        )

    def is_decided(self, candidates: Sequence[Candidate], missing: int) -> bool:
        return is_decided(
            [self._with_weight(one) for one in candidates],
            missing,
            self.strategy,
            question=self.question,
            evidence=self._evidence(candidates),
            answers=[self.answers[one] for one in candidates],
        )

    def _with_weight(self, candidate: Candidate) -> Candidate:
        weight = self.weights.get(candidate.voter) if candidate.weight is None else candidate.weight
        return candidate if weight == candidate.weight else replace(candidate, weight=weight)

    def _evidence(self, candidates: Sequence[Candidate]) -> Evidence | None:
        """What is known of these, by their places among themselves."""
        if self.evidence is None:
            return None
        known = {self.candidates[place]: did for place, did in self.evidence.behaviours.items()}
        behaviours = {place: known[one] for place, one in enumerate(candidates) if one in known}
        return replace(self.evidence, behaviours=behaviours)


class MeaningJudge(Protocol):
    """Whoever can tell whether two answers to a question say the same."""

    async def same(self, question: str, pairs: Sequence[Pair]) -> Mapping[Pair, float]:
        """How likely they do, 0 to 1. What cannot be told is left out; it raises nothing."""
        ...


class NoMeaningJudge:
    """Words alone decide."""

    async def same(self, question: str, pairs: Sequence[Pair]) -> Mapping[Pair, float]:
        return {}


class Jury:
    """Whoever is to decide between candidates asks it: the swarm, the `vote` command, the benchmark, a federation.

    `reliability` is what it learns of the voters from one election to the next, None to learn nothing.
    `embedding_wait_s`: how long strategy `similarity` waits for the embedding model. `confined`: who reads foreign
    text, by default this very process; its owner closes it. `judge`: who tells of prose whether it says the same.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        embedder: Embedder,
        reliability: VoterReliability | None = None,
        embedding_wait_s: float = 30.0,
        confined: Confined | None = None,
        judge: MeaningJudge | None = None,
    ) -> None:
        self.sandbox, self.embedder, self.reliability = sandbox, embedder, reliability
        self.confined = confined or Unconfined()
        self.embedding_wait_s = embedding_wait_s
        self.judge = judge or NoMeaningJudge()
        self.practised: Collection[Family] | None = None  # what the voters were made to answer; None: anything
        self._known: OrderedDict[Job, Outcomes] = OrderedDict()
        self._judged: OrderedDict[tuple[str, Pair], float] = OrderedDict()

    async def elect(self, question: Question, candidates: Sequence[Candidate], strategy: Strategy = "auto") -> Election:
        """The vote, off the event loop unless it takes less time than handing it over: comparing long answers takes
        a while."""
        brief = await self.judged_brief(question, candidates, strategy)
        quick = strategy != "similarity" and (len(candidates) == 1 or short(candidates))
        election = brief.elect(candidates) if quick else await asyncio.to_thread(brief.elect, candidates)
        note = election.note or note_on(list(brief.answers.values()))
        if strategy == "similarity" and brief.embed is None and len(candidates) > 1 and note is None:
            family = brief.answers[candidates[election.winner]].family
            note = self.embedder.source.lack("their words" if family == "text" else "structure")
        election = claim(replace(election, note=note), self.practised)
        if self.reliability and strategy == "auto":
            self.reliability.learn(election)
        return election

    async def is_decided(
        self, question: Question, candidates: Sequence[Candidate], missing: int, strategy: Strategy = "auto"
    ) -> bool:
        """Whether to stop asking; see `consensus.is_decided`."""
        if strategy not in EARLY_STOP_STRATEGIES or len(candidates) < 2:
            return False
        brief = await self.brief(question, candidates, strategy)
        return await asyncio.to_thread(brief.is_decided, candidates, missing)

    async def brief(self, question: Question, candidates: Sequence[Candidate], strategy: Strategy = "auto") -> Brief:
        """All that can be found out of these candidates, for as many votes on some of them as are wanted."""
        question, answers, evidence = await self._read(question, candidates, strategy)
        embed = None
        if strategy == "similarity":
            self.embedder.begin()
            embed = await asyncio.to_thread(self.embedder.function, self.embedding_wait_s)
        return Brief(
            question=question,
            strategy=strategy,
            embed=embed,
            candidates=candidates,
            answers=dict(zip(candidates, answers, strict=True)),
            evidence=evidence,
            weights=self._weights(candidates),
        )

    async def judged_brief(
        self, question: Question, candidates: Sequence[Candidate], strategy: Strategy = "auto"
    ) -> Brief:
        """For the last vote on these. Where words leave open who says the same in prose, the judge is asked."""
        brief = await self.brief(question, candidates, strategy)
        if strategy != "auto" or len(candidates) < 2:
            return brief
        texts = prose_to_compare(in_order(candidates, [brief.answers[one] for one in candidates], brief.question.asked))
        pairs = await asyncio.to_thread(undecided_pairs, texts, question.text) if texts else []
        return replace(brief, judged=await self._judge(question.text, pairs)) if pairs else brief

    async def _judge(self, asked: str, pairs: Sequence[Pair]) -> Mapping[Pair, float]:
        """What a judge has said once is remembered: votes come back with one candidate more."""
        new = [pair for pair in pairs if (asked, pair) not in self._judged]
        if new:
            self._judged.update(((asked, pair), said) for pair, said in (await self.judge.same(asked, new)).items())
        told = {pair: self._judged[asked, pair] for pair in pairs if (asked, pair) in self._judged}
        while len(self._judged) > REMEMBERED:
            self._judged.popitem(last=False)
        return told

    async def close(self) -> None:
        if self.reliability:
            self.reliability.save()
        self.embedder.close()
        await self.sandbox.close()

    def _weights(self, candidates: Sequence[Candidate]) -> Mapping[str, float | None]:
        """What is known of the voters."""
        return {one.voter: self.reliability.weight(one.voter) for one in candidates} if self.reliability else {}

    async def answers(self, question: Question, candidates: Sequence[Candidate]) -> Sequence[ExtractedAnswer]:
        """What each of them really answers."""
        return (await readings(question, candidates, False, self.confined)).answers

    async def _read(
        self, question: Question, candidates: Sequence[Candidate], strategy: Strategy
    ) -> tuple[Question, Sequence[ExtractedAnswer], Evidence | None]:
        """The question with what it asks for, what the candidates answer, and what their programs do, where they are
        programs and that can be found out."""
        if len(candidates) == 1:  # there is nothing to compare it with
            text = candidates[0].text.strip()
            said = bool(text or candidates[0].tool_calls)
            only = ExtractedAnswer("prose" if said else "empty", text, complaint=None if said else "empty")
            return question, [only], None
        runs = strategy in ("auto", "behaviour")
        read = await readings(question, candidates, runs, self.confined)
        return replace(question, asked=read.asked), read.answers, await self._evidence(read) if runs else None

    async def _evidence(self, read: Readings) -> Evidence:
        if read.trial is None or not read.trial.calls:
            return Evidence(note=read.note or f"{NOT_RUN}no function to call was found.")
        told = await self._run(read.trial)
        if told is None:
            return Evidence(note=f"{NOT_RUN}{self.sandbox.reason}.")
        found = read.trial.evidence(told)
        return found if found.note or not read.note else replace(found, note=read.note)

    async def _run(self, plan: Trial) -> dict[str, Outcomes] | None:
        jobs = plan.jobs
        known = {job: self._known[job] for job in jobs.values() if job in self._known}
        new = [job for job in jobs.values() if job not in known]
        if new:
            found = await self.sandbox.run(new)
            if found is None:
                return None
            known.update(zip(new, found, strict=True))
        told = {program: known[job] for program, job in jobs.items()}
        for job in new:  # what is not known now may be the next time
            if not any(outcome.startswith(UNKNOWN) for outcome in known[job]):
                self._known[job] = known[job]
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return told


def short(candidates: Sequence[Candidate]) -> bool:
    """Whether comparing them takes less time than handing them to another thread: a few words, and no code to run."""
    texts = [one.text for one in candidates]
    plain = not any(one.tool_calls for one in candidates) and not any("def " in text or "```" in text for text in texts)
    return plain and sum(map(len, texts)) <= SHORT

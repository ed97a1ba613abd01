"""The ballots of one vote across machines in, whether it is decided and who wins out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from local_swarm.network.federation.peer_reliability import PeerReliabilities
from local_swarm.network.federation.tally import Tally
from local_swarm.types import Candidate, Election, Strategy
from local_swarm.voting.cross_consensus import Across, PeerReliability, across, ballots_that_count
from local_swarm.voting.jury import Brief, Jury
from local_swarm.voting.question import Question

Decision = Literal["none", "local", "all"]


@dataclass(frozen=True, slots=True)
class PeerElection:
    """The jury's part of one vote. `own` is this node's name."""

    jury: Jury
    question: Question
    strategy: Strategy
    across: Across
    reliabilities: PeerReliabilities
    own: str

    async def decision(self, tally: Tally) -> Decision:
        """`all`: no missing ballot can change the outcome. `local`: no missing one of ours can, among ours."""
        candidates, missing, asked = list(tally.candidates), tally.missing, dict(tally.asked)
        own, own_missing = [one for one in candidates if one.node == self.own], tally.local_missing
        brief, known = await self._brief(candidates), self._reliabilities_in(tally)

        def is_decided() -> bool:
            valid = ballots_that_count(candidates, self.own, asked, known, brief.elect)
            return brief.is_decided(valid, missing + len(candidates) - len(valid))

        if 0 < missing < len(candidates) and await asyncio.to_thread(is_decided):
            return "all"
        if own_missing < len(own) and await asyncio.to_thread(brief.is_decided, own, own_missing):
            return "local"
        return "none"

    async def elect(self, tally: Tally) -> tuple[Election, Election] | None:
        """The election over the ballots that count, and the one over all ballots, from which reliabilities are learned.

        None where no ballot counts."""
        brief = await self.jury.judged_brief(self.question, tally.candidates, self.strategy)
        vote, known = brief.elect, self._reliabilities_in(tally)

        def hold() -> tuple[Election, Election] | None:
            valid = ballots_that_count(tally.candidates, self.own, tally.asked, known, vote)
            if not valid:
                return None
            election = across(self.across, valid, known, vote, tally.first)
            return election, election if len(valid) == len(tally.candidates) else vote(tally.candidates)

        return await asyncio.to_thread(hold)

    async def _brief(self, candidates: Sequence[Candidate]) -> Brief:
        return await self.jury.brief(self.question, candidates, self.strategy)

    def _reliabilities_in(self, tally: Tally) -> dict[str, PeerReliability]:
        return self.reliabilities.reliabilities_of([self.own, *tally.asked])

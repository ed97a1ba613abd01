"""A prompt in, an election over the ballots of several machines out. See `Voice`.

Our own swarm and all healthy peers are asked at the same moment. Whatever peers do, the local answer arrives: a peer is given up
after some seconds without a byte, and all of them a while after the local answer is there.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from local_swarm.chat.checks import check_candidate
from local_swarm.errors import BadRequest, EndsEngine, SwarmError, Unavailable
from local_swarm.events import Stream, accepted_once, merge
from local_swarm.network.discovery.directory import Directory, Peer
from local_swarm.network.federation.client import SILENCE_S, Client, PeerRequest
from local_swarm.network.federation.peer_reliability import PeerReliabilities
from local_swarm.network.federation.routing import Capable, Route, key_of, node_for, seeds, shares, spreads
from local_swarm.network.federation.tally import Tally
from local_swarm.network.protocol import MOST_BALLOTS, encode
from local_swarm.types import Accepted, Candidate, Election, Event, Prompt, Voice
from local_swarm.voting.cross_consensus import Across, across, counted
from local_swarm.voting.jury import Brief, Jury
from local_swarm.voting.question import question_of
from local_swarm.voting.settings import VoteSettings

CHECK_SHARE = 10  # a look whether the vote is decided may take one part in so many of the time
DECIDED, LOCALLY_DECIDED = "decided", "locally decided"
Heard = tuple[str, Event | SwarmError | str | None]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WaitPolicy:
    """`grace_s`: how long peers are waited for once the local answer is decided; None is half the time that it took, at least two
    seconds. `fewest`, `most`: peers for a vote across machines."""

    across: Across = "vote"
    route: Route = "vote"
    fewest: int = 0
    most: int = 10
    silence_s: float = SILENCE_S
    grace_s: float | None = None
    timeout_s: float = 300.0


@dataclass(slots=True)
class Federation:
    """Our own swarm and its peers as one Voice.

    `own`: our own swarm. `jury`: decides between the ballots of all nodes. `settings`: how our own swarm votes.
    `healthy`: tells how many workers of ours can answer now. `model`: what they run.
    `counts`: requests by what became of them. `load`: requests of our own users in the works.
    """

    own: Voice
    jury: Jury
    settings: VoteSettings
    healthy: Callable[[], int]
    directory: Directory
    client: Client
    merits: PeerReliabilities
    rules: WaitPolicy = field(default_factory=WaitPolicy)
    model: str | None = None
    counts: Counter[str] = field(default_factory=Counter)
    load: int = 0

    @property
    def name(self) -> str:
        return self.own.name

    async def answer(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        """See `Voice`."""
        self.load += 1
        try:
            async with aclosing(accepted_once(self._answer(prompt))) as events:
                async for event in events:
                    yield event
        finally:
            self.load -= 1

    def _answer(self, prompt: Prompt) -> AsyncGenerator[Event, None]:
        peers = self.directory.askable(self.rules.most)
        if spreads(prompt, self.rules.route, self.load, len(peers)):
            if peer := self._home_of(prompt, peers):
                return self._by_one(prompt, peer)
            return self.own.answer(prompt)
        healthy = self.healthy()
        wanted = shares(prompt, healthy, [capable(peer) for peer in peers], self.rules.fewest)
        if not wanted:
            return self.own.answer(prompt)
        asked = [peer for peer in peers if peer.name in wanted]
        tally = Tally(self.name, min(prompt.voices or healthy, healthy), wanted)
        return self._by_all(prompt, asked, tally)

    # ------------------------------------------------------------------------------------------------ by all

    async def _by_all(self, prompt: Prompt, peers: Sequence[Peer], tally: Tally) -> AsyncGenerator[Event, None]:
        self.counts["voted"] += 1
        began = time.monotonic()  # which is the event loop's clock, too
        fresh = asyncio.Event()
        streams = [
            words_of(self.name, self.own.answer(replace(prompt, early=False))),
            *(self._words_of(peer, request, prompt) for peer, request in self._requests(prompt, peers, tally.asked)),
        ]
        if prompt.early:
            streams.append(self._judge(tally, prompt, fresh))
        opening = Opening()
        async with aclosing(merge(streams)) as heard:
            while not tally.complete and not (self.rules.across == "latency" and tally.first):
                try:
                    async with asyncio.timeout_at(began + self._patience(tally)):
                        node, said = await anext(heard)
                except TimeoutError:
                    tally.give_up("late")
                    break
                if said == DECIDED:
                    tally.give_up("ok")
                    break
                tally.hear(node, said, time.monotonic() - began)
                if isinstance(said, BadRequest) and node == self.name and not isinstance(said, EndsEngine):
                    raise said
                if isinstance(said, Candidate):
                    fresh.set()
                for event in opening.let_through(tally.candidates[-1] if isinstance(said, Candidate) else said):
                    yield event
        election = await self._elect(tally, prompt, began)
        for event in opening.last(election):
            yield event

    def _patience(self, tally: Tally) -> float:
        return tally.patience(self.rules.grace_s, self.rules.timeout_s, self.settings.longest_s)

    def _requests(
        self, prompt: Prompt, peers: Sequence[Peer], wanted: Mapping[str, int]
    ) -> list[tuple[Peer, PeerRequest]]:
        """What each peer is asked. Greedy answers of one model are all alike, so there is one anchor for each model."""
        anchored = {self.model}
        drawn = seeds({peer.name: peer.id for peer in peers}, prompt.sampling.seed)
        made = []
        for peer in peers:
            model = peer.report.model if peer.report else None
            theirs = replace(
                prompt,
                voices=wanted[peer.name],
                anchored=model not in anchored,
                early=False,
                federate=False,
                sampling=replace(prompt.sampling, seed=drawn[peer.name], bias=()),
            )
            anchored.add(model)
            made.append(
                (peer, PeerRequest(encode(theirs), wanted[peer.name], self.rules.timeout_s, self.rules.silence_s))
            )
        return made

    async def _words_of(self, peer: Peer, request: PeerRequest, prompt: Prompt) -> AsyncGenerator[Heard, None]:
        peer.asked += 1
        try:
            async with aclosing(words_of(peer.name, self._ballots_of(peer, request, prompt))) as words:
                async for word in words:
                    yield word
        finally:
            peer.asked -= 1

    async def _ballots_of(self, peer: Peer, request: PeerRequest, prompt: Prompt) -> AsyncGenerator[Event, None]:
        """A peer's ballots, each held against the schemas of the prompt here: what it says of that itself proves nothing."""
        async with aclosing(self.client.ballots(peer, request)) as ballots:
            async for ballot in ballots:
                if isinstance(ballot, Candidate):
                    ballot = await check_candidate(prompt, ballot, self.jury.confined)
                yield ballot

    async def _brief(self, prompt: Prompt, candidates: Sequence[Candidate]) -> Brief:
        return await self.jury.brief(question_of(prompt), candidates, prompt.strategy or self.settings.strategy)

    async def _judge(self, tally: Tally, prompt: Prompt, fresh: asyncio.Event) -> AsyncGenerator[Heard, None]:
        """Look whether nobody can change the outcome any more, whenever there is something new, but not all the time."""
        known = self.merits.reliabilities_of([self.name, *tally.asked])
        while True:
            await fresh.wait()
            fresh.clear()
            began = time.monotonic()
            candidates, missing, announced = list(tally.candidates), tally.missing, dict(tally.asked)
            brief = await self._brief(prompt, candidates)

            def look(
                given: list[Candidate] = candidates,
                out: int = missing,
                most: dict[str, int] = announced,
                by: Brief = brief,
            ) -> bool:
                valid = counted(given, self.name, most, known, by.elect)
                return by.decided(valid, out + len(given) - len(valid))

            if 0 < missing < len(candidates) and await asyncio.to_thread(look):
                yield "", DECIDED
                return
            own = [candidate for candidate in candidates if candidate.node == self.name]
            if tally.local_missing < len(own) and await asyncio.to_thread(brief.decided, own, tally.local_missing):
                yield self.name, LOCALLY_DECIDED
            await asyncio.sleep((CHECK_SHARE - 1) * (time.monotonic() - began))

    async def _elect(self, tally: Tally, prompt: Prompt, began: float) -> Election:
        """The vote over the ballots that count, and what it teaches. Raises what kept our own swarm from answering."""
        vote = (await self._brief(prompt, tally.candidates)).elect
        known = self.merits.reliabilities_of([self.name, *tally.asked])

        def whole() -> tuple[Election, Election] | None:
            valid = counted(tally.candidates, self.name, tally.asked, known, vote)
            if not valid:
                return None
            election = across(self.rules.across, valid, known, vote, tally.first)
            return election, election if len(valid) == len(tally.candidates) else vote(tally.candidates)

        made = await asyncio.to_thread(whole)
        self._note(tally)
        if made is None:
            raise tally.problem or Unavailable("No machine had an answer that counts. Try again in a moment.")
        election, lesson = made
        peers = self.directory.peers.values()
        models = {self.name: self.model, **{peer.name: peer.report.model for peer in peers if peer.report}}
        self.merits.learn(lesson, models)
        seconds = time.monotonic() - began
        asked = len(tally.candidates) + tally.missing
        return replace(election, seconds=seconds, decided_early=tally.early, nodes=tally.turnouts, asked=asked)

    def _note(self, tally: Tally) -> None:
        """A peer that was late or sent nonsense is not asked again before it has answered a look."""
        now = time.monotonic()
        for turnout in tally.turnouts:
            self.counts[f"peer_{turnout.state}"] += turnout.name != self.name
        for peer in self.directory.peers.values():
            fault = tally.faults.get(peer.name)
            if fault in ("late", "slow", "gone", "refused", "invalid"):
                self.directory.note_silence(peer, "gone" if fault == "gone" else "late", now)
                peer.due = now

    # ------------------------------------------------------------------------------------------------ by one

    def _home_of(self, prompt: Prompt, peers: Sequence[Peer]) -> Peer | None:
        """The peer that this conversation belongs to, None where it belongs here."""
        here = Capable(self.name, self.healthy(), self.load - 1 - sum(peer.asked for peer in peers))
        chosen = node_for(key_of(prompt), [here, *(capable(peer) for peer in peers)])
        return next((peer for peer in peers if peer.name == chosen), None)

    async def _by_one(self, prompt: Prompt, peer: Peer) -> AsyncGenerator[Event, None]:
        """One peer's swarm answers alone; if it fails, ours does."""
        self.counts["routed"] += 1
        ballots = min(prompt.voices or peer.workers, MOST_BALLOTS)
        body = encode(replace(prompt, early=False, federate=False))
        longest_s = self.settings.longest_s
        request = PeerRequest(body, ballots, longest_s, self.rules.silence_s, alone=True)
        tally = Tally(self.name, 0, {peer.name: ballots})
        began, opening = time.monotonic(), Opening()
        async with aclosing(merge([self._words_of(peer, request, prompt)])) as heard:
            while peer.name in tally.outstanding:
                try:
                    async with asyncio.timeout_at(began + longest_s):
                        _, said = await anext(heard)
                except TimeoutError:
                    tally.give_up("late")
                    break
                tally.hear(peer.name, said, time.monotonic() - began)
                for event in opening.let_through(said):
                    yield event
        try:
            election = await self._elect(tally, prompt, began)
        except SwarmError:
            async with aclosing(self.own.answer(prompt)) as events:
                async for event in events:
                    yield event
            return
        for event in opening.last(
            replace(election, nodes=tuple(one for one in election.nodes if one.name != self.name))
        ):
            yield event


@dataclass(slots=True)
class Opening:
    """Puts what nodes say into the order that a Voice promises: one `Accepted` before all else, whoever speaks first."""

    accepted: bool = False
    held: list[Candidate] = field(default_factory=list)

    def let_through(self, said: Event | SwarmError | str | None) -> list[Event]:
        if isinstance(said, Candidate):
            if self.accepted:
                return [said]
            self.held.append(said)
        if not isinstance(said, Accepted) or self.accepted:
            return []
        self.accepted = True
        held, self.held = self.held, []
        return [said, *held]

    def last(self, election: Election) -> list[Event]:
        """The outcome, and before it what is owed where no node said that it had accepted."""
        return [*self.let_through(Accepted(election.elected.usage.prompt_tokens)), election]


def capable(peer: Peer) -> Capable:
    return Capable(peer.name, peer.workers, peer.asked)


async def words_of(node: str, events: Stream[Event]) -> AsyncGenerator[Heard, None]:
    """Everything that one node says, then how it ended: None, or what went wrong."""
    outcome: SwarmError | None = None
    try:
        async with aclosing(events):
            async for event in events:
                if isinstance(event, (Accepted, Candidate)):
                    yield node, event
    except SwarmError as problem:
        outcome = problem
    except Exception:  # a defect: told as one, for whoever waits must not wait for nothing
        logger.exception("Asking %s failed.", node)
        outcome = SwarmError("The swarm failed on this request; its log says why.")
    yield node, outcome

"""A prompt in, an election over the ballots of several machines out. See `Voice`.

It asks our own swarm and all healthy peers at the same moment. Whatever peers do, the local answer arrives. A peer
is given up after some seconds without a byte, and all of them some time after the local answer is decided.
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
from local_swarm.network.federation.peer_election import PeerElection
from local_swarm.network.federation.peer_reliability import PeerReliabilities
from local_swarm.network.federation.routing import NodeCapacity, Route, key_of, node_for, seeds, shares, spreads
from local_swarm.network.federation.tally import Tally
from local_swarm.network.protocol import MOST_BALLOTS, encode
from local_swarm.types import Accepted, Candidate, Election, Event, Prompt, Voice
from local_swarm.voting.calibration import claim
from local_swarm.voting.cross_consensus import Across
from local_swarm.voting.jury import Jury
from local_swarm.voting.question import question_of
from local_swarm.voting.settings import VoteSettings

CHECK_SHARE = 10  # checking whether the vote is decided may take one part in so many of the time
DECIDED, LOCALLY_DECIDED = "decided", "locally decided"
NodeMessage = tuple[str, Event | SwarmError | str | None]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WaitPolicy:
    """Which peers are asked and how long they are waited for.

    `fewest_peers`, `most_peers`: bounds of a vote across machines. `grace_s`: the wait once the local answer is
    decided. None is half the time that the local answer took, at least two seconds."""

    across: Across = "vote"
    route: Route = "vote"
    fewest_peers: int = 0
    most_peers: int = 10
    silence_s: float = SILENCE_S
    grace_s: float | None = None
    timeout_s: float = 300.0


@dataclass(slots=True)
class Federation:
    """Our own swarm and its peers as one Voice.

    `own`: our own swarm. `jury`: decides between the ballots of all nodes. `settings`: how our own swarm votes.
    `healthy`: returns how many of our workers can answer now. `model`: what they run.
    `counts`: requests by outcome. `load`: requests of our own users that are being answered.
    """

    own: Voice
    jury: Jury
    settings: VoteSettings
    healthy: Callable[[], int]
    directory: Directory
    client: Client
    reliabilities: PeerReliabilities
    policy: WaitPolicy = field(default_factory=WaitPolicy)
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
        peers = self.directory.askable(self.policy.most_peers)
        if spreads(prompt, self.policy.route, self.load, len(peers)):
            if peer := self._home_of(prompt, peers):
                return self._by_one(prompt, peer)
            return self.own.answer(prompt)
        healthy = self.healthy()
        wanted = shares(prompt, healthy, [capacity_of(peer) for peer in peers], self.policy.fewest_peers)
        if not wanted:
            return self.own.answer(prompt)
        asked = [peer for peer in peers if peer.name in wanted]
        tally = Tally(self.name, min(prompt.voices or healthy, healthy), wanted)
        return self._by_all(prompt, asked, tally)

    # ------------------------------------------------------------------------------------------------ by all

    async def _by_all(self, prompt: Prompt, peers: Sequence[Peer], tally: Tally) -> AsyncGenerator[Event, None]:
        self.counts["voted"] += 1
        began = time.monotonic()  # which is the event loop's clock, too
        fresh, vote = asyncio.Event(), self._election_on(prompt)
        streams = [
            messages_of(self.name, self.own.answer(replace(prompt, early=False))),
            *(self._ask_peer(peer, request, prompt) for peer, request in self._requests(prompt, peers, tally.asked)),
        ]
        if prompt.early:
            streams.append(self._watch_for_decision(tally, vote, fresh))
        opening = Opening()
        async with aclosing(merge(streams)) as messages:
            while not tally.complete and not (self.policy.across == "latency" and tally.first):
                try:
                    async with asyncio.timeout_at(began + self._patience(tally)):
                        node, message = await anext(messages)
                except TimeoutError:
                    tally.give_up("late")
                    break
                if message == DECIDED:
                    tally.give_up("ok")
                    break
                tally.hear(node, message, time.monotonic() - began)
                if isinstance(message, BadRequest) and node == self.name and not isinstance(message, EndsEngine):
                    raise message
                if isinstance(message, Candidate):
                    fresh.set()
                for event in opening.let_through(tally.candidates[-1] if isinstance(message, Candidate) else message):
                    yield event
        election = await self._elect(tally, vote, began)
        for event in opening.last(election):
            yield event

    def _patience(self, tally: Tally) -> float:
        return tally.patience(self.policy.grace_s, self.policy.timeout_s, self.settings.longest_s)

    def _requests(
        self, prompt: Prompt, peers: Sequence[Peer], wanted: Mapping[str, int]
    ) -> list[tuple[Peer, PeerRequest]]:
        """What each peer is asked. Greedy answers of one model are equal, so each model gives one anchor."""
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
                (peer, PeerRequest(encode(theirs), wanted[peer.name], self.policy.timeout_s, self.policy.silence_s))
            )
        return made

    async def _ask_peer(self, peer: Peer, request: PeerRequest, prompt: Prompt) -> AsyncGenerator[NodeMessage, None]:
        peer.asked += 1
        try:
            async with aclosing(messages_of(peer.name, self._checked_ballots_of(peer, request, prompt))) as messages:
                async for message in messages:
                    yield message
        finally:
            peer.asked -= 1

    async def _checked_ballots_of(
        self, peer: Peer, request: PeerRequest, prompt: Prompt
    ) -> AsyncGenerator[Event, None]:
        """A peer's ballots, each checked here against the prompt's schemas. The peer's own check proves nothing."""
        async with aclosing(self.client.ballots(peer, request)) as ballots:
            async for ballot in ballots:
                if isinstance(ballot, Candidate):
                    ballot = await check_candidate(prompt, ballot, self.jury.confined)
                yield ballot

    def _election_on(self, prompt: Prompt) -> PeerElection:
        return PeerElection(
            jury=self.jury,
            question=question_of(prompt),
            strategy=prompt.strategy or self.settings.strategy,
            across=self.policy.across,
            reliabilities=self.reliabilities,
            own=self.name,
        )

    async def _watch_for_decision(
        self, tally: Tally, vote: PeerElection, fresh: asyncio.Event
    ) -> AsyncGenerator[NodeMessage, None]:
        """Yields once no missing ballot can change the outcome. Checking takes a bounded share of the time."""
        while True:
            await fresh.wait()
            fresh.clear()
            began = time.monotonic()
            decision = await vote.decision(tally)
            if decision == "all":
                yield "", DECIDED
                return
            if decision == "local":
                yield self.name, LOCALLY_DECIDED
            await asyncio.sleep((CHECK_SHARE - 1) * (time.monotonic() - began))

    async def _elect(self, tally: Tally, vote: PeerElection, began: float) -> Election:
        """Elects, and learns from the vote. Raises our own swarm's error where no ballot counts."""
        made = await vote.elect(tally)
        self._note_faults(tally)
        if made is None:
            raise tally.problem or Unavailable("No machine had an answer that counts. Try again in a moment.")
        election, lesson = made
        peers = self.directory.peers.values()
        models = {self.name: self.model, **{peer.name: peer.report.model for peer in peers if peer.report}}
        self.reliabilities.learn(lesson, models)
        if models.get(election.elected.node or self.name) == self.model:
            election = claim(election, self.jury.practised)
        seconds = time.monotonic() - began
        asked = len(tally.candidates) + tally.missing
        return replace(election, seconds=seconds, decided_early=tally.early, nodes=tally.turnouts, asked=asked)

    def _note_faults(self, tally: Tally) -> None:
        """A peer that was late or sent an invalid answer is not asked again before it has answered a probe."""
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
        """The peer that this conversation is routed to. None if it stays here."""
        here = NodeCapacity(self.name, self.healthy(), self.load - 1 - sum(peer.asked for peer in peers))
        home = node_for(key_of(prompt), [here, *(capacity_of(peer) for peer in peers)])
        return next((peer for peer in peers if peer.name == home), None)

    async def _by_one(self, prompt: Prompt, peer: Peer) -> AsyncGenerator[Event, None]:
        """One peer's swarm answers alone. If it fails, ours answers."""
        self.counts["routed"] += 1
        ballots = min(prompt.voices or peer.workers, MOST_BALLOTS)
        body = encode(replace(prompt, early=False, federate=False))
        longest_s = self.settings.longest_s
        request = PeerRequest(body, ballots, longest_s, self.policy.silence_s, alone=True)
        tally = Tally(self.name, 0, {peer.name: ballots})
        began, opening = time.monotonic(), Opening()
        async with aclosing(merge([self._ask_peer(peer, request, prompt)])) as messages:
            while peer.name in tally.outstanding:
                try:
                    async with asyncio.timeout_at(began + longest_s):
                        _, message = await anext(messages)
                except TimeoutError:
                    tally.give_up("late")
                    break
                tally.hear(peer.name, message, time.monotonic() - began)
                for event in opening.let_through(message):
                    yield event
        try:
            election = await self._elect(tally, self._election_on(prompt), began)
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
    """Orders the events of several nodes as a Voice must: one `Accepted` comes first."""

    accepted: bool = False
    held: list[Candidate] = field(default_factory=list)

    def let_through(self, message: Event | SwarmError | str | None) -> list[Event]:
        """What may go to the caller now. Candidates before the first `Accepted` are held."""
        if isinstance(message, Candidate):
            if self.accepted:
                return [message]
            self.held.append(message)
        if not isinstance(message, Accepted) or self.accepted:
            return []
        self.accepted = True
        held, self.held = self.held, []
        return [message, *held]

    def last(self, election: Election) -> list[Event]:
        """The election, after the held candidates where no node has sent `Accepted`."""
        return [*self.let_through(Accepted(election.elected.usage.prompt_tokens)), election]


def capacity_of(peer: Peer) -> NodeCapacity:
    return NodeCapacity(peer.name, peer.workers, peer.asked)


async def messages_of(node: str, events: Stream[Event]) -> AsyncGenerator[NodeMessage, None]:
    """One node's events, each with its name, then the outcome: None, or the error."""
    outcome: SwarmError | None = None
    try:
        async with aclosing(events):
            async for event in events:
                if isinstance(event, (Accepted, Candidate)):
                    yield node, event
    except SwarmError as problem:
        outcome = problem
    except Exception:  # a defect; the caller must not wait for this node
        logger.exception("Asking %s failed.", node)
        outcome = SwarmError("The swarm failed on this request; its log says why.")
    yield node, outcome

"""Ballots of several machines in, those that count out, and what is learned of the machines from how they fared. Pure.

A machine is believed as far as its ballots have agreed with those of other machines so far. That decides how many of
them count, never how many times one counts: a weak machine is heard with its best supported answers and cannot outvote
good ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from local_swarm.types import Candidate, Election
from local_swarm.voting.extract import extract

Across = Literal["vote", "weighted", "best_of_n", "latency"]
Vote = Callable[[Sequence[Candidate]], Election]

NEW_VOTES = 50.0  # a machine counts as average until about so many votes say otherwise
HALF_LIFE = 2000.0  # votes after which an observation counts half
ALL_FROM, NONE_FROM = 0.95, 0.88  # of the best machine's record: from here on all ballots count, from here down none


@dataclass(frozen=True, slots=True)
class PeerReliability:
    """How often a machine's ballots said the same as those of other machines, as decaying sums over votes of several
    machines.

    How hard the questions are shows in this as much as how good the machine is, so it is only ever compared with the
    records of machines that answered the same ones.
    """

    agreed: float = 0.0
    total: float = 0.0

    def after(self, share: float) -> PeerReliability:
        """After one more vote, in which this share of the comparisons with others' ballots agreed."""
        keep = 0.5 ** (1.0 / HALF_LIFE)
        return PeerReliability(self.agreed * keep + share, self.total * keep + 1.0)


def reliabilities_after(
    known: Mapping[str, PeerReliability], election: Election, models: Mapping[str, str | None] | None = None
) -> dict[str, PeerReliability]:
    """What an election over all ballots, not only those that counted, teaches of each machine that took part.

    Agreeing with oneself proves nothing, so every ballot is compared with those of the other machines; of two
    machines this says the same, and so nothing. Machines with the same model make the same mistakes: where there are
    several models, only ballots of different ones are compared, or three small models would talk down a large one."""
    nodes = by_node(election.candidates)
    if len(nodes) < 3:
        return dict(known)
    model_of = {node: (models or {}).get(node) for node in nodes}
    several = len(set(model_of.values())) > 1
    groups = {at: number for number, cluster in enumerate(election.clusters) for at in cluster}
    counts = {node: Counter(groups[at] for at in members) for node, members in nodes.items()}
    updated = dict(known)
    for node, own in counts.items():
        others = [counts[one] for one in nodes if one != node and not (several and model_of[one] == model_of[node])]
        agreeing = sum(count * other[group] for other in others for group, count in own.items())
        pairs = own.total() * sum(other.total() for other in others)
        updated[node] = updated.get(node, PeerReliability()).after(agreeing / pairs)
    return updated


def standings(nodes: Iterable[str], known: Mapping[str, PeerReliability]) -> dict[str, float]:
    """Each machine's record as a share (0 to 1) of the best one's. Machines with few votes are taken for average
    ones."""
    records = {node: known.get(node, PeerReliability()) for node in nodes}
    total = sum(record.total for record in records.values())
    average = sum(record.agreed for record in records.values()) / total if total else 0.0
    values = {node: (one.agreed + NEW_VOTES * average) / (one.total + NEW_VOTES) for node, one in records.items()}
    best = max(values.values(), default=0.0)
    return {node: value / best if best else 1.0 for node, value in values.items()}


def by_node(candidates: Sequence[Candidate]) -> dict[str, list[int]]:
    """Places of the candidates, by the machine that they are from."""
    found: dict[str, list[int]] = {}
    for at, candidate in enumerate(candidates):
        found.setdefault(candidate.node or "", []).append(at)
    return found


def ballots_that_count(
    candidates: Sequence[Candidate],
    local: str,
    announced: Mapping[str, int],
    known: Mapping[str, PeerReliability],
    vote: Vote,
) -> list[Candidate]:
    """The ballots that count, in the order given.

    At most as many of a machine as it has announced workers; fewer of one whose record is below the best one's, those
    that its own vote puts first, and none where it is far below, unless nobody better has answered; and no tool call
    that a single peer stands for: what acts on the user's machine takes a second machine, or our own.
    """
    nodes = by_node(candidates)
    stands = standings(nodes, known)
    kept: set[int] = set()
    for node, members in nodes.items():
        limit = len(members) if node == local else min(len(members), announced.get(node, 0))
        share = min(1.0, max(0.0, (stands[node] - NONE_FROM) / (ALL_FROM - NONE_FROM)))
        heard = round(share * limit)
        kept |= set(members if heard == len(members) else most_supported(candidates, members, heard, vote))
    chosen = [candidate for at, candidate in enumerate(candidates) if at in kept]
    return [one for one in chosen if not one.tool_calls or has_support(one, candidates, local)]


def most_supported(candidates: Sequence[Candidate], members: list[int], limit: int, vote: Vote) -> list[int]:
    """The ballots of one machine that its own vote puts first."""
    if limit <= 0:
        return []
    election = vote([candidates[at] for at in members])
    own = next(cluster for cluster in election.clusters if election.winner in cluster)
    order = dict.fromkeys([election.winner, *own, *(at for cluster in election.clusters for at in cluster)])
    return [members[at] for at in list(order)[:limit]]


def has_support(one: Candidate, candidates: Sequence[Candidate], local: str) -> bool:
    """Whether our own machine, or a second one, makes the same tool call."""
    body = extract(one).body
    return one.node == local or any(
        other.node != one.node and other.tool_calls and extract(other).body == body for other in candidates
    )


def across(
    strategy: Across,
    candidates: Sequence[Candidate],
    known: Mapping[str, PeerReliability],
    vote: Vote,
    first: str | None = None,
) -> Election:
    """The election over ballots that count. `first`: the machine that was done first, for `latency`.

    `vote` treats all ballots alike. `weighted` sums what each machine says, by how sure it is (the agreement within it)
    and how reliable; `best_of_n` takes the winner of the surest machine; `latency` that of the first.
    """
    election = vote(candidates)
    nodes = by_node(candidates)
    if strategy == "vote":
        return election
    if len(nodes) < 2:
        return replace(election, strategy=strategy)
    votes = {node: vote([candidates[at] for at in members]) for node, members in nodes.items()}
    stands = standings(nodes, known)
    sure = {node: own.agreement * stands[node] for node, own in votes.items()}
    if strategy == "weighted":
        chosen_at = heaviest(election, sure, nodes)
        return replace(election, winner=chosen_at, agreement=share_of(election, chosen_at), strategy="weighted")
    surest = max(sorted(nodes), key=lambda node: sure[node])
    chosen = first if strategy == "latency" and first in nodes else surest
    winner = nodes[chosen][votes[chosen].winner]
    return replace(election, winner=winner, agreement=share_of(election, winner), strategy=strategy)


def heaviest(election: Election, sure: Mapping[str, float], nodes: Mapping[str, list[int]]) -> int:
    """The winner of the cluster with most weight behind it, each machine's weight spread over its ballots."""
    owner = {at: node for node, members in nodes.items() for at in members}

    def weight(cluster: Sequence[int]) -> float:
        return sum(sure[owner[at]] / len(nodes[owner[at]]) for at in cluster)

    cluster = max(election.clusters, key=lambda one: (weight(one), election.winner in one))
    return election.winner if election.winner in cluster else max(cluster, key=lambda at: (sure[owner[at]], -at))


def share_of(election: Election, winner: int) -> float:
    return next(len(cluster) for cluster in election.clusters if winner in cluster) / len(election.candidates)

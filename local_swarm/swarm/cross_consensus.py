"""Ballots of several machines in, those that count out, and what is learned of the machines from how they fared. Pure.

A machine is believed as far as it has agreed with winners so far. That decides how many of its ballots count, never how many
times one counts: a weak machine is heard with its best supported answers and cannot outvote good ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from local_swarm.swarm.extract import extract
from local_swarm.types import Candidate, Election

Across = Literal["vote", "weighted", "best_of_n", "latency"]
Vote = Callable[[Sequence[Candidate]], Election]

PRIOR_AGREED, PRIOR_TOTAL = (
    6.0,
    8.0,
)  # a machine nobody knows yet is taken for a good one, until about ten votes say otherwise
HALF_LIFE = 200.0  # votes after which an observation counts half
FULL_SHARE = 0.8  # of the best machine's reliability, from which all ballots count


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often a machine's ballots were among the winners, as decaying sums over votes in which several machines took part."""

    agreed: float = PRIOR_AGREED
    total: float = PRIOR_TOTAL

    @property
    def value(self) -> float:
        return self.agreed / self.total

    def after(self, share: float) -> Reliability:
        """After one more vote, in which this share of its ballots agreed with a winner that others supported too."""
        keep = 0.5 ** (1.0 / HALF_LIFE)
        return Reliability(self.agreed * keep + share, self.total * keep + 1.0)


def learned(known: Mapping[str, Reliability], election: Election) -> dict[str, Reliability]:
    """What one election teaches: something only where two machines say what won, for agreeing with oneself proves nothing."""
    winners = set(next(cluster for cluster in election.clusters if election.winner in cluster))
    if len({election.candidates[at].node for at in winners}) < 2:
        return dict(known)
    updated = dict(known)
    for node, members in by_node(election.candidates).items():
        share = len(winners & set(members)) / len(members)
        updated[node] = updated.get(node, Reliability()).after(share)
    return updated


def by_node(candidates: Sequence[Candidate]) -> dict[str, list[int]]:
    """Places of the candidates, by the machine that they are from."""
    found: dict[str, list[int]] = {}
    for at, candidate in enumerate(candidates):
        found.setdefault(candidate.node or "", []).append(at)
    return found


def counted(
    candidates: Sequence[Candidate],
    local: str,
    announced: Mapping[str, int],
    known: Mapping[str, Reliability],
    vote: Vote,
) -> list[Candidate]:
    """The ballots that count, in the order given.

    At most as many of a machine as it has announced workers; fewer of one that is far less reliable than the best; and no tool
    call that a single peer stands for: what acts on the user's machine takes a second machine, or our own.
    """
    nodes = by_node(candidates)
    best = max((known.get(node, Reliability()).value for node in nodes), default=1.0)
    kept: set[int] = set()
    for node, members in nodes.items():
        limit = len(members) if node == local else min(len(members), announced.get(node, 0))
        share = known.get(node, Reliability()).value / max(best * FULL_SHARE, 1e-9)
        if share < 1.0:
            limit = min(limit, max(1, round(share * limit)))
        kept |= set(members if limit == len(members) else foremost(candidates, members, limit, vote))
    chosen = [candidate for at, candidate in enumerate(candidates) if at in kept]
    return [one for one in chosen if not one.tool_calls or supported(one, chosen, local)]


def foremost(candidates: Sequence[Candidate], members: list[int], limit: int, vote: Vote) -> list[int]:
    """The ballots of one machine that its own vote puts first."""
    if limit <= 0:
        return []
    election = vote([candidates[at] for at in members])
    own = next(cluster for cluster in election.clusters if election.winner in cluster)
    order = dict.fromkeys([election.winner, *own, *(at for cluster in election.clusters for at in cluster)])
    return [members[at] for at in list(order)[:limit]]


def supported(one: Candidate, candidates: Sequence[Candidate], local: str) -> bool:
    """Whether our own machine, or a second one, makes the same tool call."""
    body = extract(one).body
    return one.node == local or any(
        other.node != one.node and other.tool_calls and extract(other).body == body for other in candidates
    )


def across(
    strategy: Across,
    candidates: Sequence[Candidate],
    known: Mapping[str, Reliability],
    vote: Vote,
    first: str | None = None,
) -> Election:
    """The election over ballots that count. `first`: the machine that was done first, for `latency`.

    `vote` treats all ballots alike. `weighted` sums what each machine says, by how sure it is (the agreement within it) and how
    reliable; `best_of_n` takes the winner of the surest machine; `latency` that of the first.
    """
    election = vote(candidates)
    nodes = by_node(candidates)
    if strategy == "vote":
        return election
    if len(nodes) < 2:
        return replace(election, strategy=strategy)
    votes = {node: vote([candidates[at] for at in members]) for node, members in nodes.items()}
    sure = {node: own.agreement * known.get(node, Reliability()).value for node, own in votes.items()}
    if strategy == "weighted":
        chosen_at = heaviest(election, sure, nodes)
        return replace(election, winner=chosen_at, agreement=agreement(election, chosen_at), strategy="weighted")
    surest = max(sorted(nodes), key=lambda node: sure[node])
    chosen = first if strategy == "latency" and first in nodes else surest
    winner = nodes[chosen][votes[chosen].winner]
    return replace(election, winner=winner, agreement=agreement(election, winner), strategy=strategy)


def heaviest(election: Election, sure: Mapping[str, float], nodes: Mapping[str, list[int]]) -> int:
    """The winner of the cluster with most weight behind it, each machine's weight spread over its ballots."""
    owner = {at: node for node, members in nodes.items() for at in members}

    def weight(cluster: Sequence[int]) -> float:
        return sum(sure[owner[at]] / len(nodes[owner[at]]) for at in cluster)

    cluster = max(election.clusters, key=lambda one: (weight(one), election.winner in one))
    return election.winner if election.winner in cluster else max(cluster, key=lambda at: (sure[owner[at]], -at))


def agreement(election: Election, winner: int) -> float:
    return next(len(cluster) for cluster in election.clusters if winner in cluster) / len(election.candidates)

"""A prompt and the load of all nodes in, who is asked for how many ballots out. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from local_swarm.network.protocol import MOST_BALLOTS
from local_swarm.types import Prompt

SLACK = 1.25  # times the average load; above it a node passes conversations on
Route = Literal["vote", "spread", "auto"]


@dataclass(frozen=True, slots=True)
class NodeCapacity:
    """A node that could be asked. `load`: our requests that it works on."""

    name: str
    workers: int
    load: int = 0


def shares(prompt: Prompt, local: int, peers: Sequence[NodeCapacity], fewest: int = 0) -> dict[str, int]:
    """How many ballots each peer is asked for. Empty where only our own workers answer.

    `prompt.voices` is the number of all ballots, our own first. No peer is asked for one voice, which is no vote,
    or where there are fewer than `fewest` peers.
    """
    one_voice = prompt.voices == 1 or (prompt.voices is None and prompt.sampling.temperature == 0)
    if not prompt.federate or one_voice or len(peers) < fewest:
        return {}
    left = sum(peer.workers for peer in peers) if prompt.voices is None else max(0, prompt.voices - local)
    made: dict[str, int] = {}
    for number, peer in enumerate(peers):
        fair = -(-left // (len(peers) - number))  # the ballots left over the peers left, rounded up
        share = min(peer.workers, MOST_BALLOTS, left if prompt.voices is None else fair)
        if share > 0:
            made[peer.name] = share
            left -= share
    return made


def spreads(prompt: Prompt, route: Route, load: int, peers: int) -> bool:
    """Whether one node answers alone. A peer alone never decides a tool call, so prompts with tools stay here."""
    if prompt.tools or not prompt.federate or not peers:
        return False
    if prompt.route is not None:
        return prompt.route
    return route == "spread" or (route == "auto" and load > peers)


def node_for(key: str, nodes: Sequence[NodeCapacity]) -> str:
    """The node that a conversation is routed to, always the same, so that its KV cache already holds the beginning.

    Rendezvous hashing (Thaler & Ravishankar 1998) weighted by workers, with bounded loads (Mirrokni, Thorup &
    Zadimoghaddam 2018). A node above its share of the load passes conversations on to the next in rank.
    """
    workers = sum(max(1, node.workers) for node in nodes)
    load = sum(node.load for node in nodes) + 1

    def rank(node: NodeCapacity) -> float:
        drawn = int.from_bytes(hashlib.sha256(f"{key} {node.name}".encode()).digest()[:7], "big") / 2**56
        return float(max(drawn, 1e-18) ** (1.0 / max(1, node.workers)))

    by_rank = sorted(nodes, key=lambda node: (-rank(node), node.name))
    for node in by_rank:
        if node.load + 1 <= max(1.0, SLACK * load * max(1, node.workers) / workers):
            return node.name
    return min(by_rank, key=lambda node: node.load / max(1, node.workers)).name


def key_of(prompt: Prompt) -> str:
    """Identifies a conversation: the client's session id, or a hash of its first messages."""
    if prompt.session:
        return prompt.session
    start = [message.content for message in prompt.messages[:2]]
    return hashlib.sha256("\0".join(start).encode()).hexdigest()


def seeds(names: Mapping[str, str], seed: int | None) -> dict[str, int | None]:
    """A seed for each peer (`names`: name to id). It differs from ours and is the same for the same request."""
    return {
        name: None if seed is None else (seed + int(hashlib.sha256(identity.encode()).hexdigest()[:7], 16)) % 2**31
        for name, identity in names.items()
    }

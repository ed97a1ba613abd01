"""Elections in, the reliability of each machine out. A file keeps it between starts."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local_swarm.network.discovery.directory import Directory
from local_swarm.network.protocol import Malformed, decode, encode
from local_swarm.paths import PRIVATE, keep
from local_swarm.types import Election
from local_swarm.voting.cross_consensus import PeerReliability, reliabilities_after

MOST = 256  # machines remembered

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReliabilityFile:
    """By voter key: the same machine with another model is another voter."""

    merits: dict[str, PeerReliability]


@dataclass(slots=True)
class PeerReliabilities:
    """`key` maps the name of a node, as candidates carry it, to its voter key. Without a path nothing is kept."""

    key: Callable[[str], str]
    path: Path | None = None
    _by_key: dict[str, PeerReliability] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.path:
            with contextlib.suppress(OSError, Malformed, UnicodeError):
                found = decode(ReliabilityFile, self.path.read_text(encoding="utf-8")).merits
                self._by_key = {
                    key: one for key, one in found.items() if 0 <= one.agreed <= one.total and one.total > 0
                }

    def reliabilities_of(self, names: Iterable[str]) -> dict[str, PeerReliability]:
        """Of the nodes with these names, for those that have voted here before."""
        return {name: self._by_key[self.key(name)] for name in names if self.key(name) in self._by_key}

    def learn(self, election: Election, models: Mapping[str, str | None] | None = None) -> None:
        """`models`: the model of each node, by name."""
        names = {candidate.node for candidate in election.candidates if candidate.node}
        for name, merit in reliabilities_after(self.reliabilities_of(names), election, models).items():
            self._by_key[self.key(name)] = merit

    def save(self) -> None:
        if self.path and self._by_key:
            with contextlib.suppress(OSError):
                keep(self.path, encode(ReliabilityFile(dict(list(self._by_key.items())[-MOST:]))).decode(), PRIVATE)


def voter_key(directory: Directory, own_model: str | None, name: str) -> str:
    """What a node is remembered by: its id and its model. Every name that is no peer's is ours."""
    peer = next((peer for peer in directory.peers.values() if peer.name == name), None)
    if peer is None:
        return f"{directory.mine} {own_model}"
    return f"{peer.id} {peer.report.model if peer.report else None}"

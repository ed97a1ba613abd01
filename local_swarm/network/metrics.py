"""The counters of a federation's parts in, one table by name out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from local_swarm.network.discovery.directory import Directory
from local_swarm.network.federation.federation import Federation


@dataclass(frozen=True, slots=True)
class FederationMetrics:
    """Counts since the start. `refused` are the counts of our server: what unpaired nodes tried."""

    refused: Mapping[str, int]
    federation: Federation
    directory: Directory

    def counts(self) -> dict[str, int]:
        return {
            **self.refused,
            **{f"federation_{name}": count for name, count in self.federation.counts.items()},
            "strangers_announced": self.directory.unpaired_seen,
            "announcements_left_out": self.directory.left_out,
            "peers_ok": sum(peer.state == "ok" for peer in self.directory.peers.values()),
        }

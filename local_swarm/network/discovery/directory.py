"""What is heard of other nodes in, who they are and whom to ask out. Time is told to it; it does no I/O.

Announcements are hints by anybody; only a node whose certificate is pinned becomes a peer, and only its own reports change what
is believed of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from local_swarm.network.discovery.announcement import Announcement
from local_swarm.network.discovery.lan import is_lan_address
from local_swarm.network.protocol import VERSION, Hint, Report
from local_swarm.network.trust.store import PairedMember

POLL_S = 2.0  # between looks at a peer
GONE_AFTER_S = 8.0  # of silence
MOST_UNPAIRED = 64  # announcements of nodes that are not ours, kept to show and to try
BACKOFF_S, LONGEST_BACKOFF_S = 2.0, 60.0
MOST_PEER_ADDRESSES = 8  # addresses kept for one peer

PeerState = Literal[
    "new", "ok", "starting", "degraded", "busy", "battery", "stopping", "late", "gone", "refused", "version"
]
ASKABLE = ("ok", "degraded")


@dataclass(slots=True)
class Peer:
    """A member of our swarm as far as it is known. `places` are where it may be, the best first; at `proven` it has
    answered, so no announcement can push that out. `asked`: requests of ours in the works there."""

    id: str
    name: str
    certificate: str
    addresses: list[str] = field(default_factory=list)
    state: PeerState = "new"
    report: Report | None = None
    latency_s: float | None = None
    heard: float | None = None
    due: float = 0.0
    failures: int = 0
    asked: int = 0
    proven: str | None = None

    @property
    def address(self) -> str | None:
        return self.addresses[0] if self.addresses else None

    @property
    def workers(self) -> int:
        return self.report.workers if self.report else 0


@dataclass(slots=True)
class UnpairedNode:
    """A node that was announced and is not pinned, or a place where one may be. `due`: when to knock next."""

    id: str
    name: str
    addresses: tuple[str, ...]
    swarm: str = ""
    invitation: str = ""
    version: int = VERSION
    due: float = 0.0
    failures: int = 0
    static: bool = False


@dataclass(slots=True)
class Directory:
    """`mine` is our id, `run` marks this start of us. `strangers_seen` and `left_out` count announcements, the latter those for
    which there was no room; `doubles` those of somebody else under our id."""

    mine: str
    my_name: str = ""
    peers: dict[str, Peer] = field(default_factory=dict)
    unpaired: dict[str, UnpairedNode] = field(default_factory=dict)
    unpaired_seen: int = 0
    left_out: int = 0
    run: str = ""
    duplicates: int = 0
    _services: dict[str, str] = field(default_factory=dict)

    # ------------------------------------------------------------------------------------------- members

    def keep_members(self, members: Iterable[PairedMember]) -> None:
        """Know exactly these as peers."""
        kept = {member.id: member for member in members if member.id != self.mine}
        for identity, member in kept.items():
            peer = self.peers.setdefault(identity, Peer(identity, member.name, member.certificate))
            peer.name = member.name
            for place in reversed(member.addresses):
                add_address(peer, place, first=not peer.addresses)
            if met := self.unpaired.pop(identity, None):  # the places where it was announced hold for the peer
                for place in met.addresses:
                    add_address(peer, place, first=False)
        self.peers = {identity: peer for identity, peer in self.peers.items() if identity in kept}
        self._unique_names()

    def _unique_names(self) -> None:
        """Two machines may have the same name; then both get a piece of their id with it."""
        names = [self.my_name, *(peer.name for peer in self.peers.values())]
        for peer in self.peers.values():
            if names.count(peer.name) > 1:
                peer.name = f"{peer.name}-{peer.id[:4]}"

    # -------------------------------------------------------------------------------------- announcements

    def knows(self, identity: str) -> bool:
        return identity in self.peers or identity in self.unpaired

    def hear_announcement(self, said: Announcement, places: tuple[str, ...], now: float, service: str = "") -> None:
        """A hint: where a peer may be now, or that there is somebody else. `service`: the name that a goodbye would carry."""
        if said.id == self.mine:
            self.duplicates += said.run not in ("", self.run)
            return
        if service and len(self._services) < 2 * MOST_UNPAIRED:
            self._services[service] = said.id
        peer = self.peers.get(said.id)
        if peer:
            for place in reversed(places):
                add_address(peer, place, first=peer.state != "ok")
            if peer.state in ("gone", "late", "new"):
                peer.due = now
            return
        known = self.unpaired.get(said.id)
        if known is None:
            self.unpaired_seen += 1
            if len(self.unpaired) >= MOST_UNPAIRED:
                self.left_out += 1
                return
            known = self.unpaired[said.id] = UnpairedNode(said.id, said.name, places)
        if (known.swarm, known.addresses) != (said.swarm, places):
            known.due, known.failures = now, 0
        known.name, known.addresses, known.swarm = said.name, places, said.swarm
        known.invitation, known.version = said.invitation, said.version

    def hear_contact(self, identity: str, place: str, now: float) -> None:
        """A peer has asked us something, and said where it is itself."""
        peer = self.peers.get(identity)
        if peer and peer.state in ("gone", "late", "new", "refused"):
            add_address(peer, place, first=True)
            peer.due = min(peer.due, now)

    def hear_goodbye(self, service: str, now: float) -> None:
        """A goodbye. Anybody can forge one, so of a peer it only means: look at once."""
        identity = self._services.pop(service, "")
        self.unpaired.pop(identity, None)
        if peer := self.peers.get(identity):
            peer.due = now

    def add_static(self, place: str) -> None:
        """A place that the user has named."""
        self.unpaired.setdefault(place, UnpairedNode(place, place, (place,), static=True))

    def hear_hints(self, hints: Iterable[Hint]) -> None:
        """Where a peer says that others are."""
        for hint in hints:
            peer = self.peers.get(hint.id)
            if not is_lan_address(hint.address.rpartition(":")[0].strip("[]")):
                continue
            if peer:
                add_address(peer, hint.address, first=False)
            elif hint.id != self.mine and hint.id not in self.unpaired and len(self.unpaired) < MOST_UNPAIRED:
                self.unpaired[hint.id] = UnpairedNode(hint.id, hint.id[:6], (hint.address,), swarm="hint")

    # ---------------------------------------------------------------------------------------- what they do

    def hear_report(self, peer: Peer, place: str, report: Report, latency_s: float, now: float) -> None:
        add_address(peer, place, first=True)
        peer.proven = place
        peer.report, peer.heard, peer.failures = report, now, 0
        peer.latency_s = latency_s if peer.latency_s is None else 0.7 * peer.latency_s + 0.3 * latency_s
        peer.state = report.state if report.version == VERSION else "version"
        peer.due = now + POLL_S

    def note_silence(self, peer: Peer, state: PeerState, now: float) -> None:
        """It did not answer. `gone` and `refused` are certain; `late` becomes `gone` with time."""
        peer.failures += 1
        silence = now - peer.heard if peer.heard is not None else GONE_AFTER_S
        peer.state = "gone" if state == "late" and silence >= GONE_AFTER_S else state
        patience = backoff(peer.failures) if peer.state in ("gone", "refused") and peer.failures > 5 else POLL_S
        peer.due = now + patience

    def postpone_greeting(self, stranger: UnpairedNode, now: float) -> None:
        stranger.failures += 1
        stranger.due = now + backoff(stranger.failures)

    # ------------------------------------------------------------------------------------------------ whom

    def due(self, now: float) -> list[Peer]:
        return [peer for peer in self.peers.values() if peer.due <= now and peer.addresses]

    def to_greet(self, tag: str, now: float) -> list[UnpairedNode]:
        """Strangers that may be members whom we have not met: they show our swarm's tag, or the user named them."""
        return [s for s in self.unpaired.values() if s.due <= now and (s.static or s.swarm in (tag, "hint"))]

    def askable(self, most: int) -> list[Peer]:
        """Healthy peers, the quickest first."""
        able = [peer for peer in self.peers.values() if peer.state in ASKABLE and peer.workers > 0]
        return sorted(able, key=lambda peer: (peer.latency_s or 0.0, peer.id))[:most]

    def hints(self) -> tuple[Hint, ...]:
        return tuple(Hint(peer.id, peer.address) for peer in self.peers.values() if peer.state == "ok" and peer.address)


def add_address(peer: Peer, place: str, first: bool) -> None:
    if place in peer.addresses:
        if not first:
            return
        peer.addresses.remove(place)
    peer.addresses.insert(0 if first else len(peer.addresses), place)
    del peer.addresses[MOST_PEER_ADDRESSES:]
    if peer.proven and peer.proven not in peer.addresses:
        peer.addresses[-1] = peer.proven


def backoff(failures: int) -> float:
    return min(LONGEST_BACKOFF_S, BACKOFF_S * 2.0 ** min(10, failures - 1))

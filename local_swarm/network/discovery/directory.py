"""Announcements, reports and silence of nodes in, whom to ask and to greet out. Pure: the caller tells the time.

Anybody can announce anything, so an announcement is a hint. Only a node with a pinned certificate becomes a peer,
and only its own reports change its state.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from local_swarm.network.discovery.announcement import Announcement
from local_swarm.network.discovery.lan import is_lan_address
from local_swarm.network.protocol import VERSION, Hint, Report
from local_swarm.network.trust.store import PairedMember

POLL_S = 2.0  # between probes of a peer
GONE_AFTER_S = 8.0  # of silence
MOST_UNPAIRED = 64  # announced nodes of other swarms that are kept
MOST_SHOWN = 16  # of them
BACKOFF_S, LONGEST_BACKOFF_S = 2.0, 60.0
MOST_PEER_ADDRESSES = 8  # addresses kept for one peer

PeerState = Literal[
    "new", "ok", "starting", "degraded", "busy", "battery", "stopping", "late", "gone", "refused", "version"
]
ASKABLE = ("ok", "degraded")


@dataclass(slots=True)
class Peer:
    """A member of our swarm.

    `addresses` are where it may be, the best first, as `host:port`. It has answered at `proven`, so announcements
    cannot push that one out. `heard` and `due` are times of the last report and of the next probe. `asked` counts
    our requests that it works on."""

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
    """An announced node without a pinned certificate, or an address where the user expects one (`static`).

    `due` is the time of the next greeting."""

    id: str
    name: str
    addresses: tuple[str, ...]
    swarm: str = ""
    invitation: str = ""
    version: int = VERSION
    due: float = 0.0
    failures: int = 0
    static: bool = False

    def update(self, announcement: Announcement, addresses: tuple[str, ...], now: float) -> None:
        """Take over what it announces. A change makes it due at once."""
        if (self.swarm, self.addresses) != (announcement.swarm, addresses):
            self.due, self.failures = now, 0
        self.name, self.addresses, self.swarm = announcement.name, addresses, announcement.swarm
        self.invitation, self.version = announcement.invitation, announcement.version


@dataclass(frozen=True, slots=True)
class PeerSummary:
    """A machine as `local-swarm peers` lists it. `state` is a `PeerState`, or `stranger` for an unpaired node."""

    name: str
    address: str | None
    state: str
    model: str | None = None
    workers: int | None = None
    latency_ms: float | None = None


@dataclass(slots=True)
class Directory:
    """What this node knows of others.

    `mine` is our id, `run` marks this start. `unpaired_seen` counts announced nodes, `left_out` those without room
    here. `duplicates` counts announcements that another machine made under our id."""

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
        """Make exactly these members the peers."""
        kept = {member.id: member for member in members if member.id != self.mine}
        for identity, member in kept.items():
            peer = self.peers.setdefault(identity, Peer(identity, member.name, member.certificate))
            peer.name = member.name
            for address in reversed(member.addresses):
                add_address(peer, address, first=not peer.addresses)
            if announced := self.unpaired.pop(identity, None):
                for address in announced.addresses:
                    add_address(peer, address, first=False)
        self.peers = {identity: peer for identity, peer in self.peers.items() if identity in kept}
        self._unique_names()

    def _unique_names(self) -> None:
        """Peers with the same name get a piece of their id with it."""
        names = [self.my_name, *(peer.name for peer in self.peers.values())]
        for peer in self.peers.values():
            if names.count(peer.name) > 1:
                peer.name = f"{peer.name}-{peer.id[:4]}"

    # -------------------------------------------------------------------------------------- announcements

    def knows(self, identity: str) -> bool:
        return identity in self.peers or identity in self.unpaired

    def hear_announcement(
        self, announcement: Announcement, addresses: tuple[str, ...], now: float, service: str = ""
    ) -> None:
        """A hint where a peer is, or that another node exists. `service` is the name that a goodbye would carry."""
        if announcement.id == self.mine:
            self.duplicates += announcement.run not in ("", self.run)
            return
        if service and len(self._services) < 2 * MOST_UNPAIRED:
            self._services[service] = announcement.id
        if peer := self.peers.get(announcement.id):
            for address in reversed(addresses):
                add_address(peer, address, first=peer.state != "ok")
            if peer.state in ("gone", "late", "new"):
                peer.due = now
        elif node := self._unpaired_for(announcement, addresses):
            node.update(announcement, addresses, now)

    def _unpaired_for(self, announcement: Announcement, addresses: tuple[str, ...]) -> UnpairedNode | None:
        """The entry for a node that is no peer. None where there is no room for another one."""
        if known := self.unpaired.get(announcement.id):
            return known
        self.unpaired_seen += 1
        if len(self.unpaired) >= MOST_UNPAIRED:
            self.left_out += 1
            return None
        made = self.unpaired[announcement.id] = UnpairedNode(announcement.id, announcement.name, addresses)
        return made

    def hear_contact(self, identity: str, address: str, now: float) -> None:
        """A peer has sent us a request and said where its own server is."""
        peer = self.peers.get(identity)
        if peer and peer.state in ("gone", "late", "new", "refused"):
            add_address(peer, address, first=True)
            peer.due = min(peer.due, now)

    def hear_goodbye(self, service: str, now: float) -> None:
        """An mDNS goodbye. Anybody can forge one, so it only makes us probe the peer at once."""
        identity = self._services.pop(service, "")
        self.unpaired.pop(identity, None)
        if peer := self.peers.get(identity):
            peer.due = now

    def add_static(self, address: str) -> None:
        """An address from the configuration."""
        self.unpaired.setdefault(address, UnpairedNode(address, address, (address,), static=True))

    def hear_hints(self, hints: Iterable[Hint]) -> None:
        """A peer has said where others are."""
        for hint in hints:
            peer = self.peers.get(hint.id)
            if not is_lan_address(hint.address.rpartition(":")[0].strip("[]")):
                continue
            if peer:
                add_address(peer, hint.address, first=False)
            elif hint.id != self.mine and hint.id not in self.unpaired and len(self.unpaired) < MOST_UNPAIRED:
                self.unpaired[hint.id] = UnpairedNode(hint.id, hint.id[:6], (hint.address,), swarm="hint")

    # ---------------------------------------------------------------------------------------- what they do

    def hear_report(self, peer: Peer, address: str, report: Report, latency_s: float, now: float) -> None:
        add_address(peer, address, first=True)
        self.unpaired.pop(address, None)  # the user named this address, and now we know who is there
        peer.proven = address
        peer.report, peer.heard, peer.failures = report, now, 0
        peer.latency_s = latency_s if peer.latency_s is None else 0.7 * peer.latency_s + 0.3 * latency_s
        peer.state = report.state if report.version == VERSION else "version"
        peer.due = now + POLL_S

    def note_silence(self, peer: Peer, state: PeerState, now: float) -> None:
        """It did not answer. `gone` and `refused` are certain; `late` becomes `gone` after `GONE_AFTER_S`."""
        peer.failures += 1
        silence = now - peer.heard if peer.heard is not None else GONE_AFTER_S
        peer.state = "gone" if state == "late" and silence >= GONE_AFTER_S else state
        delay = backoff_s(peer.failures) if peer.state in ("gone", "refused") and peer.failures > 5 else POLL_S
        peer.due = now + delay

    def probe_all(self, now: float) -> None:
        """Make every peer due."""
        for peer in self.peers.values():
            peer.due = now

    def postpone_greeting(self, node: UnpairedNode, now: float) -> None:
        node.failures += 1
        node.due = now + backoff_s(node.failures)

    # ------------------------------------------------------------------------------------------------ views

    def due_peers(self, now: float) -> list[Peer]:
        """Peers to probe now."""
        return [peer for peer in self.peers.values() if peer.due <= now and peer.addresses]

    def to_greet(self, tag: str, now: float) -> list[UnpairedNode]:
        """Nodes that may be members: they announce our tag, a peer hinted at them, or the user named them."""
        return [s for s in self.unpaired.values() if s.due <= now and (s.static or s.swarm in (tag, "hint"))]

    def askable(self, most: int) -> list[Peer]:
        """Healthy peers, the fastest first."""
        able = [peer for peer in self.peers.values() if peer.state in ASKABLE and peer.workers > 0]
        return sorted(able, key=lambda peer: (peer.latency_s or 0.0, peer.id))[:most]

    def hints(self) -> tuple[Hint, ...]:
        return tuple(Hint(peer.id, peer.address) for peer in self.peers.values() if peer.state == "ok" and peer.address)

    def inviters(self, number: str) -> list[str]:
        """Addresses of nodes that announce the invitation of this number."""
        return [address for node in self.unpaired.values() if node.invitation == number for address in node.addresses]

    def summaries(self) -> list[PeerSummary]:
        """Peers by name, then some of the announced nodes of other swarms."""
        known = [summary_of(peer) for peer in sorted(self.peers.values(), key=lambda peer: peer.name)]
        others = [
            PeerSummary(node.name, node.addresses[0], "stranger")
            for node in self.unpaired.values()
            if not node.static and node.swarm != "hint"
        ]
        return known + others[:MOST_SHOWN]


def summary_of(peer: Peer) -> PeerSummary:
    return PeerSummary(
        peer.name,
        peer.address,
        peer.state,
        model=peer.report.model if peer.report else None,
        workers=peer.workers if peer.report else None,
        latency_ms=round(peer.latency_s * 1000, 1) if peer.latency_s is not None else None,
    )


def add_address(peer: Peer, address: str, first: bool) -> None:
    if address in peer.addresses:
        if not first:
            return
        peer.addresses.remove(address)
    peer.addresses.insert(0 if first else len(peer.addresses), address)
    del peer.addresses[MOST_PEER_ADDRESSES:]
    if peer.proven and peer.proven not in peer.addresses:
        peer.addresses[-1] = peer.proven


def backoff_s(failures: int) -> float:
    return min(LONGEST_BACKOFF_S, BACKOFF_S * 2.0 ** min(10, failures - 1))

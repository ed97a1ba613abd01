"""Facts about the network in, findings with remedies out. `diagnosis` is pure, `Doctor` gathers the facts."""

from __future__ import annotations

import ipaddress
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from local_swarm.commands import command, command_with, program_name
from local_swarm.config import NetworkConfig
from local_swarm.network.discovery.broadcast import Broadcast
from local_swarm.network.discovery.directory import Directory, Peer, PeerState, UnpairedNode
from local_swarm.network.discovery.lan import Interface, LanInterfaces, absent
from local_swarm.network.discovery.mdns import Discovery
from local_swarm.network.protocol import VERSION
from local_swarm.network.server_sockets import ServerSockets
from local_swarm.network.trust.store import TrustStore

CLOCK_S = 60.0  # a smaller difference of clocks is not mentioned


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. `mend` is a command or a sentence, empty where nothing is wrong."""

    check: str
    ok: bool
    says: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class NetworkFacts:
    """What `diagnosis` looks at.

    `interfaces` are all of this machine, `selected` those we use. `kernel`, the release of the system, tells WSL apart.
    `configured_port` and `port` differ where another program has the first. `counts` counts refused attempts."""

    network: NetworkConfig
    method: str
    configured_port: int
    port: int
    interfaces: Sequence[Interface]
    selected: Sequence[Interface]
    kernel: str
    multicast_problem: str | None = None
    broadcast_problem: str | None = None
    server_problems: Mapping[str, str] = field(default_factory=dict)
    tag: str = ""
    peers: Sequence[Peer] = ()
    unpaired: Sequence[UnpairedNode] = ()
    duplicates: int = 0
    clock: float = 0.0
    counts: Mapping[str, int] = field(default_factory=dict)


def diagnosis(facts: NetworkFacts) -> list[Finding]:
    """The environment first, then one finding for each known machine."""
    made = [interfaces(facts), multicast(facts), broadcast(facts), wsl(facts), port(facts)]
    made += [peer_finding(facts, peer) for peer in facts.peers]
    made += [unpaired_finding(facts, node) for node in facts.unpaired]
    if facts.duplicates:
        made.append(
            Finding(
                "identity",
                False,
                "Another machine announces itself under this one's identity, as a cloned disk would.",
                "Delete the folder 'network' in LOCAL_SWARM_HOME on one of them and start it again.",
            )
        )
    if not facts.peers and not facts.unpaired:
        made.append(nobody_finding(facts))
    if tried := {name: count for name, count in facts.counts.items() if count and name in ATTEMPTS}:
        words = ", ".join(f"{count} {ATTEMPTS[name]}" for name, count in tried.items())
        made.append(Finding("strangers", True, f"Turned away since the start: {words}."))
    return [finding for finding in made if finding]


ANSWERING: tuple[PeerState, ...] = ("ok", "degraded", "starting", "busy", "battery", "stopping")
ATTEMPTS = {
    "refused": "requests without membership",
    "handshakes_failed": "failed handshakes",
    "wrong_codes": "wrong codes",
    "flooded": "connections too many",
    "malformed": "malformed requests",
}


def interfaces(facts: NetworkFacts) -> Finding:
    here = ", ".join(one.name for one in facts.interfaces) or "none"
    if missing := absent(facts.interfaces, facts.network.interfaces or ()):
        says = f"network.interfaces names what is not here: {', '.join(missing)} (there are: {here})."
        return Finding("interfaces", False, says, "Connect it, or name another. It is used as soon as it is there.")
    if facts.selected:
        words = ", ".join(f"{one.name} ({', '.join(one.addresses)})" for one in facts.selected)
        return Finding("interfaces", True, f"On {words}.")
    return Finding(
        "interfaces",
        False,
        f"No interface looks like a LAN (there are: {here}).",
        f"Connect to a network, or name the interface: {command_with('LOCAL_SWARM_NETWORK_INTERFACES', 'NAME')}",
    )


def multicast(facts: NetworkFacts) -> Finding | None:
    if facts.method in ("static", "broadcast") or not facts.selected:
        return None
    deaf = [one.name for one in facts.selected if not one.multicast]
    if deaf:
        return Finding(
            "multicast", False, f"{', '.join(deaf)} does not do multicast.", f"sudo ip link set {deaf[0]} multicast on"
        )
    if facts.multicast_problem:
        return Finding(
            "multicast", False, facts.multicast_problem, f"Name the other machine: {command('--peer', 'HOST:PORT')}"
        )
    return Finding("multicast", True, "Announcing and listening by multicast DNS.")


def broadcast(facts: NetworkFacts) -> Finding | None:
    if not facts.broadcast_problem or facts.method == "static":
        return None
    return Finding(
        "broadcast", False, facts.broadcast_problem, f"Name the other machine: {command('--peer', 'HOST:PORT')}"
    )


def wsl(facts: NetworkFacts) -> Finding | None:
    if "microsoft" not in facts.kernel.lower():
        return None
    return Finding(
        "wsl",
        False,
        "Windows' subsystem for Linux sits behind NAT: other machines cannot reach this one.",
        "Put 'networkingMode=mirrored' under [wsl2] into %UserProfile%\\.wslconfig, then: wsl --shutdown",
    )


def port(facts: NetworkFacts) -> Finding:
    if facts.server_problems:
        where = "; ".join(f"at {address}: {why}" for address, why in facts.server_problems.items())
        return Finding("port", False, f"Port {facts.port} cannot be had {where}.", "Stop what uses it there.")
    if facts.port == facts.configured_port or not facts.configured_port:
        return Finding("port", True, f"Other machines are answered on port {facts.port}.")
    return Finding(
        "port",
        False,
        f"Port {facts.configured_port} was in use, so others are answered on {facts.port}; "
        "a firewall may not know that.",
        f"Stop the other program, or choose a port: {command_with('LOCAL_SWARM_NETWORK_FEDERATION_PORT', '8767')}",
    )


def peer_finding(facts: NetworkFacts, peer: Peer) -> Finding:
    check, address = f"peer {peer.name}", peer.address or "an unknown address"
    if peer.state in ANSWERING:
        apart = peer.report.clock - facts.clock if peer.report and peer.report.clock else 0.0
        clock = f" Its clock is {abs(apart):.0f} s off from ours, which does no harm." if abs(apart) > CLOCK_S else ""
        return Finding(check, True, f"{peer.state} at {address}.{clock}")
    return Finding(check, False, *peer_trouble(facts, peer, address))


def peer_trouble(facts: NetworkFacts, peer: Peer, address: str) -> tuple[str, str]:
    """Why a peer does not answer, and the remedy."""
    if peer.state == "version":
        theirs = peer.report.version if peer.report else "another one"
        return (
            f"It speaks version {theirs}, we speak {VERSION}.",
            f"Update the older one: git pull && {program_name()} setup",
        )
    if peer.state == "refused":
        return (
            f"At {address} it does not accept our certificate, or shows another than the pinned one: it was "
            "set up anew, or has forgotten us.",
            f"Join again: {command('invite')} on one, {program_name()} join CODE on the other",
        )
    if in_another_subnet(facts.selected, address):
        return (
            f"{address} is in another subnet than this machine.",
            f"Check the way there: ping {host_of(address)}",
        )
    if peer.state == "late":
        return (
            f"{address} takes connections but does not answer: it hangs or is overloaded.",
            "Look at that machine.",
        )
    return (
        f"{address} cannot be reached: it is off, asleep, or its firewall blocks us.",
        firewall_command(address),
    )


def firewall_command(address: str) -> str:
    """The command that opens the port of that machine's firewall."""
    number = address.rpartition(":")[2]
    return (
        f"On that machine: sudo ufw allow {number}/tcp; on Windows: netsh advfirewall firewall add rule "
        f"name=local-swarm dir=in action=allow protocol=TCP localport={number}"
    )


def unpaired_finding(facts: NetworkFacts, node: UnpairedNode) -> Finding:
    check, address = f"machine {node.name}", node.addresses[0]
    if trouble := unpaired_trouble(facts, node, address):
        return Finding(check, False, *trouble)
    return Finding(
        check,
        True,
        f"Seen at {address}; it belongs to another swarm.",
        f"To make it one, on one of them: {command('invite')}\nand on the other: {program_name()} join CODE",
    )


def unpaired_trouble(facts: NetworkFacts, node: UnpairedNode, address: str) -> tuple[str, str] | None:
    """Why a node that should be a member is none, and the remedy. None for a node of another swarm."""
    if node.version != VERSION:
        return f"{address} speaks version {node.version}, we speak {VERSION}.", "Update the older one: git pull"
    if node.static and in_another_subnet(facts.selected, address):
        return f"{address} is in another subnet, and nobody we belong to answers there.", f"ping {host_of(address)}"
    if node.static:
        return f"Nobody of our swarm answers at {address}.", firewall_command(address)
    if not node.swarm and not facts.tag:
        return f"{address} has another token than ours, or cannot be reached.", firewall_command(address)
    if node.swarm == facts.tag:
        claim = f"{address} claims to be of our swarm and could not prove it, or cannot be reached."
        return claim, firewall_command(address)
    return None


def nobody_finding(facts: NetworkFacts) -> Finding:
    if facts.method == "static":
        return Finding("machines", True, "No other machine is named.", f"{command('--peer', 'HOST:PORT')}")
    firewall = {
        "win32": "netsh advfirewall firewall add rule name=mdns dir=in action=allow protocol=UDP localport=5353",
        "darwin": "System Settings > Network > Firewall: allow Python; Privacy > Local Network: allow the terminal",
    }.get(sys.platform, f"sudo ufw allow 5353/udp && sudo ufw allow {facts.network.discovery_port}/udp")
    return Finding(
        "machines",
        True,
        "No other machine has been heard. If there is one: a firewall or the access point (client isolation) "
        "swallows multicast.",
        f"{firewall}; or name it: {command('--peer', f'HOST:{facts.port}')}",
    )


def in_another_subnet(selected: Sequence[Interface], address: str) -> bool:
    """Whether an IPv4 address shares its first two numbers with none of ours. A guess, since masks are not known."""
    try:
        theirs = ipaddress.ip_address(host_of(address))
    except ValueError:
        return False
    ours = [own for one in selected for own in one.addresses if ":" not in own]
    if theirs.version == 6 or not ours:
        return False
    return not any(theirs in ipaddress.ip_network(f"{own}/16", strict=False) for own in ours)


def host_of(address: str) -> str:
    return address.rpartition(":")[0].strip("[]")


@dataclass(frozen=True, slots=True)
class Doctor:
    """Gathers the facts of a running federation."""

    network: NetworkConfig
    method: str
    sockets: ServerSockets
    interfaces: LanInterfaces
    mdns: Discovery
    broadcast: Broadcast
    trust: TrustStore
    directory: Directory
    counts: Mapping[str, int]

    async def examine(self) -> list[Finding]:
        found = await self.interfaces.refresh()
        facts = NetworkFacts(
            network=self.network,
            method=self.method,
            configured_port=self.network.federation_port,
            port=self.sockets.port,
            server_problems=self.sockets.problems,
            interfaces=found,
            selected=self.interfaces.selected,
            kernel=platform.release(),
            multicast_problem=self.mdns.problem,
            broadcast_problem=self.broadcast.problem,
            tag=self.trust.tag,
            peers=tuple(self.directory.peers.values()),
            unpaired=tuple(self.directory.unpaired.values()),
            duplicates=self.directory.duplicates,
            clock=time.time(),
            counts=dict(self.counts),
        )
        return diagnosis(facts)

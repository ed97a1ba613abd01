"""The machine's network interfaces in, the addresses on which peers may be out.

A LAN needs no router. The kind of an interface decides, not whether a route leads to the internet.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import socket
import sys
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, replace

import psutil

from local_swarm.errors import UsageError

# Bridges and virtual links of containers and virtual machines, tunnels, and Apple's links to its own devices.
ELSEWHERE = re.compile(
    r"^(lo\d*|docker|br-[0-9a-f]{6,}|veth|cni|flannel|cali|virbr|vmnet|vboxnet|vnet|lxc|lxd|podman|kube|"
    r"tun|tap|wg|tailscale|utun|zt|ppp|ipsec|gif|stf|nordlynx|proton|awdl|llw|anpi|bridge\d|ap\d|rmnet|ccmni|"
    r"dummy|ifb|sit|ip6tnl)"
    r"|vEthernet|VirtualBox|VMware|Hyper-V|Loopback|Tailscale|WireGuard|TAP-",
    re.IGNORECASE,
)
ANYWHERE = ""  # every address of this machine
EVERYBODY = "255.255.255.255"
LONGEST_NAME = 256  # characters of an interface's name


@dataclass(frozen=True, slots=True)
class Interface:
    """`addresses` come without their zones. Link-local IPv6 addresses are among them. `index` is the system's number of it,
    another one after it was taken away and came back; None where the system does not tell."""

    name: str
    addresses: tuple[str, ...]
    up: bool = True
    multicast: bool = True
    point_to_point: bool = False
    broadcasts: tuple[str, ...] = ()
    index: int | None = None


@dataclass(frozen=True, slots=True)
class MulticastPlace:
    """One interface for multicast sockets, with one address of each family."""

    name: str
    index: int | None
    addresses: tuple[str, ...]


@dataclass(slots=True)
class LanInterfaces:
    """The interfaces in use, as of the last `refresh`. `wanted`: names or addresses from the configuration."""

    wanted: tuple[str, ...] = ()
    selected: tuple[Interface, ...] = ()

    async def refresh(self) -> tuple[Interface, ...]:
        """Look again. Returns all interfaces, the unused ones too."""
        found = tuple(await asyncio.to_thread(probe))
        self.selected = tuple(select_interfaces(found, self.wanted))
        return found

    @property
    def addresses(self) -> list[str]:
        return announced_addresses(self.selected)

    @property
    def listening(self) -> list[str]:
        """The addresses, with their zones, at which other machines are answered: every one, unless some are wanted."""
        return listening_addresses(self.selected) if self.wanted else [ANYWHERE]

    @property
    def beacons(self) -> dict[str, tuple[str, ...]]:
        """The addresses at which beacons are heard, with the broadcast addresses to which ours are sent from there."""
        if self.wanted:
            return beacon_places(self.selected)
        return {ANYWHERE: tuple(address for one in self.selected for address in one.broadcasts) or (EVERYBODY,)}


def select_interfaces(interfaces: Iterable[Interface], wanted: Sequence[str] = ()) -> list[Interface]:
    """The LAN's interfaces. With `wanted` (names or addresses) those and no others, whatever they are."""
    if wanted:
        named = {normal_address(text) for text in wanted}
        found = [one if one.name in wanted else at_addresses(one, named) for one in interfaces]
        return [one for one in found if one.addresses]
    return [
        one
        for one in interfaces
        if one.up and not one.point_to_point and not ELSEWHERE.search(one.name[:LONGEST_NAME]) and has_lan_address(one)
    ]


def at_addresses(interface: Interface, named: Container[str]) -> Interface:
    """With these of its addresses alone. Broadcasts go out from an IPv4 address."""
    kept = tuple(address for address in interface.addresses if normal_address(address) in named)
    four = any(":" not in address for address in kept)
    return replace(interface, addresses=kept, broadcasts=interface.broadcasts if four else ())


def absent(interfaces: Iterable[Interface], wanted: Sequence[str]) -> list[str]:
    """Those of the wanted names and addresses that no interface has."""
    here = {word for one in interfaces for word in (one.name, *map(normal_address, one.addresses))}
    return [text for text in wanted if text not in here and normal_address(text) not in here]


def normal_address(text: str) -> str:
    """An address in its one usual form, without brackets and zone; what is none as it is."""
    try:
        return str(ipaddress.ip_address(text.strip("[]").partition("%")[0]))
    except ValueError:
        return text


def listening_addresses(interfaces: Iterable[Interface]) -> list[str]:
    """Each with its zone where it means nothing without one."""
    return [with_zone(address, one.name) for one in interfaces for address in one.addresses]


def with_zone(address: str, interface: str) -> str:
    return f"{address}%{interface}" if ipaddress.ip_address(address).is_link_local and ":" in address else address


def beacon_places(interfaces: Iterable[Interface]) -> dict[str, tuple[str, ...]]:
    """A socket at an address sends. Only one at the broadcast address hears broadcasts, except on Windows."""
    found: dict[str, tuple[str, ...]] = {}
    for one in interfaces:
        four = [address for address in one.addresses if ":" not in address]
        found |= {address: one.broadcasts if address == four[0] else () for address in four}
        if sys.platform != "win32":
            found |= dict.fromkeys(one.broadcasts, ())
    return found


def has_lan_address(interface: Interface) -> bool:
    return any(not ipaddress.ip_address(address).is_loopback for address in interface.addresses)


def announced_addresses(interfaces: Iterable[Interface]) -> list[str]:
    """IPv4 first, then IPv6, link-local last. Loopback appears only where the user named such an interface."""
    found = dict.fromkeys(address for one in interfaces for address in one.addresses)
    return sorted(found, key=lambda address: (":" in address, ipaddress.ip_address(address).is_link_local))


def multicast_places(interfaces: Iterable[Interface]) -> list[MulticastPlace]:
    """One address per interface and family, which is what membership in a multicast group takes."""
    made: list[MulticastPlace] = []
    for one in interfaces:
        four = [address for address in one.addresses if ":" not in address]
        six = [address for address in one.addresses if ":" in address]
        six.sort(key=lambda address: not ipaddress.ip_address(address).is_link_local)
        if one.multicast and one.addresses:
            made.append(MulticastPlace(one.name, one.index, (*four[:1], *six[:1])))
    return made


def probe() -> list[Interface]:
    """All interfaces now. Where Android forbids to list them, the one address that packets leave from."""
    try:
        found, stats = psutil.net_if_addrs(), psutil.net_if_stats()
    except (OSError, psutil.Error):
        own = outgoing_address()
        return [Interface("default", (own,))] if own else []
    made = []
    for name, entries in found.items():
        flags = stats[name].flags.split(",") if name in stats and stats[name].flags else None
        held = [entry for entry in entries if entry.family in (socket.AF_INET, socket.AF_INET6)]
        made.append(
            Interface(
                name,
                tuple(entry.address.split("%")[0] for entry in held),
                up=name not in stats or stats[name].isup,
                multicast=flags is None or "multicast" in flags,
                point_to_point=flags is not None and "pointopoint" in flags,
                broadcasts=tuple(e.broadcast for e in held if e.family == socket.AF_INET and e.broadcast),
                index=index_of(name),
            )
        )
    return made


def index_of(name: str) -> int | None:
    with contextlib.suppress(OSError):
        return socket.if_nametoindex(name)
    return None


def outgoing_address() -> str | None:
    """The address of this machine as the rest of the network sees it. Sends no packet."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.connect(("192.0.2.1", 9))
        return str(made.getsockname()[0])
    return None


def is_lan_address(address: str) -> bool:
    """Whether a hint may make us connect there. Such an address never lies outside the user's own network."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    local = found.is_private or found.is_link_local
    return local and not (found.is_loopback or found.is_multicast or found.is_unspecified)


def host_and_port(text: str, port: int) -> tuple[str, int]:
    """`host`, `host:1`, `1.2.3.4:1`, `[::1]:1` or `::1`. Raises ValueError."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        rest = rest.removeprefix(":")
    elif text.count(":") > 1:
        host, rest = text, ""
    else:
        host, _, rest = text.partition(":")
    number = int(rest) if rest else port
    if not host or not 0 < number < 65536:
        raise ValueError(text)
    return host, number


def address_of(host: str, port: int) -> str:
    """`host:port`, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def peer_address(text: str, port: int) -> str:
    """`host` or `host:port` from a user as `host:port`. Raises UsageError."""
    try:
        return address_of(*host_and_port(text, port))
    except ValueError as problem:
        raise UsageError(
            f"{text!r} is no address of a machine. Write host:port, such as 192.168.1.20:{port}."
        ) from problem

"""The machine's network interfaces in, the addresses on which peers may be out.

A LAN needs no router. The kind of an interface decides, not whether a route leads to the internet.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import re
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

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
LONGEST_NAME = 256  # characters of an interface's name


@dataclass(frozen=True, slots=True)
class Interface:
    """`addresses` come without their zones. Link-local IPv6 addresses are among them."""

    name: str
    addresses: tuple[str, ...]
    up: bool = True
    multicast: bool = True
    point_to_point: bool = False
    broadcasts: tuple[str, ...] = ()


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


def select_interfaces(interfaces: Iterable[Interface], wanted: Sequence[str] = ()) -> list[Interface]:
    """The LAN's interfaces. With `wanted` (names or addresses) those and no others, whatever they are."""
    if wanted:
        return [one for one in interfaces if one.name in wanted or any(a in wanted for a in one.addresses)]
    return [
        one
        for one in interfaces
        if one.up and not one.point_to_point and not ELSEWHERE.search(one.name[:LONGEST_NAME]) and has_lan_address(one)
    ]


def has_lan_address(interface: Interface) -> bool:
    return any(not ipaddress.ip_address(address).is_loopback for address in interface.addresses)


def announced_addresses(interfaces: Iterable[Interface]) -> list[str]:
    """IPv4 first, then IPv6, link-local last. Loopback appears only where the user named such an interface."""
    found = dict.fromkeys(address for one in interfaces for address in one.addresses)
    return sorted(found, key=lambda address: (":" in address, ipaddress.ip_address(address).is_link_local))


def multicast_addresses(interfaces: Iterable[Interface]) -> list[str]:
    """One address per interface and family, which is what membership in a multicast group takes."""
    made: list[str] = []
    for one in interfaces:
        if one.multicast:
            four = [address for address in one.addresses if ":" not in address]
            six = [address for address in one.addresses if ":" in address]
            made += four[:1] + sorted(six, key=lambda address: not ipaddress.ip_address(address).is_link_local)[:1]
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
            )
        )
    return made


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


def names_in(text: str | None) -> tuple[str, ...]:
    """The parts of a setting that lists several, separated by commas."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())

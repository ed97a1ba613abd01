"""Networks that lead nowhere, each a namespace of its own: loopback alone, and one that swallows every packet, which are kept to
be looked at. Linux, as root."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.network.lan import Host, ip

MINE, ROUTER, RESOLVER, EVERYBODY = "10.77.0.2", "10.77.0.1", "10.77.0.53", "10.77.0.255"
MINE6, ROUTER6 = "fd77::2", "fd77::1"
EVERY_PROTOCOL = 0x0003
OUTGOING = 4  # the kernel's mark of a packet that this machine sends
IPV4, IPV6, TCP, UDP = 0x0800, 0x86DD, 6, 17
MDNS_GROUPS, MDNS_PORT = ("224.0.0.251", "ff02::fb"), 5353
LARGEST = 65_536


@dataclass(frozen=True, slots=True)
class Packet:
    """What left: `port` is where it went to, `name` what a resolver was asked for."""

    protocol: str
    to: str
    port: int
    name: str = ""

    def discovery(self, discovery_port: int) -> bool:
        """Whether it serves to be found on the LAN and reaches nobody beyond it."""
        if self.protocol != "udp":
            return False
        multicast = self.to in MDNS_GROUPS and self.port == MDNS_PORT
        return multicast or (self.to in (EVERYBODY, "255.255.255.255") and self.port == discovery_port)


def packet_of(frame: bytes) -> Packet | None:
    """A frame as a packet of TCP or UDP; None for what the kernel says by itself: neighbours, routers, groups."""
    (kind,) = struct.unpack_from("!H", frame, 12)
    if kind == IPV4:
        protocol, to, rest = frame[23], socket.inet_ntop(socket.AF_INET, frame[30:34]), 14 + (frame[14] & 15) * 4
    elif kind == IPV6:
        protocol, to, rest = frame[20], socket.inet_ntop(socket.AF_INET6, frame[38:54]), 54
    else:
        return None
    if protocol not in (TCP, UDP):
        return None
    (port,) = struct.unpack_from("!H", frame, rest + 2)
    named = question(frame[rest + 20 :]) if protocol == UDP and port == 53 else ""
    return Packet("tcp" if protocol == TCP else "udp", to, port, named)


def question(body: bytes) -> str:
    """The name that a DNS query asks for, from behind its header."""
    labels: list[str] = []
    while body and body[0]:
        labels.append(body[1 : body[0] + 1].decode("ascii", "replace"))
        body = body[body[0] + 1 :]
    return ".".join(labels)


class Capture:
    """Every packet of TCP and UDP that left by eth0 since it was made."""

    def __init__(self, host: Host) -> None:
        self.packets: list[Packet] = []
        self._socket: socket.socket = host.inside(listening)
        self._reader = threading.Thread(target=self._read, name="capture", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                frame, where = self._socket.recvfrom(LARGEST)
                if where[2] == OUTGOING and (found := packet_of(frame)):
                    self.packets.append(found)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()


def listening() -> socket.socket:
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERY_PROTOCOL))
    made.bind(("eth0", 0))
    return made


@contextmanager
def loopback_only(folder: Path, name: str) -> Iterator[Host]:
    """A machine without a network."""
    with alone(folder, name) as (host, _):
        yield host


@contextmanager
def swallowing(folder: Path, name: str) -> Iterator[tuple[Host, Capture]]:
    """A machine whose network takes every packet and gives none back: resolver, router and world are silent."""
    with alone(folder, name) as (host, stack):
        ip("link", "add", "eth0", "netns", host.space, "type", "veth", "peer", "name", "far", "netns", host.space)
        ip("-n", host.space, "link", "set", "far", "up")
        ip(
            "-n", host.space, "link", "set", "eth0", "up", "arp", "off"
        )  # so nobody is looked for before a packet is sent
        ip("-n", host.space, "addr", "add", f"{MINE}/24", "brd", "+", "dev", "eth0")
        ip("-n", host.space, "addr", "add", f"{MINE6}/64", "dev", "eth0", "nodad")
        ip("-n", host.space, "route", "add", "default", "via", ROUTER, "dev", "eth0")
        ip("-n", host.space, "-6", "route", "add", "default", "via", ROUTER6, "dev", "eth0")
        capture = Capture(host)
        stack.callback(capture.close)
        yield host, capture


@contextmanager
def alone(folder: Path, name: str) -> Iterator[tuple[Host, ExitStack]]:
    space = f"dead{os.getpid() % 100000}{name}"
    settings = Path("/etc/netns") / space  # where `ip netns exec` finds what stands for /etc
    with ExitStack() as stack:
        ip("netns", "add", space)
        stack.callback(ip, "netns", "del", space)
        settings.mkdir(parents=True)
        stack.callback(shutil.rmtree, settings)
        (settings / "resolv.conf").write_text(f"nameserver {RESOLVER}\n", encoding="utf-8")
        ip("-n", space, "link", "set", "lo", "up")
        host = Host(name, space, "far", MINE, folder / name)
        stack.callback(host.caller.shutdown)
        stack.callback(host.kill)
        yield host, stack

"""Interfaces that fail, come and go: one takes no other with it, and machines find each other again by themselves."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local_swarm.network.discovery.announcement import Announcement
from local_swarm.network.discovery.directory import Directory
from local_swarm.network.discovery.lan import MulticastPlace
from local_swarm.network.discovery.mdns import Discovery
from tests.network.lan import Host, Lan, ip, lan, unavailable, wait_for

TOKEN = "a token that all machines of the test have"
LOOPBACK, NOWHERE = MulticastPlace("lo", 1, ("127.0.0.1",)), MulticastPlace("gone0", None, ("203.0.113.7",))
spaces = pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))


@pytest.mark.anyio
async def test_one_bad_interface_does_not_take_the_good_one_with_it() -> None:
    mine, theirs = Directory("1" * 32), Directory("2" * 32)
    async with Discovery(mine, time.monotonic) as here, Discovery(theirs, time.monotonic) as there:
        await here.follow([NOWHERE, LOOPBACK], announced("1"))
        await there.follow([LOOPBACK], announced("2"))
        assert here.problem and "gone0" in here.problem and "lo:" not in here.problem
        async with asyncio.timeout(20):
            while not (mine.knows("2" * 32) and theirs.knows("1" * 32)):  # noqa: ASYNC110  heard at some time
                await asyncio.sleep(0.05)


def announced(digit: str) -> Announcement:
    return Announcement(id=digit * 32, name=f"n{digit}", port=9, addresses=("192.168.1.5",), swarm="x", workers=1)


@spaces
def test_links_and_addresses_that_go_and_come_back_bring_the_machines_back(tmp_path: Path) -> None:
    with lan(tmp_path, "a", "b", "c") as network:
        a, b, late = network.hosts
        for host in (a, b):
            host.start(auth_token=TOKEN, discovery="mdns")
        wait_for(lambda: a.sees("b") and b.sees("a"))

        ip("-n", a.space, "link", "set", "eth0", "down")
        wait_for(lambda: a.states()["b"] == "gone")
        ip("-n", a.space, "link", "set", "eth0", "up")
        wait_for(lambda: a.sees("b") and b.sees("a"))

        ip("-n", a.space, "addr", "del", f"{a.address}/24", "dev", "eth0")
        wait_for(lambda: a.states()["b"] == "gone" or a.sees("b"))  # by IPv6 it may still see it
        ip("-n", a.space, "addr", "add", f"{a.address}/24", "brd", "+", "dev", "eth0")

        replace_card(a, network)
        late.start(auth_token=TOKEN, discovery="mdns")  # whom nobody could know of but by multicast
        wait_for(network.met)


def replace_card(host: Host, network: Lan) -> None:
    """The same name and address, and for the system another card."""
    ip("-n", host.space, "link", "del", "eth0")
    ip("link", "add", "eth0", "netns", host.space, "type", "veth", "peer", "name", host.wire, "netns", network.switch)
    ip("-n", network.switch, "link", "set", host.wire, "master", "br0", "up")
    ip("-n", host.space, "addr", "add", f"{host.address}/24", "brd", "+", "dev", "eth0")
    ip("-n", host.space, "link", "set", "eth0", "up")


@spaces
@pytest.mark.parametrize(("method", "port"), [("mdns", 5353), ("broadcast", 8765)])
def test_a_program_that_holds_the_port_for_itself_is_outlived(tmp_path: Path, method: str, port: int) -> None:
    with lan(tmp_path, "a", "b") as network:
        a, b = network.hosts
        held = a.inside(hold, port)
        network.start(auth_token=TOKEN, discovery=method, advertise_interval=1)
        wait_for(lambda: bool(b.control("doctor")) and not b.sees("a"))
        wait_for(lambda: any(not one["ok"] for one in a.control("doctor")))
        held.close()
        wait_for(network.met)


def hold(port: int, address: str = "") -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((address, port))
    return made


@contextmanager
def second_wire(one: Host, other: Host, name: str, subnet: str) -> Iterator[None]:
    """A cable between two machines, beside the switch."""
    ip("link", "add", name, "netns", one.space, "type", "veth", "peer", "name", name, "netns", other.space)
    for number, host in ((1, one), (2, other)):
        ip("-n", host.space, "addr", "add", f"{subnet}.{number}/24", "brd", "+", "dev", name)
        ip("-n", host.space, "link", "set", name, "up")
    yield
    ip("-n", one.space, "link", "del", name)


def refused(address: str, port: int = 8766) -> bool:
    try:
        with socket.create_connection((address, port), timeout=5):
            return False
    except ConnectionRefusedError:
        return True


@spaces
def test_who_names_interfaces_is_found_and_answers_on_no_others(tmp_path: Path) -> None:
    with lan(tmp_path, "a", "b", "c") as network, second_wire(network.hosts[0], network.hosts[2], "eth1", "10.67.0"):
        a, b, c = network.hosts
        c.unplug(network.switch)
        a.start(auth_token=TOKEN, interfaces="eth0, later0", advertise_interval=1)
        for host in (b, c):
            host.start(auth_token=TOKEN, advertise_interval=1)
        wait_for(lambda: a.sees("b") and b.sees("a"))
        assert c.states() == {} and c.inside(refused, "10.67.0.1") and not b.inside(refused, a.address)
        assert any("later0" in one["says"] for one in a.control("doctor") if not one["ok"])
        with second_wire(a, c, "later0", "10.68.0"):
            wait_for(lambda: a.sees("b", "c"))
            assert not c.inside(refused, "10.68.0.1") and c.inside(refused, "10.67.0.1")


@spaces
def test_a_machine_that_is_to_keep_to_itself_opens_nothing_to_the_network(tmp_path: Path) -> None:
    with lan(tmp_path, "a", "b") as network:
        a, b = network.hosts
        a.start(auth_token=TOKEN, interfaces="lo", advertise_interval=1)
        b.start(auth_token=TOKEN, advertise_interval=1)
        assert b.inside(refused, a.address) and a.inside(refused, a.address) and not a.inside(refused, "127.0.0.1")
        assert b.states() == {} and a.states() == {}
        for port in (5353, 8765):
            a.inside(hold, port, a.address).close()  # which works where nobody has the port

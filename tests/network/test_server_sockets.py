"""The listening sockets of our server follow the addresses that they are to be at."""

from __future__ import annotations

import asyncio
import socket

import pytest

from local_swarm.network.discovery.lan import ANYWHERE
from local_swarm.network.server_sockets import ServerSockets, bind_socket

pytestmark = pytest.mark.anyio
FIRST, SECOND, NOBODY = "127.0.0.1", "127.0.0.2", "203.0.113.7"


async def answers(address: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(address, port)
    except OSError:
        return False
    writer.close()
    return True


@pytest.fixture
def two() -> None:
    """Whether loopback has two addresses, which macOS does not give it."""
    try:
        bind_socket(SECOND, 0).close()
    except OSError:
        pytest.skip("loopback has one address here")


@pytest.mark.usefixtures("two")
async def test_who_names_an_address_listens_at_no_other() -> None:
    with ServerSockets(0, [FIRST]) as sockets:
        await sockets.serve(asyncio.Protocol)
        assert await answers(FIRST, sockets.port) and not await answers(SECOND, sockets.port)


@pytest.mark.usefixtures("two")
async def test_addresses_that_come_later_are_listened_at_and_those_that_go_are_left() -> None:
    with ServerSockets(0, []) as sockets:
        await sockets.serve(asyncio.Protocol)
        await sockets.follow([FIRST, SECOND])
        assert await answers(FIRST, sockets.port) and await answers(SECOND, sockets.port)
        await sockets.follow([SECOND])
        assert not await answers(FIRST, sockets.port) and await answers(SECOND, sockets.port)


async def test_an_address_that_cannot_be_had_takes_no_other_with_it_and_is_tried_again() -> None:
    with ServerSockets(0, [NOBODY, FIRST]) as sockets:
        await sockets.serve(asyncio.Protocol)
        assert await answers(FIRST, sockets.port) and list(sockets.problems) == [NOBODY]
        await sockets.follow([NOBODY, FIRST])
        assert sockets.addresses == [FIRST] and list(sockets.problems) == [NOBODY]
        await sockets.follow([FIRST])
        assert not sockets.problems


@pytest.mark.usefixtures("two")
def test_a_port_in_use_at_one_address_is_exchanged_for_one_that_is_free_at_all() -> None:
    with bind_socket(SECOND, 0) as other:
        taken = other.getsockname()[1]
        with ServerSockets(taken, [FIRST, SECOND]) as sockets:
            assert sockets.port != taken and sockets.addresses == [FIRST, SECOND]


def test_every_address_is_one_socket() -> None:
    with ServerSockets(0, [ANYWHERE]) as sockets:
        with socket.create_connection((FIRST, sockets.port), timeout=5):
            pass
        assert sockets.addresses == [ANYWHERE]

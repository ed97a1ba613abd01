from __future__ import annotations

import pytest

from local_swarm.errors import UsageError
from local_swarm.network.discovery.lan import (
    Interface,
    address_of,
    announced_addresses,
    host_and_port,
    multicast_addresses,
    names_in,
    peer_address,
    probe,
    select_interfaces,
)

ETH = Interface("eth0", ("192.168.1.5", "fe80::1", "fd00::5"))
OTHERS = [
    Interface("lo", ("127.0.0.1", "::1")),
    Interface("docker0", ("172.17.0.1",)),
    Interface("br-0a1b2c3d4e5f", ("172.18.0.1",)),
    Interface("veth12ab", ("fe80::2",)),
    Interface("tailscale0", ("100.64.0.1",)),
    Interface("wg0", ("10.8.0.2",)),
    Interface("utun3", ("10.9.0.2",)),
    Interface("vEthernet (WSL)", ("172.30.0.1",)),
    Interface("virbr0", ("192.168.122.1",)),
    Interface("eth1", ("192.168.9.9",), up=False),
    Interface("ppp0", ("10.1.1.1",), point_to_point=True),
    Interface("eth2", ()),
    Interface("bridge100", ("192.168.64.1",)),
    Interface("awdl0", ("fe80::3",)),
]


def test_only_the_lan_is_chosen() -> None:
    assert select_interfaces([*OTHERS, ETH]) == [ETH]


@pytest.mark.parametrize(
    "name", ["eth0", "en0", "wlan0", "wlp3s0", "enp0s31f6", "Wi-Fi", "Ethernet 2", "br0", "usb0", "bond0"]
)
def test_these_are_lans(name: str) -> None:
    assert select_interfaces([Interface(name, ("169.254.3.4",))])


def test_what_is_told_is_done() -> None:
    assert [one.name for one in select_interfaces([*OTHERS, ETH], ["docker0", "10.8.0.2"])] == ["docker0", "wg0"]


def test_addresses_are_told_the_best_first() -> None:
    assert announced_addresses([ETH]) == ["192.168.1.5", "fd00::5", "fe80::1"]
    assert multicast_addresses([ETH, Interface("x", ("10.0.0.1",), multicast=False)]) == ["192.168.1.5", "fe80::1"]


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("a", "a", 1),
        ("a:2", "a", 2),
        ("1.2.3.4:5", "1.2.3.4", 5),
        ("[::1]:7", "::1", 7),
        ("[::1]", "::1", 1),
        ("fe80::1%2", "fe80::1%2", 1),
    ],
)
def test_addresses_are_read(text: str, host: str, port: int) -> None:
    assert host_and_port(text, 1) == (host, port)
    assert host_and_port(address_of(host, port), 9) == (host, port)


@pytest.mark.parametrize("text", ["", ":5", "a:b", "a:99999", "a:0"])
def test_what_is_no_address_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):
        host_and_port(text, 1)


def test_this_machine_can_be_looked_at() -> None:
    assert all(isinstance(one.name, str) for one in probe())


def test_settings_that_list_several_are_divided_at_commas() -> None:
    assert names_in(" eth0, 10.8.0.2,,") == ("eth0", "10.8.0.2") and names_in(None) == ()


def test_what_a_user_names_is_completed_by_the_usual_port() -> None:
    assert peer_address("pi", 8766) == "pi:8766" and peer_address("fe80::1", 8766) == "[fe80::1]:8766"
    with pytest.raises(UsageError, match="host:port"):
        peer_address("pi:x", 8766)

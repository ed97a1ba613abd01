from __future__ import annotations

import pytest

from local_swarm.errors import UsageError
from local_swarm.network.discovery.lan import (
    Interface,
    LanInterfaces,
    MulticastPlace,
    absent,
    address_of,
    announced_addresses,
    beacon_places,
    host_and_port,
    listening_addresses,
    multicast_places,
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
    deaf = Interface("x", ("10.0.0.1",), multicast=False)
    assert multicast_places([ETH, deaf]) == [MulticastPlace("eth0", None, ("192.168.1.5", "fe80::1"))]


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


TWO = Interface("eth0", ("192.168.1.5", "10.0.0.5", "fe80::1"), broadcasts=("192.168.1.255", "10.0.0.255"))


@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        ("eth0", TWO.addresses),
        ("10.0.0.5", ("10.0.0.5",)),
        ("FE80:0::1", ("fe80::1",)),
        ("[fe80::1%eth0]", ("fe80::1",)),
    ],
)
def test_who_names_an_address_means_no_other_of_that_interface(wanted: str, left: tuple[str, ...]) -> None:
    (found,) = select_interfaces([TWO], [wanted])
    assert found.addresses == left and bool(found.broadcasts) == any("." in address for address in left)


def test_what_is_named_and_not_here_is_told_of() -> None:
    assert absent([TWO], ["eth0", "fe80::1%eth0", "eth9", "10.0.0.6"]) == ["eth9", "10.0.0.6"]


def test_a_link_local_address_is_listened_at_on_its_own_interface() -> None:
    assert listening_addresses([TWO]) == ["192.168.1.5", "10.0.0.5", "fe80::1%eth0"]


def test_nothing_is_heard_or_sent_on_interfaces_that_are_not_named() -> None:
    named = LanInterfaces(("eth0",), (TWO,))
    assert named.listening == listening_addresses([TWO]) and named.beacons == beacon_places([TWO])
    assert {"192.168.1.5", "10.0.0.5"} <= set(named.beacons) <= {*TWO.addresses, *TWO.broadcasts}
    assert LanInterfaces(("lo",), (Interface("lo", ("127.0.0.1",)),)).beacons == {"127.0.0.1": ()}
    assert LanInterfaces((), (TWO,)).listening == [""] and LanInterfaces().beacons == {"": ("255.255.255.255",)}


def test_what_a_user_names_is_completed_by_the_usual_port() -> None:
    assert peer_address("pi", 8766) == "pi:8766" and peer_address("fe80::1", 8766) == "[fe80::1]:8766"
    with pytest.raises(UsageError, match="host:port"):
        peer_address("pi:x", 8766)

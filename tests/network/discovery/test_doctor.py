"""What is wrong is named, with what mends it."""

from __future__ import annotations

from typing import Any

import pytest

from local_swarm.config import NetworkConfig, load
from local_swarm.network.discovery.directory import Peer, PeerState, UnpairedNode
from local_swarm.network.discovery.doctor import Finding, NetworkFacts, diagnosis
from local_swarm.network.discovery.lan import Interface
from local_swarm.network.protocol import Report

ETH = Interface("eth0", ("192.168.1.5", "fe80::1"))


def network(**more: Any) -> NetworkConfig:
    return load(None, {f"network.{key}": value for key, value in more.items()}, {}).network


def found(check: str, **more: Any) -> Finding:
    facts = {
        "network": network(),
        "method": "auto",
        "configured_port": 8766,
        "port": 8766,
        "interfaces": (ETH,),
        "selected": (ETH,),
        "kernel": "6.1",
        "clock": 1000.0,
        **more,
    }
    return next(one for one in diagnosis(NetworkFacts(**facts)) if one.check == check)


def peer(state: PeerState, address: str = "192.168.1.9:8766", **report: Any) -> tuple[Peer, ...]:
    return (Peer("1" * 32, "pi", "", [address], state, Report("pi", **report)),)


def test_where_all_is_well_nothing_is_to_be_mended() -> None:
    findings = diagnosis(NetworkFacts(network(), "auto", 8766, 8766, (ETH,), (ETH,), "6.1", peers=peer("ok")))
    assert all(finding.ok and not finding.mend for finding in findings)


@pytest.mark.parametrize(
    ("check", "facts", "says", "mend"),
    [
        ("interfaces", {"selected": ()}, "eth0", "LOCAL_SWARM_NETWORK_INTERFACES"),
        (
            "multicast",
            {"selected": (Interface("eth0", ("10.0.0.5",), multicast=False),)},
            "eth0",
            "link set eth0 multicast on",
        ),
        ("multicast", {"multicast_problem": "It does not work."}, "does not work", "--peer"),
        ("broadcast", {"broadcast_problem": "Port 8767 is in use."}, "Port 8767", "--peer"),
        ("wsl", {"kernel": "5.15.90.1-microsoft-standard-WSL2"}, "NAT", "networkingMode=mirrored"),
        ("port", {"port": 40000}, "8766 was in use", "FEDERATION_PORT"),
        ("peer pi", {"peers": peer("gone")}, "cannot be reached", "ufw allow 8766/tcp"),
        ("peer pi", {"peers": peer("gone", "10.9.9.9:8766")}, "another subnet", "ping 10.9.9.9"),
        ("peer pi", {"peers": peer("late")}, "does not answer", "Look at"),
        ("peer pi", {"peers": peer("refused")}, "certificate", "python main.py invite"),
        ("peer pi", {"peers": peer("version", version=7)}, "version 7", "Update"),
        ("machine x", {"unpaired": (UnpairedNode("2", "x", ("192.168.1.7:1",), version=9),)}, "version 9", "Update"),
        (
            "machine 10.9.9.9:1",
            {"unpaired": (UnpairedNode("s", "10.9.9.9:1", ("10.9.9.9:1",), static=True),)},
            "subnet",
            "ping",
        ),
        (
            "machine x",
            {"unpaired": (UnpairedNode("2", "x", ("192.168.1.7:1",), "tag"),), "tag": "tag"},
            "claims",
            "ufw",
        ),
        ("identity", {"duplicates": 3}, "identity", "Delete"),
    ],
)
def test_what_is_wrong_is_named_with_what_mends_it(check: str, facts: dict[str, Any], says: str, mend: str) -> None:
    finding = found(check, **facts)
    assert not finding.ok and says in finding.says and mend in finding.mend


def test_a_clock_that_is_off_is_told_and_does_no_harm() -> None:
    assert "5000 s off" in found("peer pi", peers=peer("ok", clock=6000.0)).says


def test_a_machine_of_another_swarm_can_be_invited() -> None:
    assert (
        "python main.py join"
        in found("machine x", unpaired=(UnpairedNode("2", "x", ("192.168.1.7:1",), "other"),)).mend
    )


def test_where_nobody_is_heard_the_firewall_is_named() -> None:
    assert "5353" in found("machines").mend or "Firewall" in found("machines").mend
    assert "--peer" in found("machines", method="static").mend


def test_what_strangers_tried_is_told() -> None:
    assert "3 wrong codes" in found("strangers", counts={"wrong_codes": 3}).says

"""Real machines as far as one machine can be several: own network stacks, own processes, multicast, and what
befalls them."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from zeroconf import ServiceInfo, Zeroconf

from local_swarm.network.discovery.mdns import SERVICE
from local_swarm.network.trust.store import Charter, from_token
from tests.network.lan import Host, ip, lan, unavailable, wait_for

pytestmark = pytest.mark.skipif(unavailable() is not None, reason=str(unavailable()))
TOKEN = "a token that all machines of the test have"


def own(swarm: dict[str, Any]) -> dict[str, tuple[int, str]]:
    return {one["name"]: (one["ballots"], one["state"]) for one in swarm["nodes"]}


def test_five_machines_find_each_other_and_vote(
    tmp_path: Path, record_testsuite_property: Callable[[str, object], None]
) -> None:
    with lan(tmp_path, "a", "b", "c", "d", "e") as network:
        network.start(auth_token=TOKEN, pace_s=0.5, workers=5)
        record_testsuite_property("found_s", wait_for(network.met))
        a, b = network.hosts[:2]
        alone = min(a.ask(federate=False)[1] for _ in range(2))
        swarm, seconds = a.ask()
        assert {node["name"]: node["ballots"] for node in swarm["nodes"]} == dict.fromkeys("abcde", 5)
        record_testsuite_property("alone_s", alone)
        record_testsuite_property("federated_s", seconds)

        b.signal(signal.SIGSTOP)
        swarm, frozen = a.ask()
        assert own(swarm)["b"] == (0, "late") and frozen < alone + 4.0
        swarm, after = a.ask()
        assert "b" not in own(swarm) and after < alone + 1.5
        record_testsuite_property("frozen_s", frozen)
        b.signal(signal.SIGCONT)
        wait_for(network.met)

        with ThreadPoolExecutor(1) as beside:
            asking = beside.submit(a.ask)
            b.kill()  # in the middle of its answer
            swarm, seconds = asking.result(20)
        assert own(swarm)["a"] == (5, "ok") and seconds < alone + 4.0
        record_testsuite_property("gone_s", wait_for(lambda: a.states()["b"] == "gone", 10.0))
        assert set(own(a.ask()[0])) == set("acde")
        b.start(auth_token=TOKEN, pace_s=0.5, workers=5)
        record_testsuite_property("back_s", wait_for(network.met))


def test_ten_machines_with_thirty_workers(
    tmp_path: Path, record_testsuite_property: Callable[[str, object], None]
) -> None:
    with lan(tmp_path, *"abcdefghij") as network:
        network.start(auth_token=TOKEN, workers=3, pace_s=0.3)
        record_testsuite_property("found_s", wait_for(network.met))
        swarm, seconds = network.hosts[4].ask()
        record_testsuite_property("federated_s", seconds)
        assert {node["ballots"] for node in swarm["nodes"]} == {3} and swarm["candidates"] == 30
        late = network.hosts[9]
        late.kill()
        assert network.hosts[0].ask()[0]["candidates"] == 27
        late.start(auth_token=TOKEN, workers=3)
        wait_for(network.met)


def test_real_models_vote_across_machines_by_the_commands_people_type(tmp_path: Path) -> None:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    question = "Write a Python function solve(numbers) that returns the sum of the squares of the even numbers."
    with lan(tmp_path, "a", "b") as network:
        a, b = network.hosts
        for host in network.hosts:
            host.run("local_swarm", "--starter", "--instances", "2", LOCAL_SWARM_NETWORK_NAME=host.name)
            host.url = "http://127.0.0.1:8000"
        for host in network.hosts:
            wait_for(host.up)
        wait_for(lambda: a.states() == {"b": "stranger"})
        code = json.loads(a.command("invite", "--json"))
        assert code["expires_in_s"] == 600
        b.command("join", code["code"])
        wait_for(network.met)
        assert "peer a: ok" in b.command("doctor") and "ok" in b.command("peers")
        swarm, _ = a.ask(question)
        assert own(swarm) == {"a": (2, "ok"), "b": (2, "ok")}
        b.kill()
        swarm, seconds = a.ask(question)
        assert own(swarm)["a"] == (2, "ok") and seconds < 6.0
        a.command("forget", "b")
        assert json.loads(a.command("peers", "--json")) == []


def test_a_slow_and_lossy_network(tmp_path: Path) -> None:
    with lan(tmp_path, "a", "b") as network:
        if problem := network.worsen("delay", "100ms", "loss", "2%"):  # each way
            pytest.skip(f"the kernel cannot make a network slow: {problem}")
        network.start(auth_token=TOKEN, pace_s=0.5)
        wait_for(network.met)
        assert own(network.hosts[0].ask()[0]) == {"a": (3, "ok"), "b": (3, "ok")}


def test_an_invitation_makes_two_machines_one_swarm_and_forgetting_ends_it(tmp_path: Path) -> None:
    with lan(tmp_path, "a", "b", "c") as network:
        network.start()
        a, b, c = network.hosts
        wait_for(lambda: a.states() == {"b": "stranger", "c": "stranger"})
        assert a.ask()[0]["nodes"][0]["name"] == "a" and len(a.ask()[0]["nodes"]) == 1

        code = a.control("invite", {})["code"]
        wrong = code.rpartition("-")[0] + "-wrong"
        assert "wrong" in b.control("join", {"code": wrong})["error"]["message"]
        assert b.control("join", {"code": code})["joined"] == "a"
        assert "error" in c.control("join", {"code": code}), "a code serves once"
        wait_for(lambda: a.sees("b") and b.sees("a"))
        assert b.control("join", {"code": b.control("invite", {})["code"]})["error"]  # not without --yes

        assert c.control("join", {"code": b.control("invite", {})["code"]})["joined"] == "b"
        wait_for(network.met)  # a and c were never introduced: both have the key
        assert len(a.ask()[0]["nodes"]) == 3

        a.control("forget", {"name": "c"})
        wait_for(lambda: a.sees("b") and b.sees("a"))
        assert {node["name"] for node in b.ask()[0]["nodes"]} == {"a", "b"}
        assert {name for name, (ballots, _) in own(c.ask()[0]).items() if ballots} == {"c"}
        wait_for(lambda: set(c.states().values()) <= {"refused", "stranger", "gone"})
        keys = [json.loads((host.home / "network/trust.json").read_text())["charter"]["key"] for host in network.hosts]
        assert keys[0] == keys[1] != keys[2], "who was sent away has not got the new key"
        assert a.control("forget", {"name": "nobody"})["error"]["message"].startswith("There is no member 'nobody'")
        assert a.control("metrics")["refused"] > 0


def test_a_network_that_parts_and_heals_and_changes_its_addresses(tmp_path: Path) -> None:
    with lan(tmp_path, "a", "b", "c") as network:
        network.start(auth_token=TOKEN)
        a, b, _ = network.hosts
        wait_for(network.met)
        b.unplug(network.switch)
        swarm, seconds = a.ask()
        assert seconds < 4.0 and own(swarm)["c"] == (3, "ok")
        wait_for(lambda: a.states()["b"] == "gone")
        assert len(b.ask()[0]["nodes"]) <= 3
        b.plug(network.switch)
        wait_for(network.met)
        b.readdress("10.66.0.77")
        wait_for(lambda: any(one["address"].startswith("10.66.0.77") for one in a.control("peers")))
        wait_for(network.met)


def test_a_copied_home_folder_is_another_machine(tmp_path: Path) -> None:
    with lan(tmp_path, "a", "b") as network:
        a, b = network.hosts
        a.start()
        shutil.copytree(a.home, b.home)
        b.start()
        wait_for(network.met)  # the copy has the swarm's key, and an identity of its own
        pems = [(host.home / "network/identity.pem").read_text() for host in network.hosts]
        assert pems[0] != pems[1]


def test_where_multicast_is_swallowed_broadcast_or_a_name_do(tmp_path: Path) -> None:
    with lan(tmp_path, "a", "b", "c") as network:
        a, b, c = network.hosts
        for host in (a, b):
            host.start(auth_token=TOKEN, discovery="broadcast")
        wait_for(lambda: a.sees("b") and b.sees("a"))
        c.start(auth_token=TOKEN, discovery="static", peers=a.address)
        wait_for(network.met)  # b hears of c through a
        c.readdress("10.66.0.88")  # which nobody announces: c itself goes on asking the others
        wait_for(lambda: [one["address"] for one in a.control("peers") if one["name"] == "c"] == ["10.66.0.88:8766"])
        wait_for(network.met)


def test_ipv6_alone_is_enough(tmp_path: Path) -> None:
    with lan(tmp_path, "a", "b") as network:
        for host in network.hosts:
            ip("-n", host.space, "addr", "flush", "dev", "eth0", "scope", "global")
        wait_for(lambda: all(settled(host) for host in network.hosts))
        network.start(auth_token=TOKEN, discovery="mdns")
        wait_for(network.met)
        assert network.hosts[0].control("peers")[0]["address"].startswith("[fe80")


def settled(host: Host) -> bool:
    """Whether its link-local address may be used: the kernel looks for duplicates first."""
    shown = subprocess.run(["ip", "-n", host.space, "-6", "addr"], capture_output=True, text=True, check=True).stdout
    return "fe80" in shown and "tentative" not in shown


def test_strangers_get_nothing_and_are_counted(tmp_path: Path) -> None:
    with lan(tmp_path, "a", "b") as network:
        a, b = network.hosts
        network.start()
        wait_for(lambda: a.states() == {"b": "stranger"})
        refused = b.inside(knock, a.address)
        assert refused == {
            "/health": 403,
            "/info": 403,
            "/vote": 403,
            "/charter": 403,
            "/hello": 403,
            "/join/start": 409,
        }
        counts = a.control("metrics")
        assert counts["refused"] >= 5 and counts["wrong_codes"] == 1 and counts["strangers"] >= 6
        b.inside(flood, a.address)
        wait_for(lambda: a.control("metrics")["flooded"] > 0)
        assert a.ask()[1] < 5.0, "users do not notice"

        before = a.control("metrics")["handshakes_failed"]

        def turned_away() -> bool:
            """Once the flood is forgotten, b gets as far as a handshake."""
            assert b.inside(plain_http, a.address) == b""
            return bool(a.control("metrics")["handshakes_failed"] > before)

        wait_for(turned_away, every_s=0.5)


def test_fake_announcements_are_bounded_and_harm_nobody(tmp_path: Path) -> None:
    with lan(tmp_path, "a", "b", "rogue") as network:
        a, b, rogue = network.hosts
        for host in (a, b):
            host.start(auth_token=TOKEN)
        wait_for(lambda: a.sees("b") and b.sees("a"))
        with rogue.inside(entered, impersonate(Charter(from_token(TOKEN)).tag, a.control("peers")[0])):
            wait_for(lambda: a.control("metrics")["strangers_announced"] >= 20)
            for _ in range(3):
                swarm, seconds = a.ask()
                assert (
                    own(swarm) == {"a": (3, "ok"), "b": (3, "ok")} and seconds < 2.9
                )  # less than one silent peer would cost
            assert len(a.control("peers")) <= 17


@contextmanager
def impersonate(tag: str, victim: dict[str, Any]) -> Iterator[None]:
    """Fifty nodes that claim to be of the swarm, at addresses where nobody is."""
    faked = Zeroconf(interfaces=["10.66.0.3"])
    try:
        for number in range(50):
            records = {
                "id": f"{number:032x}",
                "swarm": tag,
                "name": victim["name"],
                "version": "1",
                "instances": "999999",
            }
            name, address = f"fake{number}.{SERVICE}", f"10.66.0.{100 + number}"
            info = ServiceInfo(
                SERVICE, name, port=8766, properties=records, server=f"fake{number}.local.", parsed_addresses=[address]
            )
            faked.register_service(info, cooperating_responders=True)
        yield
    finally:
        faked.close()


def knock(address: str) -> dict[str, int]:
    import http.client
    import ssl

    context = ssl._create_unverified_context()
    found = {}
    messages = {
        "/health": None,
        "/info": None,
        "/vote": {},
        "/charter": {"key": "00", "epoch": 99},
        "/hello": {"certificate": ssl.DER_cert_to_PEM_cert(b"0"), "proof": "0" * 64, "name": "x", "port": 1},
        "/join/start": {"number": "11", "message": "41" + "00" * 32, "certificate": ""},
    }
    for path, message in messages.items():
        connection = http.client.HTTPSConnection(address, 8766, context=context, timeout=5)
        body = None if message is None else json.dumps(message)
        connection.request("GET" if body is None else "POST", f"/v1/federation{path}", body)
        answer = connection.getresponse()
        assert len(answer.read()) < 200
        found[path] = answer.status
        connection.close()
    return found


def flood(address: str) -> None:
    import socket

    held = []
    for _ in range(200):
        made = socket.socket()
        made.settimeout(1)
        try:
            made.connect((address, 8766))
        except OSError:
            made.close()
            continue
        held.append(made)
    for made in held:
        made.close()


def plain_http(address: str) -> bytes:
    import socket

    with socket.create_connection((address, 8766), timeout=6) as made:
        made.sendall(b"GET /v1/federation/health HTTP/1.1\r\nhost: x\r\n\r\n")
        try:
            return made.recv(100)
        except OSError:
            return b""


def entered(context: AbstractContextManager[None]) -> ExitStack:
    """Begin here, on the host, and let the test end it."""
    stack = ExitStack()
    stack.enter_context(context)
    return stack

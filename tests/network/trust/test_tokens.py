"""Swarms whose key comes from a token: which tokens are taken, and that nothing to try guesses out against is ever
shown."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

import pytest

from local_swarm.errors import PairingFailed, PeerFault, UsageError
from local_swarm.network.protocol import Hello, Welcome
from local_swarm.network.trust.identity import fingerprint
from local_swarm.network.trust.pairing import BURST, TOKEN, Invitations, JoinStart, Newcomer
from local_swarm.network.trust.store import from_token, open_trust
from local_swarm.network.trust.token_strength import weakness
from local_swarm.testing.scripted_node import node
from tests.network.conftest import QUICK, nodes, until

pytestmark = pytest.mark.anyio

GOOD = "gN3v-kQ7x_Lw2R9tYb5Hc8Zu"
WEAK = [
    "a" * 20,
    "a" * 5000,
    "ab" * 20,
    "passwordpassword1234",
    "P@ssw0rd!P@ssw0rd!P@ssw0rd!",
    "secretsecretsecretsecret",
    "qwertyuiopasdfghjklzxcvbnm",
    "abcdefghijklmnopqrstuvwxyz",
    "12345678901234567890",
    "1q2w3e4r5t6y7u8i9o0p",
    "Summer2024Summer2024Summer2024",
    "my-local-swarm-secret-token",
    "0123456789abcdef0123456789abcdef",
    "short",
    "letmein-letmein-letmein",
    "zyxwvutsrqponmlkjihgfedcba",
    " " * 40,
    "\U0001f600" * 30,
]


@pytest.mark.parametrize("token", WEAK)
def test_a_token_that_can_be_guessed_is_refused_with_the_way_to_a_good_one(token: str) -> None:
    with pytest.raises(UsageError, match=r"auth_token can be guessed.*token_urlsafe"):
        from_token(token)


def test_tokens_made_by_chance_are_taken() -> None:
    made = [token for _ in range(200) for token in (secrets.token_urlsafe(24), secrets.token_hex(16))]
    assert [token for token in made if weakness(token)] == []


def test_a_token_is_judged_in_a_moment() -> None:
    began = time.process_time()
    for text in ("password" * 128, "abc" * 341, "x" * 10**7):
        assert weakness(text)
    assert time.process_time() - began < 0.5


async def test_machines_with_the_same_token_find_each_other_and_announce_nothing_of_it(tmp_path: Path) -> None:
    async with nodes(tmp_path, "one", "two") as (one, two):
        said = one.service.announcement.current()
        assert said.swarm == "" and "swarm" not in said.records() and b"swarm" not in said.beacon()
        assert one.service.trust.charter == two.service.trust.charter


async def test_machines_with_different_tokens_do_not(tmp_path: Path) -> None:
    settings = {"discovery": "static", "federation_port": 0}
    async with node("one", tmp_path / "1", QUICK, auth_token=secrets.token_hex(16), **settings) as one:
        address = f"127.0.0.1:{one.service.port}"
        async with node(
            "two", tmp_path / "2", QUICK, auth_token=secrets.token_hex(16), peers=address, **settings
        ) as two:
            await until(lambda: one.service.metrics.refused["wrong_codes"] > 0)
            assert not one.service.trust.members and not two.service.trust.members


async def test_a_greeting_shows_no_proof_to_somebody_who_only_claims_to_be_one_of_us(tmp_path: Path) -> None:
    """Nor does the server judge one: its sender learns nothing."""
    async with nodes(tmp_path, "one", "two") as (one, two):
        charter, address = one.service.trust.charter, f"127.0.0.1:{one.service.port}"
        theirs = one.service.mine.certificate
        proof = charter.proof("hello", two.service.mine.fingerprint, fingerprint(theirs))
        hello = Hello(two.service.mine.certificate, proof, "two", 1)
        with pytest.raises(PeerFault):
            await two.service.membership.client.ask_unpaired(address, theirs, "/hello", hello, Welcome)


def test_guesses_at_a_token_are_slow(tmp_path: Path) -> None:
    now = [0.0]
    trust = open_trust(tmp_path, GOOD)
    host = Invitations(trust, "ab" * 32, "host", lambda: now[0])
    mine = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    start = Newcomer(TOKEN, mine, "ab" * 32, trust.charter.key).start()
    broken = JoinStart(TOKEN, "00", mine)
    host.start(start)
    host._allowance = (1.0, 0.0)
    host.start(start)
    with pytest.raises(PairingFailed):
        host.start(start)
    with pytest.raises(PairingFailed):
        host.start(broken)
    now[0] = BURST
    host.start(start)


def test_where_there_is_no_token_its_number_opens_nothing(tmp_path: Path) -> None:
    trust = open_trust(tmp_path)
    mine = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    start = Newcomer(TOKEN, mine, "ab" * 32, trust.charter.key).start()
    with pytest.raises(PairingFailed):
        Invitations(trust, "ab" * 32, "host").start(start)

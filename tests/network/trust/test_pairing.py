"""A code makes two machines one swarm; without it, late, twice or in between there is nothing to be had."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from local_swarm.errors import PairingFailed
from local_swarm.network.trust.identity import Identity, load_identity
from local_swarm.network.trust.pairing import GUESSES, LIFE_S, Invitations, JoinFinish, JoinStart, Newcomer, split
from local_swarm.network.trust.store import Charter, open_trust
from local_swarm.network.trust.words import WORDS


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Pair:
    """A host with an invitation and a newcomer, both without a network."""

    def __init__(self, folder: Path) -> None:
        self.host, self.guest = load_identity(folder / "host"), load_identity(folder / "guest")
        self.trust, self.clock = open_trust(folder / "host"), Clock()
        self.invitations = Invitations(self.trust, self.host.fingerprint, "host", self.clock)

    def newcomer(self, code: str, seen: Identity | None = None) -> Newcomer:
        return Newcomer(code, self.guest.certificate, (seen or self.host).fingerprint)

    def join(self, code: str) -> Charter:
        newcomer = self.newcomer(code)
        confirmation = newcomer.confirm(self.invitations.start(newcomer.start()), "guest", 8766)
        return confirmation.charter_in(self.invitations.finish(confirmation.message, "10.0.0.2")[0])


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def test_with_the_code_both_have_the_key_and_the_certificate(pair: Pair) -> None:
    assert pair.join(pair.invitations.invite().code) == pair.trust.charter
    member = pair.trust.members[pair.guest.fingerprint]
    assert (member.name, member.addresses) == ("guest", ("10.0.0.2:8766",))


def test_however_it_is_typed(pair: Pair) -> None:
    code = pair.invitations.invite().code
    assert pair.join(f"  {code.upper().replace('-', ' ')} ") == pair.trust.charter


def test_it_serves_once(pair: Pair) -> None:
    code = pair.invitations.invite().code
    first, second = pair.newcomer(code), pair.newcomer(code)
    started = [one.confirm(pair.invitations.start(one.start()), "x", 1).message for one in (first, second)]
    pair.invitations.finish(started[0], "10.0.0.2")
    for attempt in (lambda: pair.invitations.finish(started[1], "10.0.0.2"), lambda: pair.join(code)):
        with pytest.raises(PairingFailed):
            attempt()


def test_it_expires(pair: Pair) -> None:
    code = pair.invitations.invite().code
    assert pair.invitations.number == code[:2]
    pair.clock.now = LIFE_S
    assert pair.invitations.number == ""
    with pytest.raises(PairingFailed):
        pair.join(code)


def test_wrong_words_get_nothing_and_are_limited(pair: Pair) -> None:
    code = pair.invitations.invite().code
    number = code.split("-")[0]
    wrong = [f"{number}-{WORDS[0]}-{WORDS[1]}-{WORDS[at]}" for at in range(2, 9)]
    for guess in [one for one in wrong if one != code][:GUESSES]:
        with pytest.raises(PairingFailed):
            pair.join(guess)
    with pytest.raises(PairingFailed):
        pair.join(code)  # right, but too late
    assert not pair.trust.members


def test_the_last_guess_still_counts(pair: Pair) -> None:
    code = pair.invitations.invite().code
    for _ in range(GUESSES - 1):
        pair.invitations.start(pair.newcomer(code).start())
    assert pair.join(code) == pair.trust.charter


def test_whoever_sits_between_is_found_out(pair: Pair, tmp_path: Path) -> None:
    """The newcomer sees the certificate of the one between: the fingerprints differ, so the confirmation does."""
    between = load_identity(tmp_path / "between")
    newcomer = pair.newcomer(pair.invitations.invite().code, seen=between)
    confirmation = newcomer.confirm(pair.invitations.start(newcomer.start()), "guest", 8766)
    with pytest.raises(PairingFailed):
        pair.invitations.finish(confirmation.message, "10.0.0.2")


def test_another_certificate_cannot_be_slipped_in(pair: Pair, tmp_path: Path) -> None:
    newcomer = pair.newcomer(pair.invitations.invite().code)
    start = replace(newcomer.start(), certificate=load_identity(tmp_path / "between").certificate)
    confirmation = newcomer.confirm(pair.invitations.start(start), "guest", 8766)
    with pytest.raises(PairingFailed):
        pair.invitations.finish(confirmation.message, "10.0.0.2")


def test_a_host_without_the_code_cannot_give_a_key_of_its_own(pair: Pair) -> None:
    newcomer = pair.newcomer(pair.invitations.invite().code)
    confirmation = newcomer.confirm(pair.invitations.start(newcomer.start()), "guest", 8766)
    finished, _ = pair.invitations.finish(confirmation.message, "10.0.0.2")
    for forged in (
        replace(finished, confirmation="0" * 64),
        replace(finished, box="00" * 60),
        replace(finished, box="xy"),
    ):
        with pytest.raises(PairingFailed):
            confirmation.charter_in(forged)


@pytest.mark.parametrize("message", ["", "zz", "41", "42" + "00" * 32, "41" + "00" * 32, "41" + "ff" * 32, "41" * 500])
def test_hostile_messages_are_refused(pair: Pair, message: str) -> None:
    number = pair.invitations.invite().number
    with pytest.raises(PairingFailed):
        pair.invitations.start(JoinStart(number, message, pair.guest.certificate))
    with pytest.raises(PairingFailed):
        pair.invitations.finish(JoinFinish("no-session", "0", "x", 1), "10.0.0.2")


@pytest.mark.parametrize("code", ["", "amber", "7", "7-amber", "x-amber-river-piano", "7-a-b-c-d"])
def test_what_is_no_code_is_said_to_be_none(code: str) -> None:
    with pytest.raises(PairingFailed):
        split(code)


def test_words_are_256_and_differ() -> None:
    assert len(set(WORDS)) == 256 and all(word.isalpha() and word.islower() for word in WORDS)

from __future__ import annotations

import json
import shutil
import stat
import sys
from pathlib import Path

import pytest

from local_swarm.errors import UsageError
from local_swarm.network.protocol import Malformed, decode
from local_swarm.network.trust.identity import fingerprint, load_identity
from local_swarm.network.trust.store import MOST_MEMBERS, Charter, PairedMember, merge_charters, open_trust
from local_swarm.network.trust.tls import ServerContexts

A, B = (Charter(letter * 64, 1) for letter in "ab")


def member(folder: Path, name: str) -> PairedMember:
    return PairedMember(name, load_identity(folder / name).certificate, ("10.0.0.1:8766",))


# ------------------------------------------------------------------------------------------------ identity


def test_an_identity_stays_and_a_copy_is_another(tmp_path: Path) -> None:
    first = load_identity(tmp_path / "one", "machine")
    assert load_identity(tmp_path / "one", "machine") == first
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    assert load_identity(tmp_path / "two", "machine").fingerprint != first.fingerprint
    assert load_identity(tmp_path / "one", "another machine").fingerprint != first.fingerprint


def test_a_damaged_identity_is_made_anew(tmp_path: Path) -> None:
    first = load_identity(tmp_path)
    first.pem.write_text("nonsense", encoding="utf-8")
    assert load_identity(tmp_path).fingerprint != first.fingerprint


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_keys_are_for_our_eyes_only(tmp_path: Path) -> None:
    pem, trust = load_identity(tmp_path).pem, open_trust(tmp_path)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (pem, trust.path)] == [0o600, 0o600]


def test_what_is_no_certificate_has_no_fingerprint() -> None:
    with pytest.raises(ValueError):
        fingerprint("hello")


# --------------------------------------------------------------------------------------------------- proof


def test_a_proof_binds_both_ends_and_the_role() -> None:
    proof = A.proof("hello", "me", "you")
    assert A.proves(proof, "hello", "me", "you")
    for role, mine, yours in (("welcome", "me", "you"), ("hello", "you", "me"), ("hello", "me", "him")):
        assert not A.proves(proof, role, mine, yours)
    assert not B.proves(proof, "hello", "me", "you")
    assert not A.proves("ä", "hello", "me", "you")


def test_the_later_charter_holds_and_of_two_at_once_the_same_for_both() -> None:
    later = Charter("d" * 64, 2, ("1" * 64,))
    assert merge_charters(A, later) == merge_charters(later, A) == later
    left, right = Charter("a" * 64, 2, ("1" * 64,)), Charter("b" * 64, 2, ("2" * 64,))
    assert merge_charters(left, right) == merge_charters(right, left) == Charter("b" * 64, 2, ("1" * 64, "2" * 64))


# ------------------------------------------------------------------------------------------------- members


def test_members_are_remembered(tmp_path: Path) -> None:
    trust, friend = open_trust(tmp_path), member(tmp_path, "friend")
    assert trust.admit(friend)
    again = open_trust(tmp_path)
    assert again.charter == trust.charter and again.members == {friend.fingerprint: friend}


def test_who_is_forgotten_is_out_for_good_and_the_key_is_another(tmp_path: Path) -> None:
    trust, friend = open_trust(tmp_path), member(tmp_path, "friend")
    trust.admit(friend)
    before = trust.charter
    trust.forget(friend)
    assert not trust.members and trust.charter.key != before.key and trust.charter.epoch == before.epoch + 1
    assert not trust.admit(friend)
    assert not before.proves(trust.charter.proof("hello", "a", "b"), "hello", "a", "b")
    assert trust.readmit(friend) and friend.fingerprint in trust.members


def test_members_follow_a_later_charter(tmp_path: Path) -> None:
    trust, friend = open_trust(tmp_path), member(tmp_path, "friend")
    trust.admit(friend)
    earlier = trust.charter
    trust.forget(member(tmp_path, "somebody"))
    assert not trust.adopt(earlier)
    assert trust.adopt(Charter("0" * 64, trust.charter.epoch + 1, (friend.fingerprint,)))
    assert not trust.members


def test_a_swarm_has_room_for_so_many(tmp_path: Path) -> None:
    trust = open_trust(tmp_path)
    certificates = [load_identity(tmp_path / str(n)).certificate for n in range(MOST_MEMBERS + 1)]
    assert [trust.admit(PairedMember("x", one)) for one in certificates] == [True] * MOST_MEMBERS + [False]


@pytest.mark.parametrize(
    "data",
    [b'{"key": "00"}', b'{"key": "%s", "epoch": 0}' % (b"0" * 64), b'{"key": "%s", "revoked": ["x"]}' % (b"0" * 64)],
)
def test_what_is_no_charter_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode(Charter, data)


def test_a_token_is_a_key_for_all_who_have_it(tmp_path: Path) -> None:
    token = "a token that is long enough"
    one, two = open_trust(tmp_path / "1", token), open_trust(tmp_path / "2", token)
    assert one.charter.key == two.charter.key != open_trust(tmp_path / "3").charter.key
    assert not one.adopt(Charter("0" * 64, 99))
    with pytest.raises(UsageError, match="20 characters"):
        open_trust(tmp_path, "short")


def test_a_damaged_file_is_a_new_swarm(tmp_path: Path) -> None:
    trust = open_trust(tmp_path)
    for text in ("", "{", "[]", json.dumps({"charter": {"key": "xyz"}})):
        trust.path.write_text(text, encoding="utf-8")
        assert open_trust(tmp_path).charter.key != trust.charter.key


def test_the_servers_tls_context_is_new_when_members_came(tmp_path: Path) -> None:
    trust = open_trust(tmp_path)
    contexts = ServerContexts(load_identity(tmp_path), trust)
    first = contexts.current()
    assert contexts.current() is first
    trust.admit(member(tmp_path, "friend"))
    assert contexts.current() is not first

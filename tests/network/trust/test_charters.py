"""What a hostile member may do to the others by publishing charters: at real servers, and to the file that keeps them."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from local_swarm.errors import PeerFault
from local_swarm.network.protocol import Malformed, decode, encode
from local_swarm.network.trust.identity import load_identity
from local_swarm.network.trust.store import (
    MOST_REVOKED,
    STEP,
    WORN,
    Charter,
    PairedMember,
    TrustFile,
    TrustStore,
    ahead,
    merge_charters,
    open_trust,
)
from local_swarm.testing.scripted_node import ScriptedNode, node
from tests.network.conftest import QUICK, ask, until

pytestmark = pytest.mark.anyio

LAST = 2**53 - 1
JUNK = tuple(f"{number:064x}" for number in range(MOST_REVOKED))


@asynccontextmanager
async def members(folder: Path, *names: str) -> AsyncIterator[list[ScriptedNode]]:
    """Nodes that invited each other: their key is nobody's token."""
    first, *others = names
    async with node(first, folder / first, QUICK, discovery="static", federation_port=0) as one:
        if not others:
            yield [one]
            return
        async with members(folder, *others) as rest:
            for other in rest:
                introduce(one, other)
            for other in (one, *rest):
                other.service.trust.charter = one.service.trust.charter
            for other in (one, *rest):
                await until(lambda other=other: len(other.service.directory.askable(99)) == len(rest))  # type: ignore[misc]
            yield [one, *rest]


def introduce(one: ScriptedNode, other: ScriptedNode) -> None:
    for mine, theirs in ((one.service, other.service), (other.service, one.service)):
        mine.trust.admit(PairedMember(theirs.name, theirs.mine.certificate, (f"127.0.0.1:{theirs.port}",)))


async def tell(who: ScriptedNode, whom: ScriptedNode, charter: Charter) -> bool:
    """Whether the server of `whom` took what `who` said."""
    try:
        await who.service.membership.client.tell(who.service.directory.peers[whom.service.mine.id], "/charter", charter)
    except PeerFault:
        return False
    return True


def knows(one: ScriptedNode, other: ScriptedNode) -> bool:
    return other.service.mine.fingerprint in one.service.trust.members


@pytest.mark.parametrize("epoch", [LAST, WORN, 1000, 2 + STEP])
async def test_a_member_cannot_push_the_count_to_its_end(tmp_path: Path, epoch: int) -> None:
    async with members(tmp_path, "honest", "hostile") as (honest, hostile):
        before = honest.service.trust.charter
        await tell(hostile, honest, Charter("e" * 64, epoch))
        assert honest.service.trust.charter == before
        assert honest.service.membership.forget("hostile") == {"forgotten": "hostile"}
        assert not knows(honest, hostile) and honest.service.trust.charter.key not in ("e" * 64, before.key)


async def test_a_small_step_is_followed_and_who_did_it_can_still_be_sent_away(tmp_path: Path) -> None:
    async with members(tmp_path, "honest", "hostile") as (honest, hostile):
        assert await tell(hostile, honest, Charter("e" * 64, 1 + STEP))
        assert honest.service.trust.charter.epoch == 1 + STEP
        honest.service.membership.forget("hostile")
        assert not knows(honest, hostile) and not await tell(hostile, honest, Charter("d" * 64, 3 + STEP))
        assert honest.service.trust.charter.key not in ("d" * 64, "e" * 64)


async def test_one_member_cannot_change_the_charter_all_the_time(tmp_path: Path) -> None:
    async with members(tmp_path, "honest", "hostile") as (honest, hostile):
        for step in range(1, 20):
            await tell(hostile, honest, Charter("e" * 64, 1 + step * STEP))
        assert honest.service.trust.charter.epoch <= 1 + 6 * STEP


async def test_nobody_is_told_to_send_himself_away(tmp_path: Path) -> None:
    async with members(tmp_path, "honest", "hostile", "third") as (honest, hostile, third):
        before = honest.service.trust.charter
        await tell(hostile, honest, Charter("e" * 64, 2, (honest.service.mine.fingerprint,)))
        assert honest.service.trust.charter == before and knows(honest, hostile) and knows(honest, third)


async def test_who_was_sent_away_does_not_come_back_by_way_of_another_member(tmp_path: Path) -> None:
    async with members(tmp_path, "user", "other", "hostile") as (user, other, hostile):
        assert await tell(hostile, other, Charter("e" * 64, 1 + STEP))
        user.service.membership.forget("hostile")
        await until(lambda: not knows(other, hostile))
        assert user.service.trust.charter == other.service.trust.charter and not knows(user, hostile)
        assert user.service.trust.charter.key != "e" * 64
        assert (await ask(user, voices=6)).elected


async def test_who_was_off_for_many_changes_catches_up(tmp_path: Path) -> None:
    async with members(tmp_path, "late", "other") as (late, other):
        now = Charter("c" * 64, 1 + 3 * STEP - 5, JUNK[:40])
        other.service.trust.charter = now
        for peer in other.service.directory.peers.values():
            peer.due = 0.0
        await until(lambda: late.service.trust.charter.key == "c" * 64)
        assert now.towards(1).epoch == 1 + STEP and now.towards(now.epoch - 2) == now


# ------------------------------------------------------------------------------------------- the end of counting


def outsider(folder: Path, name: str) -> PairedMember:
    return PairedMember(name, load_identity(folder / name).certificate, ("10.0.0.1:8766",))


@pytest.mark.parametrize("epoch", [1, WORN - 1, WORN, LAST])
def test_forgetting_and_inviting_work_at_every_epoch(tmp_path: Path, epoch: int) -> None:
    friend = outsider(tmp_path, "friend")
    trust = TrustStore(tmp_path / "trust.json", Charter("a" * 64, epoch, JUNK))
    trust.admit(friend)
    trust.forget(friend)
    assert not trust.members and not trust.admit(friend) and trust.charter.key != "a" * 64
    assert ahead(epoch, trust.charter.epoch) > 0
    assert trust.readmit(friend) and friend.fingerprint in trust.members


def test_after_the_last_epoch_comes_the_first_for_everybody() -> None:
    worn, next_ = Charter("a" * 64, LAST), Charter("b" * 64, LAST).successor("c" * 64, ())
    assert next_.epoch == 1 and merge_charters(worn, next_) == merge_charters(next_, worn) == next_
    assert next_.towards(LAST) == next_ and ahead(1, LAST) < 0 < ahead(WORN - 1, WORN)


def test_a_file_with_an_absurd_epoch_recovers(tmp_path: Path) -> None:
    friend = outsider(tmp_path, "friend")
    kept = TrustFile(Charter("a" * 64, LAST, JUNK[:3]), (friend,))
    (tmp_path / "trust.json").write_bytes(encode(kept))
    trust = open_trust(tmp_path)
    assert trust.charter == dataclasses.replace(kept.charter, epoch=1) and list(trust.members) == [friend.fingerprint]
    assert trust.adopt(Charter("b" * 64, 2))
    trust.forget(friend)
    assert open_trust(tmp_path).charter == trust.charter


def test_whom_the_user_sent_away_is_remembered_and_comes_back_by_an_invitation(tmp_path: Path) -> None:
    gone = outsider(tmp_path, "gone")
    open_trust(tmp_path).forget(gone)
    trust = open_trust(tmp_path)
    theirs = Charter("b" * 64, trust.charter.epoch + 1)
    assert trust.adopt(theirs) and gone.fingerprint in trust.charter.revoked and trust.charter.key != theirs.key
    assert ahead(theirs.epoch, trust.charter.epoch) == 1
    assert trust.readmit(gone) and trust.adopt(Charter("c" * 64, trust.charter.epoch + 1))
    assert trust.charter.key == "c" * 64 and gone.fingerprint in trust.members


def test_a_charter_has_room_for_so_many_that_were_sent_away() -> None:
    with pytest.raises(Malformed):
        decode(Charter, b'{"key": "%s", "revoked": [%s]}' % (b"0" * 64, b",".join([b'"%s"' % (b"1" * 64)] * 300)))

"""Who is believed to be where. The clock is a number."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_swarm.network.discovery.announcement import Announcement
from local_swarm.network.discovery.directory import (
    GONE_AFTER_S,
    MOST_PEER_ADDRESSES,
    MOST_UNPAIRED,
    POLL_S,
    Directory,
    Peer,
    PeerSummary,
)
from local_swarm.network.protocol import Hint, Report
from local_swarm.network.trust.identity import load_identity
from local_swarm.network.trust.store import PairedMember

TAG = "tag"


def announcement(identity: str, run: str = "r", **more: str) -> Announcement:
    return Announcement(
        identity, "n", 1, ("10.0.0.1",), more.get("swarm", TAG), run, invitation=more.get("invitation", "")
    )


@pytest.fixture
def friend(tmp_path: Path) -> PairedMember:
    return PairedMember("friend", load_identity(tmp_path).certificate, ("10.0.0.2:8766",))


@pytest.fixture
def directory(friend: PairedMember) -> Directory:
    made = Directory("m" * 32, "me", run="r")
    made.keep_members([friend])
    return made


@pytest.fixture
def peer(directory: Directory) -> Peer:
    return next(iter(directory.peers.values()))


def test_a_peer_is_asked_once_it_has_answered(directory: Directory, peer: Peer) -> None:
    assert directory.askable(9) == [] and directory.due_peers(0.0) == [peer]
    directory.hear_report(peer, "10.0.0.2:8766", Report("friend", workers=2), 0.01, 0.0)
    assert (
        directory.askable(9) == [peer]
        and directory.due_peers(POLL_S - 0.1) == []
        and directory.due_peers(POLL_S) == [peer]
    )


def test_silence_is_first_late_then_gone(directory: Directory, peer: Peer) -> None:
    directory.hear_report(peer, "x:1", Report("friend", workers=2), 0.01, 0.0)
    states: list[str] = []
    for now in (3.0, GONE_AFTER_S):
        directory.note_silence(peer, "late", now)
        states.append(peer.state)
        assert directory.askable(9) == []
    assert states == ["late", "gone"]
    directory.hear_report(peer, "x:1", Report("friend", workers=2), 0.01, 99.0)
    assert directory.askable(9) == [peer]


@pytest.mark.parametrize("state", ["starting", "busy", "battery", "stopping"])
def test_who_says_no_is_not_asked(directory: Directory, peer: Peer, state: str) -> None:
    directory.hear_report(peer, "x:1", Report("friend", workers=2, state=state), 0.01, 0.0)  # type: ignore[arg-type]
    assert peer.state == state and directory.askable(9) == []


def test_announcements_are_hints_and_cannot_push_out_what_is_proven(directory: Directory, peer: Peer) -> None:
    directory.hear_report(peer, "10.0.0.2:8766", Report("friend", workers=2), 0.01, 0.0)
    directory.note_silence(peer, "gone", 1.0)
    for fake in range(50):
        directory.hear_announcement(announcement(peer.id), (f"10.6.6.{fake}:1",), 2.0)
    assert "10.0.0.2:8766" in peer.addresses and len(peer.addresses) == MOST_PEER_ADDRESSES
    assert peer.state == "gone"


def test_a_goodbye_makes_us_look_and_no_more(directory: Directory, peer: Peer) -> None:
    directory.hear_report(peer, "x:1", Report("friend", workers=2), 0.01, 0.0)
    directory.hear_announcement(announcement(peer.id), ("x:1",), 0.0, service="friend._local-swarm._tcp.local.")
    directory.hear_goodbye("friend._local-swarm._tcp.local.", 0.5)
    assert directory.due_peers(0.5) == [peer] and peer.state == "ok"


def test_strangers_are_bounded_and_counted(directory: Directory) -> None:
    for number in range(500):
        directory.hear_announcement(announcement(f"{number:032x}"), ("10.0.0.9:1",), 0.0)
    assert len(directory.unpaired) == MOST_UNPAIRED and directory.left_out == 500 - MOST_UNPAIRED
    assert len(directory.peers) == 1


def test_only_who_shows_our_tag_is_greeted_and_not_too_often(directory: Directory) -> None:
    directory.hear_announcement(announcement("1" * 32), ("x:1",), 0.0)
    directory.hear_announcement(announcement("2" * 32, swarm="another"), ("y:1",), 0.0)
    directory.add_static("z:1")
    greeted = directory.to_greet(TAG, 0.0)
    assert [one.addresses for one in greeted] == [("x:1",), ("z:1",)]
    for node in greeted:
        directory.postpone_greeting(node, 0.0)
    assert directory.to_greet(TAG, 1.0) == [] and len(directory.to_greet(TAG, 3.0)) == 2
    for _ in range(20):
        directory.postpone_greeting(greeted[0], 3.0)
    assert directory.to_greet(TAG, 62.0) == [greeted[1]]


def test_our_own_announcement_is_known_and_a_doubles_too(directory: Directory) -> None:
    directory.hear_announcement(announcement(directory.mine, run="r"), ("x:1",), 0.0)
    assert directory.duplicates == 0 and not directory.unpaired
    directory.hear_announcement(announcement(directory.mine, run="other"), ("x:1",), 0.0)
    assert directory.duplicates == 1 and not directory.unpaired


def test_namesakes_get_a_piece_of_their_id(tmp_path: Path) -> None:
    members = [PairedMember("pi", load_identity(tmp_path / str(n)).certificate) for n in range(2)]
    made = Directory("m" * 32, "pi")
    made.keep_members(members)
    names = {peer.name for peer in made.peers.values()}
    assert len(names) == 2 and all(name.startswith("pi-") for name in names)


def test_hints_of_peers_are_places_to_knock_at(directory: Directory, peer: Peer) -> None:
    hints = [(peer.id, "10.0.0.7:1"), ("9" * 32, "10.0.0.8:1"), (directory.mine, "10.0.0.9:1"), ("8" * 32, "8.8.8.8:1")]
    directory.hear_hints(Hint(*one) for one in hints)
    assert peer.addresses == ["10.0.0.2:8766", "10.0.0.7:1"]
    assert [one.addresses for one in directory.to_greet("any", 0.0)] == [("10.0.0.8:1",)]


def test_who_is_no_member_any_more_is_no_peer(directory: Directory) -> None:
    directory.keep_members([])
    assert not directory.peers


def test_who_is_listed_members_first_and_the_others_without_what_only_they_know(
    directory: Directory, peer: Peer
) -> None:
    directory.hear_announcement(announcement("1" * 32, swarm="another"), ("10.0.0.9:1",), 0.0)
    directory.add_static("10.0.0.8:1")
    assert [one.state for one in directory.summaries()] == ["new", "stranger"]
    directory.hear_report(peer, "10.0.0.2:8766", Report("friend", model="m", workers=2), 0.0123, 0.0)
    first, other = directory.summaries()
    assert first == PeerSummary("friend", "10.0.0.2:8766", "ok", model="m", workers=2, latency_ms=12.3)
    assert other == PeerSummary("n", "10.0.0.9:1", "stranger")


def test_who_announces_an_invitation_is_found_by_its_number(directory: Directory) -> None:
    directory.hear_announcement(announcement("1" * 32, invitation="42"), ("10.0.0.9:1", "10.0.1.9:1"), 0.0)
    directory.hear_announcement(announcement("2" * 32, invitation="43"), ("10.0.0.7:1",), 0.0)
    assert directory.inviters("42") == ["10.0.0.9:1", "10.0.1.9:1"] and directory.inviters("44") == []


def test_after_a_sleep_every_peer_is_probed(directory: Directory, peer: Peer) -> None:
    directory.hear_report(peer, "x:1", Report("friend"), 0.01, 0.0)
    assert directory.due_peers(0.0) == []
    directory.probe_all(0.0)
    assert directory.due_peers(0.0) == [peer]


def test_a_named_address_is_settled_once_a_member_answers_there(directory: Directory, peer: Peer) -> None:
    directory.add_static("10.0.0.2:8766")
    directory.add_static("10.0.0.3:8766")
    directory.hear_report(peer, "10.0.0.2:8766", Report("friend"), 0.01, 0.0)
    assert list(directory.unpaired) == ["10.0.0.3:8766"]

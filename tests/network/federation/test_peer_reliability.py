"""How far nodes are believed is kept by machine and model."""

from __future__ import annotations

from pathlib import Path

from local_swarm.network.discovery.directory import Directory, Peer
from local_swarm.network.federation.peer_reliability import PeerReliabilities, voter_key
from local_swarm.network.protocol import Report
from local_swarm.types import Candidate, Usage
from local_swarm.voting.consensus import elect


def test_reliabilities_are_kept_by_machine_and_model(tmp_path: Path) -> None:
    path, ids = tmp_path / "merits.json", {"a": "1 m", "b": "2 m", "c": "3 m"}
    reliabilities = PeerReliabilities(ids.__getitem__, path)
    votes = [
        Candidate(text, "w", "stop", Usage(1, 1), 0.1, node=name) for name, text in (("a", "x"), ("b", "x"), ("c", "y"))
    ]
    reliabilities.learn(elect(votes, "exact"))
    reliabilities.save()
    again = PeerReliabilities(ids.__getitem__, path)
    again.learn(elect(votes, "exact"))
    known = again.reliabilities_of(ids)
    assert known["a"].total > 1.9 and known["c"].agreed == 0.0
    for text in ("", "{", '{"merits": {"x": {"agreed": 9, "total": 1}}}'):
        path.write_text(text, encoding="utf-8")
        assert PeerReliabilities(ids.__getitem__, path).reliabilities_of(ids) == {}


def test_another_model_is_another_voter() -> None:
    directory = Directory("me")
    peer = directory.peers["1" * 32] = Peer("1" * 32, "pi", "", report=Report("pi", model="small"))
    before = voter_key(directory, "ours", "pi")
    peer.report = Report("pi", model="large")
    assert before != voter_key(directory, "ours", "pi")
    assert voter_key(directory, "ours", "this machine") == "me ours"

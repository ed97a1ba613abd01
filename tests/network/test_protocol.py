from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.network.discovery.announcement import Announcement, from_beacon, from_records
from local_swarm.network.protocol import (
    MOST_BALLOTS,
    MOST_HINTS,
    Hint,
    LineDecoder,
    Malformed,
    Report,
    VoteMessage,
    check_ballot,
    decode,
    decode_prompt,
    decode_report,
    encode,
    plain,
)
from local_swarm.types import Candidate, Message, Prompt, Sampling, ToolCall, Usage

CANDIDATE = Candidate("text", "w1", "stop", Usage(3, 2), 0.5, True, (ToolCall("c", "f", "{}"),), -0.1)

TOOL = {"type": "function", "function": {"name": "f"}}


def test_what_is_written_is_read() -> None:
    prompt = Prompt(
        (Message("user", "Grüße 🐝"),), (TOOL,), sampling=Sampling(0.5, seed=3, stop=("x",)), schema={"a": [1]}
    )
    assert decode_prompt(encode(prompt)).messages == prompt.messages
    assert decode_prompt(encode(prompt)).sampling == prompt.sampling
    assert decode(VoteMessage, encode(VoteMessage("ballot", candidate=CANDIDATE))).candidate == CANDIDATE


def test_a_question_from_a_peer_goes_no_further() -> None:
    found = decode_prompt(encode(Prompt((Message("user", "x"),), federate=True, route=True)))
    assert not found.federate and found.route is None and not found.early


def test_fields_of_newer_peers_are_left_out() -> None:
    found = json.loads(encode(Report("a"))) | {"telepathy": True}
    assert decode_report(json.dumps(found).encode()) == Report("a")


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"7", b"{}", b'{"messages": []}', b"\xff", b'{"messages": [{"role": "x"}]}']
)
def test_what_is_no_question_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode_prompt(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_malformed(data: bytes) -> None:
    for reader in (decode_prompt, decode_report):
        with contextlib.suppress(Malformed):
            reader(data)
    from_beacon(data, "10.0.0.1")


def test_deeply_nested_json_is_malformed() -> None:
    with pytest.raises(Malformed):
        decode(VoteMessage, b'{"candidate":' + b"[" * 200_000)


@given(
    st.lists(st.binary(min_size=1, max_size=20).filter(lambda line: b"\n" not in line), max_size=9), st.integers(1, 7)
)
def test_lines_come_out_whole_however_they_were_cut(lines: list[bytes], cut: int) -> None:
    data, splitter, found = b"".join(line + b"\n" for line in lines), LineDecoder(), list[bytes]()
    for at in range(0, len(data), cut):
        found += splitter.feed(data[at : at + cut])
    assert found == lines


def test_too_much_is_malformed_before_it_is_kept() -> None:
    with pytest.raises(Malformed, match="line"):
        LineDecoder(line_bytes=10).feed(b"x" * 11)
    splitter = LineDecoder(line_bytes=100, total_bytes=10)
    with pytest.raises(Malformed, match="answer"):
        [splitter.feed(b"x\n") for _ in range(6)]
    with pytest.raises(Malformed, match="answer"):
        LineDecoder().feed(b'{"kind":"beat"}\n' * 50_000)


def test_reports_are_clamped() -> None:
    hints = tuple(Hint(str(n), "10.0.0.1:1") for n in range(99))
    found = decode_report(encode(Report("n\x1b\n", model="\x07m", workers=10**9, latency_s=1.0, hints=hints)))
    assert (found.name, found.model, found.workers) == ("n", "m", MOST_BALLOTS) and len(found.hints) == MOST_HINTS
    assert decode_report(encode(Report("", workers=-5))).workers == 0


def test_a_peers_ballot_carries_our_name_for_it_and_no_head_start() -> None:
    found = check_ballot(CANDIDATE, "b", alone=False)
    assert (found.node, found.voter, found.anchor) == ("b", "b/w1", False)
    assert check_ballot(CANDIDATE, "b", alone=True).anchor


def test_names_fit_a_terminal() -> None:
    assert plain("a\x1b[31m\u202eb\n" + "c" * 99) == "a[31mb" + "c" * 57


# ------------------------------------------------------------------------------------------- announcements

MINE = Announcement(
    "0" * 32, "node", 8766, ("10.0.0.1",), "tag", "run", workers=4, model="m", hardware="h", invitation="42"
)


def test_announcements_survive_both_ways() -> None:
    records: dict[bytes, bytes | None] = {key.encode(): value.encode() for key, value in MINE.records().items()}
    assert from_records(records, 8766, ("10.0.0.1",)) == MINE
    assert from_beacon(MINE.beacon(), "10.0.0.1") == MINE
    assert len(MINE.beacon()) < 500


@pytest.mark.parametrize(
    "change",
    [{b"id": b"short"}, {b"id": b"../" * 11}, {b"version": b"x"}, {b"name": b"\xff\xfe"}, {b"instances": b"1e9"}],
)
def test_records_that_are_none_of_ours_are_nothing(change: dict[bytes, bytes | None]) -> None:
    records: dict[bytes, bytes | None] = {key.encode(): value.encode() for key, value in MINE.records().items()}
    assert from_records(records | change, 8766, ("10.0.0.1",)) is None


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "127.0.0.1", "224.0.0.1", "0.0.0.0", "::1", "2001:4860::1", "example.org"]
)
def test_nobody_can_send_us_out_of_the_network(address: str) -> None:
    assert from_beacon(MINE.beacon(), address) is None


def test_a_beacon_says_where_its_sender_is_and_nobody_else() -> None:
    found = from_beacon(MINE.beacon(), "10.9.9.9")
    assert found and found.addresses == ("10.9.9.9",)
    assert from_beacon(b'{"port": 0}', "10.9.9.9") is None

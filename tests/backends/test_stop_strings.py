from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from local_swarm.backends.process.stop_strings import StopStringFilter
from local_swarm.chat.marks import held_back


def write(pieces: list[bytes], stops: list[str]) -> tuple[list[str], StopStringFilter]:
    tail = StopStringFilter(stops)
    shown = [tail.push(piece) for piece in pieces]
    return [*shown, tail.close()], tail


@given(st.text(), st.integers(1, 5))
def test_any_cut_of_the_bytes_shows_the_same_text(text: str, size: int) -> None:
    data = text.encode()
    shown, _ = write([data[at : at + size] for at in range(0, len(data), size)], [])
    assert "".join(shown) == text


@given(st.text("ab"), st.text("ab", min_size=1, max_size=4), st.integers(1, 4))
def test_nothing_of_a_stop_string_is_ever_shown(text: str, stop: str, size: int) -> None:
    shown, tail = write([text[at : at + size].encode() for at in range(0, len(text), size)], [stop])
    assert "".join(shown) == text.split(stop)[0]
    assert tail.stopped == (stop in text)


def test_a_character_is_shown_only_when_it_is_whole() -> None:
    tail = StopStringFilter()
    assert [tail.push(b"\xe2"), tail.push(b"\x82"), tail.push(b"\xac")] == ["", "", "€"]


def test_the_earliest_of_several_stops_counts() -> None:
    shown, _ = write([b"one two three"], ["three", "two"])
    assert "".join(shown) == "one "


def test_holds_back_only_what_may_become_a_stop() -> None:
    assert held_back("say STO", ["STOP"]) == 3
    assert held_back("say STOX", ["STOP"]) == 0
    assert held_back("aab", ["abc", "bb"]) == 2


def test_a_character_that_the_limit_cuts_is_left_out_and_one_that_is_broken_is_marked() -> None:
    assert "".join(write([b"a\xe2"], [])[0]) == "a"
    assert "".join(write([b"a\xe2b"], [])[0]) == "a\ufffdb"

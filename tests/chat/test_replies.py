"""What models write, read piece by piece: words, thoughts and calls of every family, wherever the pieces are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.chat.families import family_of
from local_swarm.chat.reply import Piece, ReplyParser
from local_swarm.chat.tools import Toolbox
from tests.chat.samples import SAMPLES, TOOLS, Sample

MARKS = (
    "<tool",
    "</tool",
    "<think",
    "</think",
    "<|",
    "|>",
    "[TOOL",
    "[ARGS",
    "[THINK",
    "<function",
    "<parameter",
    "<arg_",
)


def read(sample: Sample, pieces: list[str], tools: bool = True) -> tuple[ReplyParser, list[Piece]]:
    parser = ReplyParser(family_of(sample.template), Toolbox(TOOLS if tools else ()), sample.thinking)
    shown = [piece for text in pieces for piece in parser.push(text)]
    return parser, shown + parser.close()


def names(sample: Sample) -> str:
    return sample.name


@pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
@pytest.mark.parametrize("sample", SAMPLES, ids=names)
def test_says_what_it_means_however_it_is_cut(sample: Sample, size: int) -> None:
    pieces = [sample.reply[at : at + size] for at in range(0, len(sample.reply), size)]
    parser, shown = read(sample, pieces)
    assert (parser.words, parser.thoughts) == (sample.words, sample.thoughts)
    assert [(call.name, call.arguments) for call in parser.calls] == list(sample.calls)
    assert parser.broken == []
    assert "".join(piece.text for piece in shown if not piece.thought) == sample.words
    assert "".join(piece.text for piece in shown if piece.thought) == sample.thoughts


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.calls], ids=names)
def test_no_mark_is_ever_shown_as_words(sample: Sample) -> None:
    for size in (1, 4):
        _, shown = read(sample, [sample.reply[at : at + size] for at in range(0, len(sample.reply), size)])
        words = "".join(piece.text for piece in shown if not piece.thought)
        assert not any(mark in words for mark in MARKS)


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.thoughts], ids=names)
def test_thoughts_are_told_from_words_without_tools_too(sample: Sample) -> None:
    parser, _ = read(sample, list(sample.reply), tools=False)
    assert parser.thoughts == sample.thoughts and parser.calls == []


def test_without_tools_a_call_is_text() -> None:
    sample = next(one for one in SAMPLES if one.name == "Qwen2.5")
    parser, _ = read(sample, [sample.reply], tools=False)
    assert parser.words == sample.reply and not parser.calls


@pytest.mark.parametrize("body", ["{broken", '{"name": 3}', '{"name": "read", "arguments": {"filePath": "a'])
def test_a_call_that_nobody_can_read_is_known_as_broken(body: str) -> None:
    parser, shown = read(SAMPLES[1], [f"Look: <tool_call>\n{body}\n</tool_call>"])
    assert len(parser.broken) == 1 and not parser.calls
    assert [piece.text for piece in shown] == ["Look:"]


def test_words_go_on_at_once_but_for_what_may_be_a_mark() -> None:
    parser = ReplyParser(family_of(SAMPLES[1].template), Toolbox(TOOLS))
    assert parser.push("Look at <") == [Piece("Look at")]
    assert parser.push("b> now") == [Piece(" <b> now")]


@given(
    st.text(alphabet=st.sampled_from('<>|{}[]"/=\n abtool_callfunctionthink'), max_size=200), st.sampled_from(SAMPLES)
)
def test_any_text_can_be_read_and_is_the_same_in_one_piece(text: str, sample: Sample) -> None:
    whole, _ = read(sample, [text])
    cut, _ = read(sample, list(text))
    assert (whole.words, whole.thoughts, whole.calls, whole.broken) == (cut.words, cut.thoughts, cut.calls, cut.broken)

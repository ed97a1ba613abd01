"""Where an answer ends: at a stop string that its reader can see, or at the limit of tokens, with whole calls only."""

from __future__ import annotations

import json

import pytest

from local_swarm.backends.process import messages
from local_swarm.backends.process.stop_strings import stops_for
from local_swarm.chat.families import family_of
from local_swarm.chat.reply import ReplyParser
from local_swarm.chat.stops import StoppedReply
from local_swarm.chat.tools import Toolbox
from local_swarm.chat.turn import Settled, UnforcedReader
from tests.chat.samples import HERMES, READ, SAMPLES, TOOLS, Sample

BOX = Toolbox(TOOLS)
CALL = '<tool_call>\n{"name": "read", "arguments": {"filePath": "a\\n\\nb"}}\n</tool_call>'


def read(
    text: str, *stops: str, size: int = 1, tools: bool = False, cut: bool = False, template: str = HERMES
) -> Settled:
    parser = ReplyParser(family_of(template), BOX if tools else None)
    reader = UnforcedReader(StoppedReply(parser, stops), one_call=False)
    for at in range(0, len(text), size):
        reader.push(text[at : at + size])
    return reader.close(cut)


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_stop_string_within_thoughts_ends_nothing(size: int) -> None:
    said = read("<think>Question: x\n\nso</think>\n\n42 Question: y", "Question:", "\n\n", size=size)
    assert (said.words, said.thoughts, said.stopped, said.flaw) == ("42 ", "Question: x\n\nso", True, None)


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_stop_string_within_a_call_or_between_words_and_a_call_ends_nothing(size: int) -> None:
    said = read(f"<think>\n\n</think>\n\nI look.\n\n{CALL}", "\n\n", '"}', size=size, tools=True)
    assert said.words == "I look." and json.loads(said.calls[0].arguments) == {"filePath": "a\n\nb"}
    assert not said.stopped and said.flaw is None


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_nothing_that_comes_after_a_stop_string_counts(size: int) -> None:
    said = read(f"{CALL}\nDone. STOP {CALL}<think>more</think>", "STOP", size=size, tools=True)
    assert said.words.strip() == "Done." and len(said.calls) == 1 and not said.thoughts


def test_blanks_stop_at_once_where_no_call_may_follow_them() -> None:
    reply = StoppedReply(ReplyParser(family_of(HERMES)), ("\n\n",))
    reply.push("\n\n<think>a</think>\n\nOne.\n\n")
    assert reply.stopped and reply.words == "One."


def test_the_engine_stops_at_the_token_at_which_the_words_end() -> None:
    told = {"family": "hermes", "thinking": True, "tools": [READ]}
    order = messages.Generate(1, "", "", [0.0], [1], None, ["!"], {}, parted=told)
    stops, text = stops_for(order), "a! b</think>no! never"
    shown = ""
    for letter in text:
        shown += stops.push(letter.encode())
        if stops.stopped:
            break
    assert shown + stops.close() == "a! b</think>no!"


def test_a_text_that_is_continued_as_it_stands_stops_anywhere() -> None:
    stops = stops_for(messages.Generate(1, "", "", [0.0], [1], None, ["!"], {}))
    assert stops.push(b"<think>a! b") == "<think>a" and stops.stopped


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.calls], ids=lambda one: one.name)
def test_wherever_the_limit_cuts_a_reply_only_its_whole_calls_are_left(sample: Sample) -> None:
    whole = [(name, arguments) for name, arguments in sample.calls]
    for end in range(len(sample.reply)):
        parser = ReplyParser(family_of(sample.template), BOX, sample.thinking)
        reader = UnforcedReader(StoppedReply(parser), one_call=False)
        reader.push(sample.reply[:end])
        said = reader.close(cut=True)
        found = [(call.name, json.loads(call.arguments)) for call in said.calls]
        assert found == whole[: len(found)], sample.reply[:end]


def test_the_second_of_two_calls_is_dropped_where_it_is_cut_and_the_answer_says_so() -> None:
    said = read(f"{CALL}\n{CALL[:40]}", tools=True, cut=True)
    assert len(said.calls) == 1 and said.flaw == "the limit of tokens cut its call" and not said.words


def test_json_that_calls_nothing_stays_words_where_it_is_cut() -> None:
    assert read('{"name": "Ann", "age', tools=True, cut=True).words == '{"name": "Ann", "age'

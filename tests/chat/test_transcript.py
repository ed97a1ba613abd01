"""A model without a template of its own gets one with no marks but those that it knows, and its answer ends with its turn."""

from __future__ import annotations

import asyncio

from local_swarm.chat.template import CHATML, TRANSCRIPT, ChatTemplate, template_for
from local_swarm.chat.turn import turn
from local_swarm.confined.process import Unconfined
from local_swarm.types import Message, Prompt, Sampling

TALK = (
    Message("system", "Be brief."),
    Message("user", "Hi"),
    Message("assistant", "Hello."),
    Message("user", " 2+2? "),
)


def test_a_models_own_template_comes_first_then_chatml_where_its_marks_are_known_then_a_transcript() -> None:
    assert template_for("own", chatml=False) == "own"
    assert template_for(None, chatml=True) == CHATML and template_for(None, chatml=False) == TRANSCRIPT


def test_a_transcript_has_no_marks_and_asks_for_the_assistants_words() -> None:
    asked = asyncio.run(turn(Prompt(TALK), ChatTemplate(TRANSCRIPT), Unconfined()))
    assert asked.text == "Be brief.\n\nUser: Hi\n\nAssistant: Hello.\n\nUser: 2+2?\n\nAssistant:"


def test_an_answer_ends_where_the_model_begins_the_users_turn_beside_the_stops_that_were_asked_for() -> None:
    prompt = Prompt(TALK, sampling=Sampling(stop=("END",)))
    stops = asyncio.run(turn(prompt, ChatTemplate(TRANSCRIPT), Unconfined())).stops
    assert stops[0] == "END" and "\nUser:" in stops
    assert asyncio.run(turn(prompt, ChatTemplate(CHATML), Unconfined())).stops == ("END",)

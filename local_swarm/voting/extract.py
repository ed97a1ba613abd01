"""A candidate and its question in, what it really answers out: tool calls, a value, code, or words. Pure.

What is extracted decides how answers are compared; an answer with a `complaint` cannot beat one without.
"""

from __future__ import annotations

from local_swarm.types import Candidate
from local_swarm.voting.answer import ExtractedAnswer
from local_swarm.voting.code import code_answer
from local_swarm.voting.edits.answer import call_edit, edit_answer
from local_swarm.voting.markup import document
from local_swarm.voting.question import Question
from local_swarm.voting.refusals import refusal
from local_swarm.voting.similarity.calls import calls_text
from local_swarm.voting.values.found import value_of
from local_swarm.voting.values.structured import json_answer


def extract(candidate: Candidate, question: Question = Question()) -> ExtractedAnswer:  # noqa: B008  frozen
    """Tool calls before all else, edits as what becomes of the file, others in a form that is equal for equal calls; then
    what the text holds."""
    if candidate.tool_calls:
        if edit := call_edit(candidate.tool_calls, question):
            return edit
        return ExtractedAnswer("calls", calls_text(candidate.tool_calls))
    return extract_text(candidate.text, question)


def extract_text(reply: str, question: Question = Question()) -> ExtractedAnswer:  # noqa: B008
    """In this order: a refusal, an edit, JSON where it is asked for, fenced code, bare Python, a value, words."""
    said = document(reply)
    if not said.text.strip():
        return ExtractedAnswer("empty", "", complaint="empty")
    ways = (refusal, edit_answer, json_answer, code_answer, value_of)
    found = next((answer for way in ways if (answer := way(said, question))), None)
    return found or ExtractedAnswer("prose", said.text.strip())

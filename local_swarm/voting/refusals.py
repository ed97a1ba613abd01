"""A reply and its question in, whether it refuses or tells of an error instead of answering out. Pure."""

from __future__ import annotations

from local_swarm.voting.answer import ExtractedAnswer
from local_swarm.voting.markup import ReplyDocument
from local_swarm.voting.question import Question


def refusal(_said: ReplyDocument, _question: Question) -> ExtractedAnswer | None:
    return None

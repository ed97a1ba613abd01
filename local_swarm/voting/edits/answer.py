"""A reply and its question in, the change to a file that it asks for out, as the file is afterwards. Pure."""

from __future__ import annotations

from local_swarm.voting.answer import ExtractedAnswer
from local_swarm.voting.markup import ReplyDocument
from local_swarm.voting.question import Question


def edit_answer(_said: ReplyDocument, _question: Question) -> ExtractedAnswer | None:
    return None

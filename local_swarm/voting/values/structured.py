"""A reply that should be JSON in, its data in a form that is equal for equal data out. Pure."""

from __future__ import annotations

import json
from typing import Any

from local_swarm.chat.schemas import violation
from local_swarm.types import JSON
from local_swarm.voting.answer import ExtractedAnswer
from local_swarm.voting.markup import ReplyDocument
from local_swarm.voting.question import Question


def json_answer(said: ReplyDocument, question: Question) -> ExtractedAnswer | None:
    """JSON as a whole reply or in a block of its own, in a form that is equal for equal data."""
    reply, schema = said.text, question.schema
    only = len(said.blocks) == 1 and said.blocks[0].tag == "json"
    text = next((block.body for block in said.blocks if block.tag in ("json", "")), reply) if schema or only else reply
    if not schema and not text.strip().startswith(("{", "[")):
        return None
    try:
        data = json.loads(text)
        form = json.dumps(data, sort_keys=True, ensure_ascii=False)
    except (ValueError, RecursionError):
        return ExtractedAnswer("json", reply.strip(), "json", complaint="no valid JSON") if schema else None
    return ExtractedAnswer("json", form, "json", complaint=breach(data, schema) if schema else None)


def breach(data: Any, schema: JSON) -> str | None:
    """A schema that is none forbids nothing."""
    return "breaks the schema" if violation(schema, data) else None

"""A reply that should be JSON in, its data in a form that is equal for equal data out. Pure and linear."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from local_swarm.chat.almost_json import value_at
from local_swarm.chat.schemas import violation
from local_swarm.types import JSON
from local_swarm.voting.answer import ExtractedAnswer
from local_swarm.voting.markup import ReplyDocument
from local_swarm.voting.question import Question

TAGS = ("json", "jsonc", "json5", "")
OPENING = re.compile(r"[{\[]")
MOST_OPENINGS = 8  # brackets of a text at which a value may begin
DEEPEST_DATA = 100


def json_answer(said: ReplyDocument, question: Question) -> ExtractedAnswer | None:
    """JSON as a whole reply or in a block of its own; where it is asked for also with words around it, or comments and
    commas that do not belong there."""
    schema = question.schema
    asked = schema is not None or question.asked.kind == "json"
    found = asked_data(said) if asked else plain_data(said)
    if found is None:
        return (
            ExtractedAnswer("json", said.text.strip(), "json", complaint="no valid JSON")
            if schema is not None
            else None
        )
    data = found[0]
    if not asked and is_row_of_numbers(data):
        return None  # it is a value
    try:
        form = json.dumps(even(data), sort_keys=True, ensure_ascii=False)
    except (ValueError, RecursionError):
        return None
    return ExtractedAnswer("json", form, "json", complaint=breach(data, schema) if schema is not None else None)


def is_row_of_numbers(data: Any) -> bool:
    """Or of rows, as a matrix is written."""
    rows = data if isinstance(data, list) and data and all(isinstance(one, list) for one in data) else [data]
    return all(isinstance(row, list) and all(isinstance(one, (int, float)) for one in row) for row in rows)


def plain_data(said: ReplyDocument) -> tuple[Any] | None:
    only = len(said.blocks) == 1 and said.blocks[0].tag == "json"
    text = said.blocks[0].body if only else said.text
    return strictly(text) if text.lstrip().startswith(("{", "[")) else None


def asked_data(said: ReplyDocument) -> tuple[Any] | None:
    """Of the first text that is JSON by the strictest reading that any of them bears."""
    texts = [*(block.body for block in said.blocks if block.tag in TAGS), said.text]
    return next((found for text in texts if (found := strictly(text))), None) or next(
        (found for text in texts if (found := leniently(text))), None
    )


def strictly(text: str) -> tuple[Any] | None:
    """The data as one of a tuple, since null is data too."""
    try:
        return (json.loads(text),)
    except (ValueError, RecursionError):
        return None


def leniently(text: str) -> tuple[Any] | None:
    """The longest object or list that a text holds."""
    values = list(values_within(text))
    return (max(values, key=lambda value: value[1])[0],) if values else None


def values_within(text: str) -> Iterator[tuple[Any, int]]:
    at = 0
    for _ in range(MOST_OPENINGS):
        found = OPENING.search(text, at)
        if not found:
            return
        at = found.end()
        try:
            value, end = value_at(text, found.start(), closes=False)
        except ValueError:
            continue
        if isinstance(value, (dict, list)):
            yield value, end - found.start()
            at = end


def even(data: Any, depth: int = 0) -> Any:
    """Numbers as one kind: 10.0 is 10. Raises ValueError for what nests too deeply."""
    if depth > DEEPEST_DATA:
        raise ValueError("nests too deeply")
    if isinstance(data, dict):
        return {key: even(value, depth + 1) for key, value in data.items()}
    if isinstance(data, list):
        return [even(value, depth + 1) for value in data]
    return int(data) if isinstance(data, float) and data.is_integer() and abs(data) < 1e16 else data


def breach(data: Any, schema: JSON) -> str | None:
    """A schema that is none forbids nothing."""
    return "breaks the schema" if violation(schema, data) else None

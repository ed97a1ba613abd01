"""A prompt and an answer to it in, the same answer out, with its flaw where it breaks a JSON schema that the prompt names.

The schemas come from strangers and so do the answers, so they are held against each other in a child process.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from local_swarm.chat.narrowing import loosen, parts
from local_swarm.chat.tools import Toolbox
from local_swarm.confined.process import Confined, encode_order
from local_swarm.errors import Overrun, SchemaUnfit
from local_swarm.types import JSON, Candidate, Prompt

VIOLATIONS = "local_swarm.chat.schemas:violations"
PATTERNED = f"{VIOLATIONS}, costly"  # the lane of schemas that may take long
COSTLY = frozenset({"pattern", "patternProperties", "propertyNames", "uniqueItems", "$ref", "$dynamicRef", "contains"})
CHECK_S = 0.25  # of processor time; an honest check takes some milliseconds

Check = tuple[JSON, Any, str]  # a schema, a value, and what goes before a complaint of it


async def check_candidate(prompt: Prompt, candidate: Candidate, confined: Confined) -> Candidate:
    """Raises SchemaUnfit where nothing of the check can be done in the time that it may take."""
    if candidate.flaw is not None or candidate.finish_reason == "length" or prompt.text is not None:
        return candidate
    if candidate.tool_calls:
        return with_flaw(candidate, await complaints(calls_of(prompt, candidate), confined))
    if prompt.schema is None:
        return candidate
    try:
        value = json.loads(candidate.text)
    except (ValueError, RecursionError):
        return replace(candidate, flaw="the answer does not obey the schema: it is no JSON")
    return with_flaw(
        candidate, await complaints([(prompt.schema, value, "the answer does not obey the schema")], confined)
    )


def with_flaw(candidate: Candidate, found: Sequence[str]) -> Candidate:
    return replace(candidate, flaw=found[0]) if found else candidate


def calls_of(prompt: Prompt, candidate: Candidate) -> list[Check]:
    """The calls whose tool says what it takes; of others there is nothing to say."""
    tools = Toolbox(prompt.tools)
    found = []
    for call in candidate.tool_calls:
        schema = tools.schema(call.name)
        if len(schema) > 1 or "type" not in schema:
            try:
                found.append((schema, json.loads(call.arguments or "{}"), call.name))
            except (ValueError, RecursionError):
                continue
    return found


def costly(schema: JSON) -> bool:
    """Whether checking it may take long. Most schemas of tools have nothing of it, and shall not wait behind those that have."""
    return any(part.keys() & COSTLY for part in parts(schema))


async def complaints(checks: Sequence[Check], confined: Confined) -> list[str]:
    """What breaks a schema. Where a pattern takes for ever nobody can say whether it is obeyed, and all else is checked."""
    if not checks:
        return []
    try:
        said = await check_all([(schema, value) for schema, value, _ in checks], confined)
    except Overrun:
        try:
            said = await check_all([(loosen(schema), value) for schema, value, _ in checks], confined)
        except (Overrun, RecursionError) as problem:
            raise SchemaUnfit("holding an answer against it takes too long") from problem
    return [f"{before}: {one}" for one, (_, _, before) in zip(said, checks, strict=True) if one]


async def check_all(checks: Sequence[tuple[JSON, Any]], confined: Confined) -> list[str | None]:
    """Raises Overrun. A schema that took too long once would do so with other answers too."""
    schemas = [schema for schema, _ in checks]
    lane = PATTERNED if any(map(costly, schemas)) else VIOLATIONS
    blame = encode_order(schemas).decode()
    found: list[str | None] = await confined.call(VIOLATIONS, checks, cpu_s=CHECK_S, lane=lane, blame=blame)
    return found

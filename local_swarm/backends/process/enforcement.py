"""A JSON schema in, one that a grammar can enforce out, looser where it must be. Runs in a child process under limits.

Every answer that obeys the schema obeys the looser one; what that leaves out is for the check of the whole answer.
"""

from __future__ import annotations

import json
import time

from local_swarm.backends.constraint import matcher, reason
from local_swarm.chat.narrowing import loosen
from local_swarm.chat.schemas import fault

ANYTHING = "{}"  # as the loosest schema: whoever names a better one is served at least with that
TRIAL_S = 0.1  # of processor time for building a grammar: other answers that are bound to schemas wait for it


def enforceable(schema: str, loosest: str) -> dict[str, str]:
    """`{"schema"}`, or `{"problem"}` for one that can neither be expressed nor checked, with the keyword that is to
    blame.

    `loosest` is what is enforced at least."""
    why = trial(schema)
    if why is None:
        return {"schema": schema}
    if why.startswith("Unsatisfiable"):
        return {"problem": f"no answer can obey it ({why})"}
    whole = json.loads(schema)
    if loosest == ANYTHING and (found := fault(whole)):
        keyword, problem = found
        return {"problem": f"its keyword {keyword!r} cannot be used: {problem}"}
    for looser in (json.dumps(loosen(whole)), loosest):
        if trial(looser) is None:
            return {"schema": looser}
    return {"problem": why}


def trial(schema: str) -> str | None:
    """Why a grammar cannot be made of a schema, or its first step not be taken, in bearable time; None where all that
    can be."""
    from llguidance import LLTokenizer

    began = time.process_time()
    try:
        made = matcher(LLTokenizer("byte"), schema)
    except ValueError as problem:
        return str(problem)
    made.compute_bitmask()
    if made.is_error():
        return reason(made.get_error())
    return "it is too complex" if time.process_time() - began > TRIAL_S else None

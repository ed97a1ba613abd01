"""An error in, the JSON body that tells of it out. Imports no framework, so that commands start at once."""

from __future__ import annotations

from typing import Any

from local_swarm.errors import SwarmError

LONGEST_MESSAGE = 2000  # characters


def error_body(problem: SwarmError) -> dict[str, Any]:
    """In OpenAI's shape. What was sent may stand in the message, so it is cut to a length that can be read."""
    return {
        "error": {
            "message": problem.message[:LONGEST_MESSAGE],
            "type": problem.kind,
            "param": problem.param,
            "code": problem.code,
        }
    }

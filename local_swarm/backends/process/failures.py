"""One job's part of a step in, its reports out, whatever is raised on the way: for the engines that step in a child process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from local_swarm.backends.constraint import Constraint, ConstraintBroken
from local_swarm.backends.process import messages


@dataclass(frozen=True, slots=True)
class PreparedCommand:
    """What has been found out of an order beside the steps: the tokens of its text, and the grammar that binds its answers."""

    tokens: list[int]
    grammar: Constraint | None = None


logger = logging.getLogger(__name__)


def contain_failures(
    number: int, reports: Iterable[messages.Report], drop: Callable[[], None]
) -> Iterator[messages.Report]:
    """An exception ends this job alone: `drop` frees what it holds."""
    try:
        yield from reports
    except ConstraintBroken as problem:
        drop()
        yield messages.JobInvalid(number, str(problem))
    except Exception as problem:  # the edge of the engine
        drop()
        yield job_failure(number, problem)


def job_failure(number: int, problem: Exception) -> messages.JobFailed:
    logger.error("Job %d failed.", number, exc_info=problem)
    return messages.JobFailed(number, f"{type(problem).__name__}: {problem}"[:300])

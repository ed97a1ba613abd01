"""One request's part of a step in, its reports out, whatever is raised on the way: for engines in a child process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

from local_swarm.backends.constraint import ConstraintBroken
from local_swarm.backends.process import messages

logger = logging.getLogger(__name__)


def contain_failures(
    number: int, reports: Iterable[messages.Report], drop: Callable[[], None]
) -> Iterator[messages.Report]:
    """The reports of request `number`. An exception ends this request alone: `drop` frees what it holds."""
    try:
        yield from reports
    except ConstraintBroken as problem:
        drop()
        yield messages.JobInvalid(number, str(problem))
    except Exception as problem:  # the edge of the engine
        drop()
        yield job_failure(number, problem)


def job_failure(number: int, problem: Exception) -> messages.JobFailed:
    """The report of a defect, which the log tells in full."""
    logger.error("Job %d failed.", number, exc_info=problem)
    return messages.JobFailed(number, f"{type(problem).__name__}: {problem}"[:300])

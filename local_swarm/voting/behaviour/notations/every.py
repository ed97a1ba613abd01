"""Nothing in, every reader of a notation out: from a text, a function's name and its parameters to examples."""

from collections.abc import Callable, Iterable, Sequence

from local_swarm.voting.behaviour.calls import Example
from local_swarm.voting.behaviour.notations.comments import comments
from local_swarm.voting.behaviour.notations.parametrized import row_tests
from local_swarm.voting.behaviour.notations.sessions import sessions
from local_swarm.voting.behaviour.notations.statements import statements
from local_swarm.voting.behaviour.notations.tables import tables
from local_swarm.voting.behaviour.notations.unit_tests import unit_tests

NOTATIONS: tuple[Callable[[str, str, Sequence[str]], Iterable[Example]], ...] = (
    unit_tests,
    row_tests,
    sessions,
    comments,
    statements,
    tables,
)

from __future__ import annotations

import pytest

from local_swarm.swarm.pressure import Level, pressure
from local_swarm.units import GIB


@pytest.mark.parametrize(
    ("total", "available", "level"),
    [
        (16 * GIB, 8 * GIB, "none"),
        (16 * GIB, 1.2 * GIB, "memories"),
        (16 * GIB, 0.6 * GIB, "voices"),
        (16 * GIB, 0.3 * GIB, "requests"),
        (512 * GIB, 3 * GIB, "none"),
        (512 * GIB, 0.9 * GIB, "voices"),
        (None, 0, "none"),
        (16 * GIB, None, "none"),
    ],
)
def test_the_less_memory_is_left_the_more_is_given_up(total: int | None, available: float | None, level: Level) -> None:
    assert pressure(total, None if available is None else int(available)) == level

"""A child computes in an environment in which threads wait well, unless the user says how they shall."""

from __future__ import annotations

import pytest

from local_swarm.backends.process.supervisor import WAITING, with_wait_policy


def test_threads_spin_for_a_moment_and_then_sleep() -> None:
    assert with_wait_policy({"PATH": "/bin"}) == {"PATH": "/bin", **WAITING}


@pytest.mark.parametrize("own", [{"OMP_WAIT_POLICY": "active"}, {"GOMP_SPINCOUNT": "0"}])
def test_a_user_who_says_how_they_wait_is_obeyed(own: dict[str, str]) -> None:
    assert with_wait_policy(own) == own

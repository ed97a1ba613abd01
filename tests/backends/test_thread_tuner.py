"""Threads: found by measuring, corrected when the machine is shared."""

from __future__ import annotations

from collections.abc import Callable

from local_swarm.backends.llamacpp.thread_tuner import ThreadTuner, candidates, fastest


def run(tuner: ThreadTuner, seconds: Callable[[int], float], steps: int, now: float = 0.0) -> float:
    """So many steps on a machine where a step takes so long by number of threads; the time afterwards."""
    for _ in range(steps):
        took = seconds(tuner.threads)
        now += took
        tuner.observe(8, took, now)
    return now


def quiet(threads: int) -> float:
    return 0.2 / threads


def shared(threads: int) -> float:
    """Another process has one of two cores: two threads wait for the one that shares."""
    return 0.5 if threads == 2 else 0.2


def test_on_a_quiet_machine_nothing_changes() -> None:
    tuner = ThreadTuner(2)
    run(tuner, quiet, 200)
    assert tuner.threads == 2


def test_beside_a_busy_process_one_thread_less_is_found() -> None:
    tuner = ThreadTuner(2)
    now = run(tuner, quiet, 20)
    used = []
    for _ in range(200):
        now = run(tuner, shared, 1, now)
        used.append(tuner.threads)
    assert used.count(1) > 160  # the rest are the first steps and the tries whether it is quiet again


def test_when_the_neighbour_is_gone_all_threads_come_back() -> None:
    tuner = ThreadTuner(2)
    now = run(tuner, quiet, 20)
    now = run(tuner, shared, 40, now)
    run(tuner, quiet, 200, now)
    assert tuner.threads == 2


def test_what_does_not_help_is_taken_back_and_not_tried_all_the_time() -> None:
    tuner = ThreadTuner(4)
    now = run(tuner, quiet, 20)
    used = []
    for _ in range(300):
        took = 4 * quiet(4)  # slow however many compute
        now += took
        tuner.observe(8, took, now)
        used.append(tuner.threads)
    assert used.count(4) > 200


def test_slow_for_long_is_no_reason_to_try_again_and_again_but_after_it_a_busy_process_is_found() -> None:
    tuner = ThreadTuner(2)
    now = run(tuner, quiet, 20)
    used = []
    for _ in range(1000):  # 200 s behind a long prompt
        now = run(tuner, lambda threads: 2 * quiet(threads), 1, now)
        used.append(tuner.threads)
    assert used.count(1) < 40
    now = run(tuner, quiet, 2000, now)
    run(tuner, shared, 20, now)
    assert tuner.threads == 1


def test_one_thread_stays_one() -> None:
    tuner = ThreadTuner(1)
    now = run(tuner, lambda _: 0.1, 20)
    run(tuner, lambda _: 1.0, 50, now)
    assert tuner.threads == 1


def test_the_fewest_threads_that_are_as_fast_are_chosen() -> None:
    assert fastest({4: 0.100, 3: 0.101, 2: 0.15, 1: 0.3}) == 3
    assert fastest({1: 0.1}) == 1
    assert candidates(8) == [8, 7, 4, 1] and candidates(2) == [2, 1] and candidates(1) == [1]

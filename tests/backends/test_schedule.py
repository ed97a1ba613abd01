from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from local_swarm.backends.llamacpp.schedule import READING_SHARE, Need, Reading, admit, share

needs = st.lists(st.builds(Need, st.integers(), st.integers(1, 500), st.integers(1, 8)), max_size=20)
readings = st.lists(st.builds(Reading, st.integers(), st.integers(0, 5000)), max_size=8)


@given(needs, st.integers(0, 2000), st.integers(0, 64))
def test_admits_in_order_and_never_more_than_there_is(waiting: list[Need], cells: int, sequences: int) -> None:
    admitted = admit(waiting, cells, sequences)
    taken = waiting[: len(admitted)]
    assert admitted == [need.job for need in taken]
    assert sum(need.cells for need in taken) <= cells and sum(need.sequences for need in taken) <= sequences


def test_a_small_job_does_not_overtake_a_large_one() -> None:
    assert admit([Need(1, 100, 1), Need(2, 1, 1)], free_cells=50, free_sequences=8) == []


@given(st.integers(0, 64), readings, st.integers(64, 512))
def test_a_batch_is_never_overfull(writing: int, prompts: list[Reading], batch: int) -> None:
    parts = share(writing, prompts, batch)
    assert writing + sum(count for _, count in parts) <= batch
    assert all(count > 0 for _, count in parts)


def test_a_prompt_alone_fills_the_batch() -> None:
    assert share(0, [Reading(1, 5000)], 512) == [(1, 512)]


def test_while_others_write_a_prompt_gets_a_bounded_share() -> None:
    assert share(4, [Reading(1, 5000)], 512) == [(1, READING_SHARE)]


def test_the_first_to_come_is_read_first_and_the_next_fills_the_rest() -> None:
    assert share(0, [Reading(1, 100), Reading(2, 5000)], 512) == [(1, 100), (2, 412)]

"""Who begins, who is read, how much: decisions over plain numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.backends.llamacpp.pace import GAP, LEAST_READING, LONGEST_STEP_S, Pace
from local_swarm.backends.llamacpp.schedule import Need, Reading, admit, share

clients = st.sampled_from(["a", "b", "c"])
needs = st.lists(
    st.builds(Need, st.integers(), clients, st.integers(1, 500), st.integers(1, 8)),
    max_size=20,
    unique_by=lambda n: n.job,
)
readings = st.lists(st.builds(Reading, st.integers(), st.integers(0, 5000)), max_size=8, unique_by=lambda r: r.job)


@given(needs, st.lists(clients), st.integers(0, 2000), st.integers(0, 64))
def test_never_admits_more_than_there_is(waiting: list[Need], working: list[str], cells: int, sequences: int) -> None:
    admitted = admit(waiting, working, cells, sequences)
    taken = [need for need in waiting if need.job in admitted]
    assert len(admitted) == len(set(admitted)) == len(taken)
    assert sum(need.cells for need in taken) <= cells and sum(need.sequences for need in taken) <= sequences
    for client in "abc":  # of one client's jobs none is taken before an earlier one
        own = [need.job for need in waiting if need.client == client]
        assert [job for job in own if job in admitted] == own[: len([job for job in own if job in admitted])]


def test_a_small_job_does_not_overtake_a_large_one() -> None:
    assert admit([Need(1, "a", 100, 1), Need(2, "a", 1, 1)], [], free_cells=50, free_sequences=8) == []


def test_clients_take_turns() -> None:
    many = [Need(job, "busy", 1, 1) for job in range(5)]
    assert admit([*many, Need(9, "new", 1, 1)], [], free_cells=3, free_sequences=9) == [0, 9, 1]
    assert admit([*many, Need(9, "new", 1, 1)], ["busy"], free_cells=2, free_sequences=9) == [9, 0]


@given(readings, st.integers(0, 512))
def test_a_batch_is_filled_and_never_overfull(prompts: list[Reading], room: int) -> None:
    parts = share(prompts, room)
    assert sum(count for _, count in parts) == min(room, sum(reading.left for reading in prompts))
    left = {reading.job: reading.left for reading in prompts}
    assert all(0 < count <= left[job] for job, count in parts)


def test_a_small_question_does_not_wait_for_a_large_document() -> None:
    assert share([Reading(1, 5000), Reading(2, 40)], 512) == [(2, 40), (1, 472)]
    assert dict(share([Reading(1, 5000), Reading(2, 5000)], 512)) == {1: 256, 2: 256}


def paced(**seconds: float) -> Pace:
    """What was seen of writing: `n8=0.5` says that a step of 8 tokens took half a second."""
    made = Pace()
    for name, value in seconds.items():
        made.saw(int(name.removeprefix("n")), 0, value)
    return made


def test_the_time_of_a_step_is_guessed_between_and_beyond_what_was_seen() -> None:
    pace = paced(n1=0.1, n9=0.5, n100=5.05)
    assert [pace.seconds(tokens) for tokens in (1, 5, 200)] == pytest.approx([0.1, 0.3, 10.05], rel=0.02)
    assert Pace().seconds(7) == 1.0
    assert paced(n8=0.8).seconds(16) == pytest.approx(1.6)  # nothing known of other sizes: more is not free
    free = paced(n1=0.5, n3=0.5, n4=0.5, n8=0.5, n16=0.5)
    assert free.seconds(64) == pytest.approx(0.5, rel=0.2)


def test_rows_that_fill_a_block_are_known_to_be_cheaper_than_fewer() -> None:
    """A 0.5B model as Q4_0 on two cores took these: three rows more than four, seven more than eight."""
    took = {1: 0.043, 3: 0.069, 4: 0.057, 8: 0.0705}
    pace = paced(**{f"n{rows}": seconds for rows, seconds in took.items()})
    assert {rows: pace.seconds(rows) for rows in took} == pytest.approx(took, rel=0.15)
    assert pace.seconds(7) > pace.seconds(8) and pace.seconds(15) > pace.seconds(16)
    for _ in range(1000):
        pace.saw(8, 0, 0.0705)
    assert pace.seconds(7) > pace.seconds(8)  # not forgotten while all steps are of one size


def test_a_clock_that_is_too_coarse_for_a_step_does_no_harm() -> None:
    pace = paced(n1=0.0)
    assert pace.seconds(8) == 1.0
    pace.saw(8, 0, 0.1)
    pace.saw(8, 0, 0.0)
    pace.saw(0, 100, 0.5)
    assert pace.seconds(8) == pytest.approx(0.1) and pace.readable(1, 511) >= LEAST_READING - 1


def test_one_odd_step_is_not_believed() -> None:
    pace = paced(n8=0.1)
    for _ in range(9):
        pace.saw(8, 0, 0.1)
    pace.saw(8, 0, 9.0)
    assert pace.seconds(8) < 0.122


def test_old_steps_are_forgotten() -> None:
    pace = paced(n1=5.0)
    for _ in range(100):
        pace.saw(1, 0, 0.1)
    assert pace.seconds(1) < 0.11


def test_reading_beside_writing_keeps_the_gap_and_alone_takes_all() -> None:
    pace = paced(n1=0.1)
    pace.saw(0, 100, 0.5)
    assert pace.readable(1, 511) == pytest.approx(0.1 * (GAP - 1) / 0.005, abs=1)
    assert pace.readable(0, 512) == LONGEST_STEP_S / 0.005 and pace.readable(0, 100) == 100
    pace.saw(1, 10, 0.2)  # beside others a token takes longer than alone
    assert pace.readable(1, 511) == pytest.approx(0.1 * (GAP - 1) / 0.01, abs=1)


def test_a_prompt_is_read_however_slow_the_machine() -> None:
    pace = paced(n1=0.1)
    assert pace.readable(1, 511) == LEAST_READING - 1  # which fill a block with the row that writes
    pace.saw(0, 1, 9.0)
    assert [pace.readable(rows, 511) for rows in (1, 4, 6)] == [LEAST_READING - 1, LEAST_READING, LEAST_READING - 2]

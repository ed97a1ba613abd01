"""Who begins, who is read, how much: decisions over plain numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.backends.llamacpp.schedule import Need, Prefill, admit, divide
from local_swarm.backends.llamacpp.step_cost import (
    BETWEEN,
    BLOCK,
    GAP,
    LONGEST_STEP_S,
    LONGEST_TURN_S,
    TURN,
    StepCost,
    StepShare,
)

clients = st.sampled_from(["a", "b", "c"])
needs = st.lists(
    st.builds(Need, st.integers(), clients, st.integers(1, 500), st.integers(1, 8)),
    max_size=20,
    unique_by=lambda n: n.request,
)
prefills = st.lists(st.builds(Prefill, st.integers(), st.integers(0, 5000)), max_size=8, unique_by=lambda r: r.request)


@given(needs, st.lists(clients), st.integers(0, 2000), st.integers(0, 64))
def test_never_admits_more_than_there_is(waiting: list[Need], working: list[str], cells: int, sequences: int) -> None:
    admitted = admit(waiting, working, cells, sequences)
    taken = [need for need in waiting if need.request in admitted]
    assert len(admitted) == len(set(admitted)) == len(taken)
    assert sum(need.cells for need in taken) <= cells and sum(need.sequences for need in taken) <= sequences
    for client in "abc":  # of one client's jobs none is taken before an earlier one
        own = [need.request for need in waiting if need.client == client]
        assert [job for job in own if job in admitted] == own[: len([job for job in own if job in admitted])]


def test_a_small_job_does_not_overtake_a_large_one() -> None:
    assert admit([Need(1, "a", 100, 1), Need(2, "a", 1, 1)], [], free_cells=50, free_sequences=8) == []


def test_clients_take_turns() -> None:
    many = [Need(job, "busy", 1, 1) for job in range(5)]
    assert admit([*many, Need(9, "new", 1, 1)], [], free_cells=3, free_sequences=9) == [0, 9, 1]
    assert admit([*many, Need(9, "new", 1, 1)], ["busy"], free_cells=2, free_sequences=9) == [9, 0]


@given(prefills, st.integers(0, 512))
def test_a_batch_is_filled_and_never_overfull(prompts: list[Prefill], room: int) -> None:
    parts = divide(prompts, room)
    assert sum(count for _, count in parts) == min(room, sum(prefill.left for prefill in prompts))
    left = {prefill.request: prefill.left for prefill in prompts}
    assert all(0 < count <= left[job] for job, count in parts)


def test_a_small_question_does_not_wait_for_a_large_document() -> None:
    assert divide([Prefill(1, 5000), Prefill(2, 40)], 512) == [(2, 40), (1, 472)]
    assert dict(divide([Prefill(1, 5000), Prefill(2, 5000)], 512)) == {1: 256, 2: 256}


def cost_of(**seconds: float) -> StepCost:
    """What was seen of decode: `n8=0.5` says that a step of 8 tokens took half a second."""
    made = StepCost()
    for name, value in seconds.items():
        made.observe(int(name.removeprefix("n")), 0, value)
    return made


def test_the_time_of_a_step_is_guessed_between_and_beyond_what_was_seen() -> None:
    cost = cost_of(n1=0.1, n9=0.5, n100=5.05)
    assert [cost.seconds(tokens) for tokens in (1, 5, 200)] == pytest.approx([0.1, 0.3, 10.05], rel=0.02)
    assert StepCost().seconds(7) == 1.0
    assert cost_of(n8=0.8).seconds(16) == pytest.approx(1.6)  # nothing known of other sizes: more is not free
    free = cost_of(n1=0.5, n3=0.5, n4=0.5, n8=0.5, n16=0.5)
    assert free.seconds(64) == pytest.approx(0.5, rel=0.2)


def test_rows_that_fill_a_block_are_known_to_be_cheaper_than_fewer() -> None:
    """A 0.5B model as Q4_0 on two cores took these: three rows more than four, seven more than eight."""
    took = {1: 0.043, 3: 0.069, 4: 0.057, 8: 0.0705}
    cost = cost_of(**{f"n{rows}": seconds for rows, seconds in took.items()})
    assert {rows: cost.seconds(rows) for rows in took} == pytest.approx(took, rel=0.15)
    assert cost.seconds(7) > cost.seconds(8) and cost.seconds(15) > cost.seconds(16)
    for _ in range(1000):
        cost.observe(8, 0, 0.0705)
    assert cost.seconds(7) > cost.seconds(8)  # not forgotten while all steps are of one size


def test_a_clock_that_is_too_coarse_for_a_step_does_no_harm() -> None:
    cost = cost_of(n1=0.0)
    assert cost.seconds(8) == 1.0
    cost.observe(8, 0, 0.1)
    cost.observe(8, 0, 0.0)
    cost.observe(0, 100, 0.5)
    assert cost.seconds(8) == pytest.approx(0.1) and cost.share(1, 511).prefill > 0


def test_one_odd_step_is_not_believed() -> None:
    cost = cost_of(n8=0.1)
    for _ in range(9):
        cost.observe(8, 0, 0.1)
    cost.observe(8, 0, 9.0)
    assert cost.seconds(8) < 0.122


def test_old_steps_are_forgotten() -> None:
    cost = cost_of(n1=5.0)
    for _ in range(100):
        cost.observe(1, 0, 0.1)
    assert cost.seconds(1) < 0.11


def test_a_prompt_alone_is_prefilled_in_steps_that_end_soon() -> None:
    cost = StepCost()
    assert cost.share(0, 512) == StepShare(False, 512)  # nothing known
    cost.observe(0, 100, 0.5)
    assert cost.share(0, 512) == StepShare(False, int(LONGEST_STEP_S / 0.005))


def test_a_quick_device_prefills_beside_streams_and_keeps_the_gap() -> None:
    cost = cost_of(n1=0.1)
    cost.observe(0, 100, 0.05)
    for _ in range(100):
        share = cost.share(1, 511)
        assert share.decode and share.prefill == pytest.approx((GAP - 1) * 0.1 / 0.0005, abs=BLOCK)
        cost.observe(1, share.prefill, 0.1 + share.prefill * 0.0005)


def prefill_beside_decode(
    cost: StepCost, tokens: int, decode_s: float, token_s: float
) -> list[tuple[StepShare, float]]:
    """The steps in which a prompt of so many tokens is prefilled beside a stream, each with its seconds."""
    steps = []
    while tokens > 0:
        share = cost.share(1, 511)
        seconds = share.decode * decode_s + min(tokens, share.prefill) * token_s
        cost.observe(int(share.decode), min(tokens, share.prefill), seconds)
        steps.append((share, seconds))
        tokens -= share.prefill
    return steps


@pytest.mark.parametrize(
    ("decode_s", "token_s"), [(0.01, 0.001), (0.04, 0.006), (0.08, 0.018), (0.2, 0.05), (0.05, 0.2)]
)
def test_a_slow_device_takes_turns_so_that_both_go_on(decode_s: float, token_s: float) -> None:
    cost = StepCost()
    cost.observe(0, 64, 64 * token_s)
    for _ in range(50):
        cost.observe(1, 0, decode_s)
    steps = prefill_beside_decode(cost, 4000, decode_s, token_s)
    gaps, since = [], 0.0
    for share, seconds in steps:
        since += seconds
        if share.decode:
            gaps.append(since)
            since = 0.0
    long = [gap for gap in gaps if gap > (GAP + 0.1) * decode_s]
    assert len(long) <= 0.05 * len(gaps) + 1  # the first turn comes at once
    assert max(gaps) <= LONGEST_TURN_S + LONGEST_STEP_S + GAP * decode_s
    assert all(seconds <= LONGEST_STEP_S + BLOCK * token_s for _, seconds in steps)
    alone = 4000 * token_s
    assert (
        sum(seconds for _, seconds in steps)
        <= alone * (1 + 1.1 * BETWEEN * decode_s / min(LONGEST_TURN_S, TURN * decode_s)) + 1
    )


def test_a_short_prompt_is_prefilled_at_once_beside_a_stream() -> None:
    cost = cost_of(n1=0.04)
    cost.observe(0, 64, 0.4)
    for _ in range(BETWEEN):
        cost.observe(1, 0, 0.04)
    share = cost.share(1, 511)
    assert not share.decode and share.prefill >= 200


def test_what_was_only_prefilled_beside_others_is_known_too() -> None:
    cost = cost_of(n1=0.1)
    cost.observe(1, 10, 1.1)
    assert cost.share(1, 511) == StepShare(False, 18)  # two seconds of it at a time


def test_where_no_token_fits_the_gap_both_go_on_by_turns() -> None:
    cost = StepCost()
    cost.observe(0, 1, 9.0)
    for _ in range(3):
        for _ in range(BETWEEN):
            assert cost.share(1, 511) == StepShare(True, 0)
            cost.observe(1, 0, 0.01)
        assert cost.share(1, 511) == StepShare(False, BLOCK)
        cost.observe(0, BLOCK, 36.0)

"""The real llama.cpp engine on the real starter model, in this process, where its books can be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from local_swarm.backends.process import messages
from local_swarm.models import starter
from local_swarm_benchmarks.replay import FreeSteps

pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")

from local_swarm.backends.llamacpp import library, step_cost
from local_swarm.backends.llamacpp.cache import WORTH_KEEPING
from local_swarm.backends.llamacpp.engine import LlamaCppEngine

TURN = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
QUESTION = TURN.format(
    "Write a Python function solve(numbers) that returns the largest of the squares of the odd numbers."
)
CELLS, SEQUENCES = 3000, 24


@pytest.fixture(scope="module")
def model() -> Iterator[library.LoadedModel]:
    library.open_library()
    made = library.LoadedModel(starter.PATH, gpu_layers=0)
    yield made
    made.close()


@pytest.fixture
def engine(model: library.LoadedModel) -> Iterator[LlamaCppEngine]:
    memory = library.Context(model, CELLS, SEQUENCES, 512, threads=1, outputs=64)
    yield LlamaCppEngine(model, memory, context=1000, answer_tokens=100)
    memory.close()


def order(job: int, seats: int = 4, text: str = QUESTION, max_tokens: int | None = None) -> messages.Generate:
    return messages.Generate(job, "", text, [0.0] + [0.8] * (seats - 1), list(range(seats)), max_tokens, [], {})


def run(engine: LlamaCppEngine) -> list[messages.Report]:
    reports: list[messages.Report] = []
    for _ in range(5000):
        if engine.idle:
            return reports
        reports += engine.step()
    raise AssertionError("the engine does not come to rest")


def texts(reports: list[messages.Report], job: int) -> dict[int, str]:
    found: dict[int, str] = {}
    for report in reports:
        if isinstance(report, messages.SeatText) and report.job == job:
            found[report.seat] = found.get(report.seat, "") + report.text
    return found


def at_rest(engine: LlamaCppEngine) -> bool:
    """Nothing is in the works, every sequence is unused or idle, and the books agree with llama.cpp."""
    cache = engine.cache
    return (
        engine.idle
        and engine.scheduler.cells_promised == engine.scheduler.sequences_promised == 0
        and sorted([*cache.unused, *cache.idle]) == list(range(SEQUENCES))
        and cache.cells_used == cache.cells_idle
        and all(engine.memory.length(one) == cache.prefixes.length(one) for one in range(SEQUENCES))
    )


def test_reads_a_prompt_once_for_all_seats(engine: LlamaCppEngine) -> None:
    engine.submit(order(1, seats=8))
    engine.step()
    assert [writer.generated for writer in engine.scheduler.decoding[0].active_seats] == [1] * 8
    longest = max(done.completion_tokens for done in run(engine) if isinstance(done, messages.SeatDone))
    assert engine.steps <= longest
    assert at_rest(engine)


def test_a_forked_answer_equals_one_that_read_the_prompt_itself(engine: LlamaCppEngine) -> None:
    engine.submit(order(1, seats=1))
    alone = texts(run(engine), 1)[0]
    engine.submit(messages.Generate(2, "", QUESTION, [0.8, 0.0, 0.8, 0.0], [1, 2, 3, 4], None, [], {}))
    forked = texts(run(engine), 2)
    assert forked[1] == forked[3] == alone


def test_seats_are_one_sequence_for_as_long_as_they_say_the_same(engine: LlamaCppEngine) -> None:
    engine.submit(messages.Generate(1, "", QUESTION, [0.0] * 8, list(range(8)), 30, [], {}))
    engine.step()
    engine.step()
    assert [len(branch.seats) for branch in engine.scheduler.decoding[0].branches] == [8]
    assert engine.cache.cells_used < len(engine.model.tokenize(QUESTION)) + 10  # the books know each token once
    assert engine.scheduler.sequences_promised == 7
    same = texts(run(engine), 1)
    assert len(same) == 8 and len(set(same.values())) == 1 and at_rest(engine)


def test_whoever_says_something_else_goes_on_alone(engine: LlamaCppEngine) -> None:
    engine.scheduler.longest_draft = 0
    seeds = list(range(20, 28))
    alone = []
    for seed in seeds:
        engine.submit(messages.Generate(seed, "", QUESTION, [0.8], [seed], 60, [], {}))
        alone.append(texts(run(engine), seed)[0])
    engine.submit(messages.Generate(1, "", QUESTION, [0.8] * 8, seeds, 60, [], {}))
    branches, reports = [], list[messages.Report]()
    while not engine.idle:
        reports += engine.step()
        branches += [len(job.branches) for job in engine.scheduler.decoding]
    together = texts(reports, 1)
    assert branches[0] < 8 and max(branches) > branches[0]
    assert sum(together[seat] == alone[seat] for seat in range(8)) >= 7  # scores of batches differ in their last bits
    assert len(set(alone)) > 2
    assert at_rest(engine)


def test_who_leaves_a_shared_sequence_leaves_it_to_the_others(engine: LlamaCppEngine) -> None:
    greedy = messages.Generate(1, "", QUESTION, [0.0] * 3, [1, 2, 3], 40, [], {})
    engine.submit(replace(greedy, job=2))
    expected = texts(run(engine), 2)[1]
    engine.submit(greedy)
    reports = [report for _ in range(3) for report in engine.step()]
    engine.cancel(messages.Cancel(1, [0, 2]))
    reports += run(engine)
    assert texts(reports, 1)[1] == expected and at_rest(engine)


def test_jobs_join_and_leave_a_running_batch(engine: LlamaCppEngine) -> None:
    engine.submit(order(1))
    engine.step()
    engine.submit(order(2))
    reports = run(engine)
    assert {report.job for report in reports if isinstance(report, messages.SeatDone)} == {1, 2}
    assert at_rest(engine)


def test_cancelling_frees_at_once_whatever_the_stage(engine: LlamaCppEngine) -> None:
    for steps in (0, 1, 5):
        engine.submit(order(1, text=TURN.format("word " * 700)))
        for _ in range(steps):
            engine.step()
        engine.cancel(messages.Cancel(1))
        assert at_rest(engine)


def test_cancelling_some_seats_leaves_the_others(engine: LlamaCppEngine) -> None:
    engine.submit(order(1, seats=4))
    engine.cancel(messages.Cancel(1, [0, 2]))
    engine.step()
    engine.cancel(messages.Cancel(1, [3]))
    done = [report for report in run(engine) if isinstance(report, messages.SeatDone)]
    assert [report.seat for report in done] == [1]
    assert at_rest(engine)


def test_what_does_not_fit_yet_waits_its_turn(engine: LlamaCppEngine) -> None:
    """Each job takes more than half of the cells: they cannot be in memory together, yet both are answered."""
    text = TURN.format("word " * 800)
    for job in (1, 2, 3):
        assert isinstance(engine.submit(order(job, seats=8, text=text)), messages.JobAccepted)
    reports = run(engine)
    assert {report.job for report in reports if isinstance(report, messages.SeatDone)} == {1, 2, 3}
    assert at_rest(engine)


def test_refuses_what_can_never_fit(engine: LlamaCppEngine) -> None:
    assert engine.submit(order(1, text="word " * 2000)) == messages.JobRefused(
        1, len(engine.model.tokenize("word " * 2000)), 1000
    )
    assert isinstance(engine.submit(order(2, seats=SEQUENCES + 1)), messages.JobBusy)
    assert at_rest(engine)


def test_the_next_turn_of_a_talk_prefills_only_what_is_new(engine: LlamaCppEngine) -> None:
    first = TURN.format("word " * 300)
    engine.submit(order(1, seats=4, text=first))
    said = texts(run(engine), 1)[0]
    engine.submit(order(2, seats=4, text=first + said + "<|im_end|>\n" + TURN.format("And now?")))
    [cached] = {report.cached_tokens for report in run(engine) if isinstance(report, messages.SeatDone)}
    assert cached >= len(engine.model.tokenize(first)) - 2
    assert at_rest(engine)


def test_one_of_two_equal_prompts_waits_for_the_other_to_be_prefilled(engine: LlamaCppEngine) -> None:
    text = TURN.format("word " * 600)
    for job in (1, 2):
        engine.submit(order(job, seats=2, text=text))
    cached = {report.job: report.cached_tokens for report in run(engine) if isinstance(report, messages.SeatDone)}
    assert cached[1] == 0 and cached[2] >= len(engine.model.tokenize(text)) - WORTH_KEEPING
    assert at_rest(engine)


def test_a_long_prompt_does_not_stop_those_that_decode(model: library.LoadedModel) -> None:
    """Where each token takes as long as any other, prefilled or decoded."""
    memory = library.Context(model, CELLS, SEQUENCES, 512, threads=1, outputs=64)
    passed = 0.0

    def clock() -> float:
        nonlocal passed
        passed += 0.01 * len(memory.batch)
        return passed

    engine = LlamaCppEngine(model, memory, 1000, 100, longest_draft=0, clock=clock)
    engine.warm_up()
    engine.submit(order(1, seats=1, max_tokens=90))
    engine.step()
    engine.submit(order(2, seats=1, text=TURN.format("word " * 800)))
    writer, stall, read = engine.scheduler.decoding[0].active_seats[0], 0.0, []
    while engine.scheduler.decoding and engine.scheduler.decoding[0].active_seats == [writer]:
        before, at = writer.generated, passed
        engine.step()
        stall = 0.0 if writer.generated > before else stall + passed - at
        read += [engine.scheduler.prefilling[0].prefilled] if engine.scheduler.prefilling else []
        assert stall < 2 * step_cost.TURN * 0.01 + 1  # the clock is asked twice a step
    assert read[-1] > 100 and writer.generated > 2 * step_cost.BETWEEN
    run(engine)
    memory.close()


def test_drafts_change_how_fast_is_written_and_not_what(model: library.LoadedModel) -> None:
    """Equal but where two scores nearly tie: batches of other shapes round in other ways."""
    said, steps = [], []
    for longest in (0, 8):
        memory = library.Context(model, CELLS, SEQUENCES, 512, threads=1, outputs=128)
        engine = LlamaCppEngine(model, memory, 1000, 100, longest_draft=longest)
        engine.scheduler.step_cost = FreeSteps()
        for job in range(6):
            engine.submit(order(job, seats=4, text=QUESTION.replace("odd", f"odd or {job}")))
        reports = run(engine)
        said.append([text for job in range(6) for _, text in sorted(texts(reports, job).items())])
        steps.append(engine.steps)
        memory.close()
    plain, drafted = said
    assert sum(one == other for one, other in zip(plain, drafted, strict=True)) >= 0.9 * len(plain)
    assert steps[1] < 0.9 * steps[0]


def test_drafts_do_not_change_the_distribution(model: library.LoadedModel) -> None:
    """The same question under many seeds: first words and lengths of answers are as frequent with drafts as without."""
    counts = []
    for longest in (0, 8):
        memory = library.Context(model, 6000, 64, 512, threads=1, outputs=256)
        engine = LlamaCppEngine(model, memory, 1000, 60, longest_draft=longest)
        engine.scheduler.step_cost = FreeSteps()
        seeds = list(range(64)) if longest else list(range(1000, 1064))
        engine.submit(
            messages.Generate(
                1, "", QUESTION, [1.0] * 64, seeds, 60, [], {"min_p": 0.0, "top_p": 1.0, "top_k": 0}, [], None, None
            )
        )
        found = texts(run(engine), 1)
        counts.append([sum(text.startswith("```") for text in found.values()), sum(map(len, found.values())) / 64])
        memory.close()
    (plain, length), (drafted, drafted_length) = counts
    assert abs(plain - drafted) <= 4 * (64 * 0.25) ** 0.5 and abs(length - drafted_length) < 0.25 * length


def test_a_step_is_planned_before_it_is_decoded(engine: LlamaCppEngine) -> None:
    assert engine.scheduler.schedule().tokens == 0 and engine.step() == []
    engine.submit(order(1, seats=2))
    plan, prompt = engine.scheduler.schedule(), engine.model.tokenize(QUESTION)
    assert (plan.decode_tokens, plan.prefill_tokens, plan.rows) == (0, len(prompt), 1)
    [part] = plan.prefill
    assert part.ends and part.request.number == 1 and len(engine.memory.batch) == plan.tokens
    run(engine)
    assert at_rest(engine)


def test_a_queue_has_an_end(engine: LlamaCppEngine) -> None:
    answers = [engine.submit(order(job)) for job in range(400)]
    assert isinstance(answers[0], messages.JobAccepted) and isinstance(answers[-1], messages.JobBusy)


def test_logprobs_are_those_of_the_chosen_tokens(engine: LlamaCppEngine) -> None:
    engine.submit(order(1, seats=1, max_tokens=1))
    [done] = [report for report in run(engine) if isinstance(report, messages.SeatDone)]
    assert -20 < done.logprob_sum <= 0


def test_an_answer_can_be_bound_to_a_json_schema(engine: LlamaCppEngine) -> None:
    """The starter model would never write this by itself."""
    schema = {
        "type": "object",
        "required": ["name", "count"],
        "additionalProperties": False,
        "properties": {"name": {"enum": ["left", "right"]}, "count": {"type": "integer", "maximum": 9007199254740991}},
    }
    bound = replace(order(1, seats=4), schema=json.dumps(schema))
    engine.submit(bound)
    found = texts(run(engine), 1)
    for text in found.values():
        made = json.loads(text)
        assert made["name"] in ("left", "right") and isinstance(made["count"], int) and len(made) == 2
    assert at_rest(engine)


def test_a_schema_that_cannot_be_enforced_is_refused(engine: LlamaCppEngine) -> None:
    for schema in (
        '{"type": "nonsense"}',
        '{"$ref": "http://elsewhere/schema"}',
        '{"type": "string", "pattern": "("}',
        "[]",
    ):
        assert isinstance(engine.submit(replace(order(1), schema=schema)), messages.JobInvalid)
    assert at_rest(engine)


def test_logprobs_are_told_where_they_are_asked_for(engine: LlamaCppEngine) -> None:
    engine.submit(replace(order(1, seats=1), logprobs=3))
    reports = run(engine)
    told = [fact for report in reports if isinstance(report, messages.SeatText) for fact in report.logprobs]
    assert "".join(text for text, _, _ in told) == texts(reports, 1)[0]
    for text, logprob, top in told:  # the anchor takes the likeliest token
        assert len(top) == 3 and top[0] == (text, logprob) and top[0][1] >= top[1][1] >= top[2][1]


def test_bias_keeps_a_token_out(engine: LlamaCppEngine) -> None:
    engine.submit(order(1, seats=1))
    free = texts(run(engine), 1)[0]
    banned = {engine.model.tokenize(word)[-1] for word in ("return", " return")}
    engine.submit(replace(order(2, seats=1), bias=[(token, -100.0) for token in banned]))
    assert "return" in free and "return" not in texts(run(engine), 2)[0]

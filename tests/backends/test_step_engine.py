"""Every engine offers what its child process asks of it: mypy checks the types here, and the commands run through each."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

pytest.importorskip("tokenizers", reason="tokenizers is not installed")

from local_swarm.backends.process import messages
from local_swarm.backends.process.child import handle, prepare_command
from local_swarm.backends.process.engine import PreparedCommand, StepEngine
from local_swarm.models import starter
from tests.backends import test_lockstep, test_vllm

SCHEMA = '{"type": "object"}'


def vllm() -> Iterator[StepEngine]:
    yield test_vllm.engine()


def lockstep() -> Iterator[StepEngine]:
    yield test_lockstep.engine()


def llamacpp() -> Iterator[StepEngine]:
    pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")
    from local_swarm.backends.llamacpp import library
    from local_swarm.backends.llamacpp.engine import LlamaCppEngine

    library.open_library()
    model = library.LoadedModel(starter.PATH, gpu_layers=0)
    memory = library.Context(model, cells=600, sequences=4, batch=64, threads=1)
    made = LlamaCppEngine(model, memory, context=300, answer_tokens=20)
    yield made
    made.forget()
    memory.close()
    model.close()


@pytest.fixture(params=[vllm, lockstep, llamacpp], ids=lambda kind: str(kind.__name__))
def engine(request: pytest.FixtureRequest) -> Iterator[StepEngine]:
    yield from request.param()


def carry_out(engine: StepEngine, command: messages.Command) -> list[messages.Report]:
    """What a child reports on a command, from its thread for tokens to its steps."""
    pipe = io.BytesIO()
    handle(engine, *prepare_command(engine, command), pipe)
    reports = [messages.decode_report(line) for line in pipe.getvalue().splitlines()]
    for _ in range(1000):
        if engine.idle:
            break
        reports += engine.step()
    return reports


def ask(job: int, text: str = "abc", schema: str | None = None) -> messages.Generate:
    return messages.Generate(job, "", text, [0.0, 1.0], [7, 8], 10, [], {}, schema=schema)


def test_a_request_is_accepted_answered_and_forgotten(engine: StepEngine) -> None:
    reports = carry_out(engine, ask(1))
    assert isinstance(reports[0], messages.JobAccepted)
    assert sorted(one.seat for one in reports if isinstance(one, messages.SeatDone)) == [0, 1]
    assert engine.beat().jobs == 0 and engine.beat().generated >= 2
    assert carry_out(engine, messages.Forget()) == []


def test_a_request_that_is_cancelled_leaves_nothing_open(engine: StepEngine) -> None:
    engine.submit(ask(1))
    engine.step()
    engine.cancel(messages.Cancel(1))
    engine.cancel(messages.Cancel(2))
    assert engine.idle and engine.step() == []


def test_a_text_becomes_a_vector_where_the_engine_makes_any(engine: StepEngine) -> None:
    [report] = carry_out(engine, messages.EmbedText(1, "abc"))
    assert isinstance(report, messages.Pooled) == (engine.pool is not None)
    assert isinstance(report, messages.JobInvalid) == (engine.pool is None)


def test_a_grammar_is_made_only_for_engines_that_do_not_make_their_own(engine: StepEngine) -> None:
    """The stand-in of a vocabulary has no tokens that a grammar could bind: there the attempt fails."""
    _, prepared = prepare_command(engine, ask(1, schema=SCHEMA))
    left_alone = isinstance(prepared, PreparedCommand) and prepared.grammar is None
    assert left_alone == (engine.constraints is None)

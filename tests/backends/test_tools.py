"""Tools, schemas and raw text on the real engine with the starter model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

pytest.importorskip("llama_cpp", reason="llama-cpp-python is not installed")

from local_swarm.backends.base import Seat
from local_swarm.backends.process import messages
from local_swarm.backends.process.backend import ProcessBackend
from local_swarm.backends.process.lifecycle import Description
from local_swarm.backends.process.messages import Load
from local_swarm.errors import BadRequest, ContextExceeded
from local_swarm.models import starter
from local_swarm.models.gguf import read_header
from local_swarm.types import Candidate, Message, Prompt, Sampling
from tests.chat.samples import READ, TOOLS, WRITE

pytestmark = pytest.mark.anyio
ASK = Prompt((Message("user", "Read the file notes.txt and tell me the secret word."),), TOOLS)


@pytest.fixture(scope="module")
async def engine() -> AsyncIterator[ProcessBackend]:
    header = read_header(starter.PATH)
    load = Load(str(starter.PATH), context=2048, answer_tokens=256, cells=4096, sequences=16, threads=1)
    made = ProcessBackend(load, Description(starter.NAME, header.architecture, header.chat_template, starter=True))
    await made.start()
    yield made
    await made.close()


async def answer(engine: ProcessBackend, prompt: Prompt) -> Candidate:
    async with asyncio.timeout(30), aclosing(engine.generate(prompt, [Seat("w1", 0.0, 1)])) as events:
        [found] = [event async for event in events if isinstance(event, Candidate)]
        return found


async def test_a_call_that_the_model_writes_is_one(engine: ProcessBackend) -> None:
    made = await answer(engine, ASK)
    [call] = made.tool_calls
    assert (call.name, json.loads(call.arguments), made.flaw) == ("read", {"filePath": "notes.txt"}, None)
    assert made.finish_reason == "tool_calls" and "tool_call" not in made.text


@pytest.mark.parametrize("must", [("read",), ("write",), ("read", "write")])
async def test_a_call_can_be_forced_and_then_fits_its_schema(engine: ProcessBackend, must: tuple[str, ...]) -> None:
    asked = Prompt((Message("user", "Say hello."),), TOOLS, must_call=must, sampling=Sampling(max_tokens=200))
    made = await answer(engine, asked)
    if made.finish_reason == "length":  # a small model writes on and on
        assert made.flaw and not made.tool_calls
    else:
        assert made.tool_calls[0].name in must and made.flaw is None


ODD: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "count": {"type": "integer", "minimum": 0, "maximum": 9007199254740991},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "todos": {
            "type": "array",
            "items": {"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]},
        },
    },
    "required": ["kind"],
}


async def test_schemas_as_clients_send_them_can_be_enforced(engine: ProcessBackend) -> None:
    tool = {"type": "function", "function": {"name": "odd", "parameters": ODD}}
    made = await answer(
        engine, Prompt(ASK.messages, (tool, READ, WRITE), must_call=("odd",), sampling=Sampling(max_tokens=200))
    )
    assert made.finish_reason == "length" or (made.tool_calls[0].name == "odd" and not made.flaw)


async def test_a_schema_that_no_grammar_expresses_falls_back_to_any_object(engine: ProcessBackend) -> None:
    strange = {"type": "object", "properties": {"a": {"$ref": "#/nowhere/at/all"}}, "required": ["a"]}
    tool = {"type": "function", "function": {"name": "odd", "parameters": strange}}
    made = await answer(engine, Prompt(ASK.messages, (tool,), must_call=("odd",), sampling=Sampling(max_tokens=200)))
    assert made.tool_calls[0].name == "odd"
    with pytest.raises(BadRequest):
        await answer(engine, Prompt(ASK.messages, schema=strange))


async def test_a_gap_is_not_filled_by_a_model_that_has_not_learned_it(engine: ProcessBackend) -> None:
    with pytest.raises(BadRequest, match="fill in the middle"):
        await answer(engine, Prompt((), text="def f(", suffix="return x"))


async def test_a_text_too_long_for_a_vector_is_refused_with_numbers(engine: ProcessBackend) -> None:
    with pytest.raises(ContextExceeded):
        await engine.embed(["word " * 5000])


QUESTION = "Write a Python function solve(numbers) that returns the sum.\n"
TEXT = QUESTION + "```python\ndef solve(numbers):\n    return sum(numbers)\n```\n"


async def test_a_prompt_is_scored_alike_in_one_step_and_in_many(engine: ProcessBackend) -> None:
    def asked(text: str) -> Prompt:
        return Prompt((), text=text, scored=True, sampling=Sampling(max_tokens=1, logprobs=1))

    short, long = await answer(engine, asked(TEXT)), await answer(engine, asked(TEXT * 8))
    assert "".join(one.text for one in long.prompt_logprobs) == TEXT * 8
    assert short.usage.cached_tokens == long.usage.cached_tokens == 0
    one, other = ([t.logprob for t in made.prompt_logprobs[1:20]] for made in (short, long))
    assert one == pytest.approx(other, abs=0.1)
    likely = {token.text: token.logprob or -9.0 for token in short.prompt_logprobs}
    assert likely[" returns"] > -0.5 > likely["Write"]


def test_control_tokens_are_shown_only_where_they_are_kept() -> None:
    from local_swarm.backends.llamacpp import library

    library.open_library()
    model = library.LoadedModel(starter.PATH, gpu_layers=0)
    [token] = [one for one in model.tokenize("<|im_end|>") if model.text(one) == "<|im_end|>"]
    assert model.piece(token) == b"" and model.piece(token, frozenset({"<|im_end|>"})) == b"<|im_end|>"
    assert model.piece(token) == b"" and model.fill is None
    model.close()


def test_the_wire_carries_vectors_and_scores() -> None:
    for report in (
        messages.Pooled(1, [0.5, -0.5], 3),
        messages.Scored(1, [("a", None, []), ("b", -0.5, [("c", -1.0)])]),
    ):
        assert messages.decode_report(messages.encode(report)).job == 1  # type: ignore[union-attr]
    assert messages.decode_command(messages.encode(messages.EmbedText(7, "text"))) == messages.EmbedText(7, "text")

"""The real `openai` package against a real server over the scripted engine: what it asks for in the ways it asks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from openai import AsyncOpenAI, AuthenticationError, BadRequestError, NotFoundError
from pydantic import BaseModel

from local_swarm.api.server import AccessPolicy
from local_swarm.backends.base import Seat
from local_swarm.testing.fake_backend import FakeBackend
from local_swarm.types import Prompt
from tests.api.conftest import open_door
from tests.chat.samples import HERMES, READ, TOOLS

pytestmark = pytest.mark.anyio

HELLO: Any = [{"role": "user", "content": "say these four words"}]


class Person(BaseModel):
    name: str
    age: int


def script(prompt: Prompt, _seat: Seat) -> str:
    if prompt.must_call:
        return '{"filePath": "a.txt"}'
    if prompt.schema:
        return '{"name": "Ada", "age": 36}'
    if prompt.tools and prompt.messages[-1].role != "tool":
        return '<tool_call>\n{"name": "read", "arguments": {"filePath": "a.txt"}}\n</tool_call>'
    return prompt.text or prompt.messages[-1].content


@pytest.fixture
async def client() -> AsyncIterator[AsyncOpenAI]:
    async with (
        open_door(FakeBackend(script, template=HERMES)) as door,
        AsyncOpenAI(base_url=f"{door.url}/v1", api_key="none", max_retries=0, timeout=10) as made,
    ):
        yield made


async def test_chat(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model="swarm", messages=HELLO, n=2, seed=1, stop=["never"], max_tokens=100
    )
    assert answer.choices[0].message.content == "say these four words" and len(answer.choices) == 2
    assert answer.usage and answer.usage.prompt_tokens_details and answer.usage.total_tokens == 12
    assert answer.swarm["agreement"] == 1  # type: ignore[attr-defined]


async def test_logprobs(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="swarm", messages=HELLO, logprobs=True, top_logprobs=1)
    told = answer.choices[0].logprobs
    assert told and told.content and [one.token for one in told.content] == ["say", "these", "four", "words"]
    streamed = await client.chat.completions.create(model="swarm-fast", messages=HELLO, logprobs=True, stream=True)
    found = [c.logprobs.content async for k in streamed for c in k.choices if c.logprobs and c.logprobs.content]
    assert len(found) == 1 and len(found[0]) == 4


async def test_streams(client: AsyncOpenAI) -> None:
    for model in ("swarm", "swarm-fast"):
        parts = await client.chat.completions.create(
            model=model, messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in parts]
        assert "".join(c.delta.content or "" for k in chunks for c in k.choices) == "say these four words"
        assert chunks[-1].usage and chunks[-1].usage.prompt_tokens == 4


async def test_the_stream_helper(client: AsyncOpenAI) -> None:
    async with client.chat.completions.stream(model="swarm", messages=HELLO, tools=list(TOOLS)) as events:  # type: ignore[arg-type]
        done = await events.get_final_completion()
    calls = done.choices[0].message.tool_calls
    assert calls and calls[0].function.name == "read"


async def test_tools_and_their_results(client: AsyncOpenAI) -> None:
    tools: Any = list(TOOLS)
    first = await client.chat.completions.create(model="swarm", messages=HELLO, tools=tools)
    message: Any = first.choices[0].message
    assert first.choices[0].finish_reason == "tool_calls" and message.tool_calls
    result: Any = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "the secret is out"}
    second = await client.chat.completions.create(model="swarm", messages=[*HELLO, message, result], tools=tools)
    assert second.choices[0].message.content == "the secret is out"
    choice: Any = {"type": "function", "function": {"name": "read"}}
    forced = await client.chat.completions.create(model="swarm", messages=HELLO, tools=tools, tool_choice=choice)
    assert forced.choices[0].message.tool_calls and forced.choices[0].finish_reason == "tool_calls"


async def test_parse(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.parse(model="swarm", messages=HELLO, response_format=Person)
    assert answer.choices[0].message.parsed == Person(name="Ada", age=36)


async def test_completions(client: AsyncOpenAI) -> None:
    answer = await client.completions.create(model="swarm", prompt="def f(", echo=True, logprobs=2)
    assert answer.choices[0].text == "def f(def f(" and answer.choices[0].logprobs
    parts = await client.completions.create(model="swarm", prompt=["a b", "c d"], stream=True)
    texts = {0: "", 1: ""}
    async for part in parts:
        for choice in part.choices:
            texts[choice.index] += choice.text
    assert texts == {0: "a b", 1: "c d"}


async def test_embeddings(client: AsyncOpenAI) -> None:
    made = await client.embeddings.create(model="swarm", input=["hello", "world"])
    assert len(made.data) == 2 and len(made.data[0].embedding) == 8  # asked for and decoded as base64


async def test_responses(client: AsyncOpenAI) -> None:
    made = await client.responses.create(model="swarm", input="say it", store=False)
    assert made.output_text == "say it" and made.usage and made.usage.input_tokens == 2
    parsed = await client.responses.parse(model="swarm", input="who", text_format=Person)
    assert parsed.output_parsed == Person(name="Ada", age=36)
    async with client.responses.stream(model="swarm", input="say it") as events:
        kinds = [event.type async for event in events]
        assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
        assert (await events.get_final_response()).output_text == "say it"


async def test_responses_with_tools(client: AsyncOpenAI) -> None:
    tool: Any = {"type": "function", **READ["function"]}  # type: ignore[dict-item]
    made = await client.responses.create(model="swarm", input="read", tools=[tool])
    [call] = [item for item in made.output if item.type == "function_call"]
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "the words"}
    history: Any = [{"role": "user", "content": "read"}, call.to_dict(), result]
    again = await client.responses.create(model="swarm", input=history, tools=[tool])
    assert again.output_text == "the words" and json.loads(call.arguments) == {"filePath": "a.txt"}


async def test_models_and_mistakes(client: AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == ["swarm", "swarm-fast", "fake"]
    assert (await client.models.retrieve("swarm")).id == "swarm"
    with pytest.raises(NotFoundError, match="does not exist here"):
        await client.models.retrieve("org/none")
    with pytest.raises(BadRequestError) as caught:
        await client.chat.completions.create(model="swarm", messages=[{"role": "user", "content": "w " * 2000}])
    assert caught.value.code == "context_length_exceeded"


async def test_a_wrong_key() -> None:
    async with (
        open_door(who=AccessPolicy("right")) as door,
        AsyncOpenAI(base_url=f"{door.url}/v1", api_key="wrong", max_retries=0) as client,
    ):
        with pytest.raises(AuthenticationError):
            await client.models.list()


async def test_a_stream_that_is_closed_frees_the_engine() -> None:
    engine = FakeBackend(pace_s=30)
    async with open_door(engine) as door, AsyncOpenAI(base_url=f"{door.url}/v1", api_key="x", max_retries=0) as client:
        parts = await client.chat.completions.create(model="swarm", messages=HELLO, stream=True)
        async for _ in parts:
            break
        await parts.close()
        async with asyncio.timeout(5):
            await engine.idle.wait()

"""What servers of all makes send: read right, or told as that server's failure."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from local_swarm.backends.base import Seat
from local_swarm.backends.openai_compatible.backend import OpenAICompatible, ServerCare, ServerTarget
from local_swarm.backends.openai_compatible.messages import seconds_of
from local_swarm.backends.openai_compatible.stream import Characters, ServerStream, whole_text
from local_swarm.errors import Busy, ContextExceeded, EngineLost, SwarmError
from local_swarm.testing.fake_backend import FakeBackend
from local_swarm.types import JSON, Accepted, Candidate, Delta, Event, Message, Prompt, Sampling
from tests.api.conftest import open_door
from tests.backends.test_openai_compatible import CARE, Stand, chunk, engine, listening, stream
from tests.chat.samples import TOOLS

pytestmark = pytest.mark.anyio

ASKED = Prompt((Message("user", "go"),), sampling=Sampling(max_tokens=50))
WITH_TOOLS = replace(ASKED, tools=TOOLS)
READ_A = '{"filePath": "a"}'


async def told(
    behave: Callable[[dict[str, Any]], Any], prompt: Prompt = ASKED, care: ServerCare = CARE
) -> tuple[list[Event], SwarmError | None, Stand]:
    """All events of one answer, and the error that ended it."""
    stand, events = Stand(behave), list[Event]()
    async with listening(stand) as url:
        made = OpenAICompatible(ServerTarget(url), replace(care, probe_every_s=30.0))
        await made.start()
        try:
            async with asyncio.timeout(5), aclosing(made.generate(prompt, [Seat("w1", 0.0, 1)])) as answer:
                async for event in answer:
                    events.append(event)
        except SwarmError as problem:
            return events, problem, stand
        finally:
            await made.close()
    return events, None, stand


def raw(text: str | bytes, kind: str = "text/event-stream") -> Callable[[Any], web.Response]:
    data = text.encode() if isinstance(text, str) else text
    return lambda _body: web.Response(body=data, headers={"content-type": kind})


def sent(*chunks: dict[str, Any] | str) -> Callable[[Any], web.Response]:
    return lambda _body: stream(*chunks)


def answer_of(events: list[Event]) -> Candidate:
    """The one candidate, whose words and thoughts are those that were told on the way."""
    candidate = events[-1]
    assert isinstance(candidate, Candidate)
    for thought, whole in ((False, candidate.text), (True, candidate.reasoning)):
        assert "".join(one.text for one in events if isinstance(one, Delta) and one.thought is thought) == whole
    return candidate


HI, END = chunk(content="hi"), chunk(finish="stop")
LINES = f"{json.dumps(HI)}|{json.dumps(END)}|[DONE]".split("|")
USAGE = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 1}}
WELL: dict[str, Any] = {
    "lines that end as Windows has it": raw("".join(f"data: {one}\r\n\r\n" for one in LINES)),
    "lines that end with a carriage return": raw("".join(f"data: {one}\r\r" for one in LINES)),
    "no blank after the colon": raw("".join(f"data:{one}\n\n" for one in LINES)),
    "single line ends": raw("".join(f"data: {one}\n" for one in LINES)),
    "comments and named events": raw(": ping\n\n:\n\n" + "".join(f"event: x\nid: 1\ndata: {one}\n\n" for one in LINES)),
    "an empty event": raw("data:\n\n" + "".join(f"data: {one}\n\n" for one in LINES)),
    "a mark of UTF-8 first": raw(b"\xef\xbb\xbf" + "".join(f"data: {one}\n\n" for one in LINES).encode()),
    "events that are called plain text": raw("".join(f"data: {one}\n\n" for one in LINES), "text/plain"),
    "no end mark": sent(HI, END),
    "no last line end": raw(f"data: {LINES[0]}\n\ndata: {LINES[1]}"),
    "an end mark and no reason": sent(HI, "[DONE]"),
    "an unknown reason": sent(HI, chunk(finish="eos_token"), "[DONE]"),
    "a role alone": sent(chunk(role="assistant"), chunk(role="assistant", content=None), HI, END),
    "no choices at all": sent({"id": "x"}, HI, END, USAGE),
    "null for what is absent": sent({"choices": None, "usage": None}, HI, {**END, "usage": None}),
    "a delta that is null": sent(HI, {"choices": [{"delta": None, "finish_reason": "stop"}]}),
    "no number of the choice": sent({"choices": [{"delta": {"content": "hi"}}]}, END),
    "usage in every chunk": sent({**HI, **USAGE, "choices": HI["choices"]}, END, USAGE, "[DONE]"),
    "the whole message again at the end": sent(
        HI, {"choices": [{"delta": {}, "message": {"content": "hi"}, "finish_reason": "stop"}]}
    ),
    "one object": raw(json.dumps({"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}), "x/y"),
    "parts of content": sent(chunk(content=[{"type": "text", "text": "hi"}]), END),
    "a refusal": sent(chunk(content=None, refusal="hi"), END),
}


@pytest.mark.parametrize("kind", list(WELL))
async def test_an_answer_is_read_as_servers_write_it(kind: str) -> None:
    events, problem, _ = await told(WELL[kind])
    assert problem is None and (answer_of(events).text, answer_of(events).finish_reason) == ("hi", "stop")


@pytest.mark.parametrize(
    "chunks",
    [
        (chunk(reasoning_content="so "), chunk(reasoning_content="so"), HI),
        (chunk(reasoning="so so"), HI),
        (chunk(thinking="so so"), HI),
        (chunk(content=[{"type": "thinking", "thinking": [{"type": "text", "text": "so so"}]}]), HI),
        tuple(chunk(content=one) for one in ("\n<thi", "nk>", "so ", "so", "</th", "ink>\n\n", "hi")),
        (chunk(content="<think>so so</think>hi"),),
    ],
)
async def test_thoughts_are_told_from_words_under_whatever_name(chunks: tuple[dict[str, Any], ...]) -> None:
    events, problem, _ = await told(sent(*chunks, END))
    candidate = answer_of(events)
    assert problem is None and (candidate.reasoning.strip(), candidate.text) == ("so so", "hi")


async def test_a_mark_of_thoughts_within_an_answer_is_part_of_it() -> None:
    events, _, _ = await told(sent(chunk(content="Write <think> here"), END))
    assert answer_of(events).text == "Write <think> here"


@pytest.mark.parametrize(
    "thinks", [chunk(reasoning_content="Question: a\n\n"), chunk(content="<think>Question:</think>")]
)
async def test_stop_strings_are_held_here_and_never_told_to_a_server_that_would_find_them_in_thoughts(
    thinks: Any,
) -> None:
    prompt = replace(ASKED, sampling=Sampling(stop=("Question:",)))
    events, _, stand = await told(
        sent(thinks, chunk(content="42 Ques"), chunk(content="tion: more"), chunk(content="x")), prompt
    )
    assert answer_of(events).text.strip() == "42" and answer_of(events).finish_reason == "stop"
    assert "stop" not in stand.bodies[0]


def piece(**fields: Any) -> dict[str, Any]:
    known = {name: fields.pop(name) for name in ("index", "id", "type") if name in fields}
    return chunk(tool_calls=[{**known, "function": fields}])


ONE = [("read", {"filePath": "a"})]
TWO = [*ONE, ("read", {"filePath": "b"})]
CALLS: dict[str, tuple[list[dict[str, Any]], list[Any]]] = {
    "pieces with a number": (
        [piece(index=0, id="c", name="read"), *(piece(index=0, arguments=a) for a in READ_A)],
        ONE,
    ),
    "pieces without a number": ([piece(id="c", name="read"), *(piece(arguments=a) for a in READ_A)], ONE),
    "the name in every piece": ([piece(index=0, id="c", name="read", arguments=a) for a in READ_A], ONE),
    "no identifier": ([piece(index=0, name="read", arguments=READ_A)], ONE),
    "an object for arguments": ([piece(index=0, id="c", name="read", arguments={"filePath": "a"})], ONE),
    "the same number for two calls": (
        [piece(index=0, id=one, name="read", arguments=json.dumps({"filePath": one})) for one in ("a", "b")],
        TWO,
    ),
    "no numbers and no identifiers for two calls": (
        [piece(name="read", arguments=one) for one in (READ_A, '{"filePath": "b"}')],
        TWO,
    ),
    "the older form": ([chunk(function_call={"name": "read"}), chunk(function_call={"arguments": READ_A})], ONE),
    "a call within the text": (
        [chunk(content='<tool_call>{"name": "read", "arguments": ' + READ_A + "}</tool_call>")],
        ONE,
    ),
}


@pytest.mark.parametrize("reason", ["tool_calls", "stop", "function_call"])
@pytest.mark.parametrize("kind", list(CALLS))
async def test_calls_are_put_together_however_they_are_cut(kind: str, reason: str) -> None:
    chunks, meant = CALLS[kind]
    events, problem, _ = await told(sent(*chunks, chunk(finish=reason), "[DONE]"), WITH_TOOLS)
    candidate = answer_of(events)
    assert problem is None and candidate.finish_reason == "tool_calls" and candidate.flaw is None
    assert [(call.name, json.loads(call.arguments)) for call in candidate.tool_calls] == meant
    assert all(call.id for call in candidate.tool_calls) and not candidate.text


@pytest.mark.parametrize("reason", ["length", "tool_calls"])
@pytest.mark.parametrize("arguments", ["", '{"fileP', '{"filePath": "a"'])
async def test_a_call_that_the_limit_cuts_is_none_and_those_before_it_stay(reason: str, arguments: str) -> None:
    first, second = piece(index=0, id="c", name="read", arguments=READ_A), piece(index=1, id="d", name="read")
    cut = [second, piece(index=1, arguments=arguments), chunk(finish=reason)]
    usage = {"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 50}}
    events, _, _ = await told(sent(first, *cut, usage, "[DONE]"), WITH_TOOLS)
    candidate = answer_of(events)
    assert [call.arguments for call in candidate.tool_calls] == [READ_A]
    assert (candidate.finish_reason, candidate.flaw) == ("length", "the limit of tokens cut its call")


async def test_a_call_that_is_broken_without_having_been_cut_is_handed_on_with_its_flaw() -> None:
    events, _, _ = await told(
        sent(piece(index=0, id="c", name="read", arguments="{oh"), chunk(finish="stop")), WITH_TOOLS
    )
    assert answer_of(events).tool_calls[0].arguments == "{oh" and "no JSON object" in str(answer_of(events).flaw)


FAMILY = "👩‍👩‍👧‍👦🇩🇪é"


def halves(text: str) -> list[bytes]:
    """Events that each carry one byte of the text, as no JSON may."""
    head, tail = json.dumps(chunk(content="@")).encode().split(b"@")
    return [b"data: " + head + bytes([byte]) + tail + b"\n\n" for byte in text.encode()]


def surrogates(text: str) -> list[bytes]:
    data = text.encode("utf-16-le")
    units = [f"\\u{int.from_bytes(data[at : at + 2], 'little'):04x}" for at in range(0, len(data), 2)]
    return [b"data: " + json.dumps(chunk(content="@")).replace("@", unit).encode() + b"\n\n" for unit in units]


@pytest.mark.parametrize("cut", [halves, surrogates])
async def test_characters_that_a_server_cuts_in_two_are_whole_again(cut: Callable[[str], list[bytes]]) -> None:
    end = f"data: {LINES[1]}\n\n".encode()
    events, problem, _ = await told(raw(b"".join([*cut(FAMILY), end])))
    assert problem is None and answer_of(events).text == FAMILY
    events, _, _ = await told(raw(b"".join([*cut(FAMILY), end])), replace(ASKED, sampling=Sampling(stop=("👧",))))
    assert answer_of(events).text == FAMILY.split("👧")[0]
    events, _, _ = await told(raw(b"".join([*cut(FAMILY)[:-1], end])))
    assert "\ufffd" not in answer_of(events).text and FAMILY.startswith(answer_of(events).text)


async def test_a_network_that_cuts_bytes_anywhere_changes_nothing() -> None:
    data = b"".join(f"data: {json.dumps(chunk(content=one), ensure_ascii=False)}\r\n\r\n".encode() for one in FAMILY)
    whole = list(ServerStream().feed(data))
    for size in (1, 2, 3, 7):
        server, found = ServerStream(), list[Any]()
        for at in range(0, len(data), size):
            found += server.feed(data[at : at + size])
        assert [*found, *server.close()] == whole


def test_half_a_character_at_the_end_is_left_out_and_one_within_is_marked() -> None:
    assert whole_text("a\ud83d") == "a" and whole_text("a\udcf0\udc9f") == "a"
    assert whole_text("\ud83db") == "\ufffdb"
    joined = Characters()
    assert [joined.push("a\ud83d"), joined.push("\udc69b")] == ["a", "👩b"]


OVER = "This model's maximum context length is 500 tokens. However, you requested 900 tokens."
OVERFLOWS: dict[str, Any] = {
    "an error within the stream": sent({"error": {"message": OVER, "code": 400}}),
    "an error in an event of that name": raw(f"event: error\ndata: {json.dumps({'error': {'message': OVER}})}\n\n"),
    "a field of that name": raw(f"error: {json.dumps({'code': 400, 'message': OVER, 'error': {'message': OVER}})}\n\n"),
    "vLLM's old object": sent({"object": "error", "message": OVER, "type": "BadRequestError", "code": 400}),
    "status 400": lambda _body: web.json_response({"error": {"message": OVER}}, status=400),
    "status 400 in FastAPI's shape": lambda _body: web.json_response({"detail": OVER}, status=400),
    "TGI's words": lambda _body: web.json_response(
        {"error": "`inputs` tokens + `max_new_tokens` must be <= 500. Given: 900 `inputs` tokens"}, status=422
    ),
}


@pytest.mark.parametrize("kind", list(OVERFLOWS))
async def test_a_prompt_that_is_too_long_is_told_before_anything_is_accepted(kind: str) -> None:
    events, problem, _ = await told(OVERFLOWS[kind])
    assert not events and isinstance(problem, ContextExceeded)
    assert (problem.context, problem.prompt_tokens) == (500, 900)


async def test_silence_over_a_prompt_that_is_too_long_is_taken_for_its_refusal() -> None:
    long = replace(ASKED, messages=(Message("user", "word " * 1000),))
    assert isinstance((await told(sent("[DONE]"), long))[1], ContextExceeded)
    assert isinstance((await told(sent("[DONE]")))[1], EngineLost)


async def test_a_server_that_is_silent_for_long_counts_as_accepting() -> None:
    async def slow(_body: dict[str, Any]) -> web.Response:
        await asyncio.sleep(0.2)
        return stream(HI, END)

    events, problem, _ = await told(slow, care=replace(CARE, accept_s=0.02, pause_s=0.01, silence_s=3.0))
    assert problem is None and isinstance(events[0], Accepted) and answer_of(events).text == "hi"


async def test_an_answer_has_ended_although_the_server_leaves_the_line_open() -> None:
    events, problem, _ = await told(Hanging().behave, care=replace(CARE, pause_s=0.02, silence_s=4.0))
    assert problem is None and answer_of(events).text == "hi"


class Hanging:
    """Says its answer and its end, and never closes."""

    def behave(self, _body: dict[str, Any]) -> web.StreamResponse:
        return EndlessResponse(f"data: {LINES[0]}\n\ndata: {LINES[1]}\n\n".encode())


class EndlessResponse(web.StreamResponse):
    def __init__(self, data: bytes) -> None:
        super().__init__(headers={"content-type": "text/event-stream"})
        self.data = data

    async def prepare(self, request: Any) -> Any:
        writer = await super().prepare(request)
        await self.write(self.data)
        await asyncio.sleep(4)
        return writer


ILL: dict[str, tuple[Any, type[SwarmError]]] = {
    "a web page": (raw("<html>Log in</html>", "text/html"), EngineLost),
    "a web page with a status": (lambda _: web.Response(status=502, text="<html><h1>Bad gateway"), EngineLost),
    "another status": (lambda _: web.Response(status=404, text="{}"), EngineLost),
    "too many": (lambda _: web.Response(status=429, headers={"Retry-After": "7"}), Busy),
    "too many, within the stream": (sent({"error": {"code": 429, "message": "slow down"}}), Busy),
    "out of memory": (sent({"error": {"message": "CUDA out of memory"}}), EngineLost),
    "an end by error": (sent(HI, chunk(finish="error")), EngineLost),
    "half a line": (raw('data: {"choices": [{"delta": {"content": "h'), EngineLost),
    "nests without an end": (raw("data: " + "[" * 100_000 + "\n\n"), EngineLost),
    "calls that are none": (sent(chunk(tool_calls=[5])), EngineLost),
    "log-probabilities that are none": (
        sent(
            {
                "choices": [
                    {
                        "delta": {"content": "a"},
                        "logprobs": {"tokens": ["a"], "token_logprobs": [0], "top_logprobs": [5]},
                    }
                ]
            }
        ),
        EngineLost,
    ),
    "a choice with a name for a number": (sent({"choices": [{"index": "a", "delta": {}}]}), EngineLost),
}


@pytest.mark.parametrize("kind", list(ILL))
async def test_what_cannot_be_read_is_that_servers_failure_and_never_the_requests(kind: str) -> None:
    behave, meant = ILL[kind]
    _, problem, _ = await told(behave)
    assert type(problem) is meant and problem.status == 503


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("Unrecognized request argument supplied: seed", "seed"),
        ("stream_options: extra fields not permitted", "stream_options"),
        ("Unsupported value: 'temperature' does not support 0.0 with this model.", "temperature"),
        ("'max_tokens' is too large: 50. This model's maximum context length is 40 tokens.", "max_tokens"),
    ],
)
async def test_a_wish_that_a_server_refuses_is_left_out(said: str, left: str) -> None:
    def picky(body: dict[str, Any]) -> web.Response:
        return web.json_response({"error": {"message": said}}, status=400) if left in body else stream(HI, END)

    events, problem, stand = await told(picky)
    assert problem is None and answer_of(events).text == "hi" and len(stand.bodies) == 2


async def test_an_answer_that_had_ended_before_nonsense_came_counts() -> None:
    events, problem, _ = await told(sent(HI, END, "{oh"))
    assert problem is None and answer_of(events).text == "hi"


async def test_an_answer_that_had_ended_before_the_line_was_cut_counts() -> None:
    def cut(_body: dict[str, Any]) -> web.StreamResponse:
        made = stream(HI, END)
        made.headers["Content-Length"] = "10000"
        return made

    events, problem, _ = await told(cut)
    assert problem is None and answer_of(events).text == "hi"


def test_how_long_to_wait_may_be_told_as_a_date() -> None:
    assert seconds_of("Wed, 21 Oct 2015 07:28:00 GMT") == 1 and seconds_of("soon") == 5
    assert seconds_of("Fri, 31 Dec 2999 23:59:59 GMT") == 3600 and seconds_of("nan") == 5


@pytest.mark.parametrize("streams", [False, True])
async def test_who_hangs_up_here_is_gone_at_the_far_end_too(streams: bool) -> None:
    far = FakeBackend(lambda _prompt, _seat: "word " * 500, pace_s=0.01)
    async with open_door(far) as there:
        made = OpenAICompatible(ServerTarget(f"{there.url}/v1"), CARE)
        await made.start()
        request = Prompt((Message("user", "go"),), sampling=Sampling(logprobs=None if streams else 1))
        async with aclosing(made.generate(request, [Seat("w1", 0.0, 1)])) as events, asyncio.timeout(5):
            waiting = asyncio.create_task(anext(events))
            await far.busy.wait()
            waiting.cancel()
            await asyncio.wait([waiting])
        async with asyncio.timeout(5):
            await far.idle.wait()
        assert far.running == 0
        await made.close()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"data": [{"embedding": [3, 4]}], "usage": None}, [[0.6, 0.8]]),
        ({"data": [{"embedding": [3, 4]}]}, [[0.6, 0.8]]),
        ({"data": []}, "made 0 vectors of 1 texts"),
        ({"data": [{"embedding": [10**400]}]}, "nobody understands"),
        ({"data": [{"embedding": None}]}, "nobody understands"),
    ],
)
async def test_vectors_are_those_of_the_texts_or_the_servers_failure(
    body: JSON, expected: list[list[float]] | str
) -> None:
    async with engine(Stand(lambda _body: web.json_response(body))) as made:
        if isinstance(expected, str):
            with pytest.raises(EngineLost, match=expected):
                await made.embed(["a"])
        else:
            assert (await made.embed(["a"])).vectors == expected


async def test_a_likelihood_that_no_number_holds_is_the_servers_failure() -> None:
    likely = {"content": [{"token": "a", "logprob": -(10**400)}]}
    _, problem, _ = await told(sent({"choices": [{"delta": {"content": "a"}, "logprobs": likely}]}))
    assert isinstance(problem, EngineLost) and "nobody understands" in problem.message

"""A port in, a server that speaks OpenAI's API and means harm out: every request is answered in another hostile way."""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
from collections.abc import Mapping
from itertools import count
from typing import Any

from aiohttp import web

from hostile_clients import programs
from hostile_clients.prompts import LEADS, run

ENDLESS_S = 60.0  # what goes on for ever ends after that, lest it outlives the test


def piece(text: str | None = None, **more: Any) -> bytes:
    """A whole answer as OpenAI's JSON; `more` overrules parts of its choice."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop", **more}
    return json.dumps({"id": "a", "object": "chat.completion", "model": "m", "choices": [choice]}).encode()


def event(text: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None, **more}
    return (
        b"data: " + json.dumps({"id": "a", "object": "chat.completion.chunk", "choices": [choice]}).encode() + b"\n\n"
    )


END = event("", finish_reason="stop") + b"data: [DONE]\n\n"


def calls(name: Any, arguments: Any, index: Any = 0) -> dict[str, Any]:
    return {
        "tool_calls": [
            {"index": index, "id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}
        ]
    }


def texts() -> Mapping[str, str]:
    """What it may say that is JSON and a text, and yet does harm."""
    floods = {f"{name} * 40000": run(name, 40_000) for name in sorted(LEADS)}
    return {
        **floods,
        **{name: programs.answer(name) for name in (*programs.PROGRAMS, *programs.SCRIPTS)},
        "nothing": "",
        "half an emoji": "\ud800 a",
    }


# Streams that are no answer at all, as bytes.
BROKEN: Mapping[str, bytes] = {
    "no JSON": b"data: {nonsense\n\n" + END,
    "a list": b"data: [1, 2]\n\n" + END,
    "a number": b"data: 7\n\n" + END,
    "no choices": b'data: {"choices": null}\n\n' + END,
    "choices of texts": b'data: {"choices": ["a"]}\n\n' + END,
    "a delta that is a text": event(delta="a") + END,
    "a content that is a number": event(delta={"content": 7}) + END,
    "a content that is a list": event(delta={"content": [[["a"]]]}) + END,
    "a choice of index 10^9": event("a", index=10**9) + END,
    "a choice of index -1": event("a", index=-1) + END,
    "a finish that is a list": event("a", finish_reason=["stop"]) + END,
    "deep JSON": b"data: " + b"[" * 100_000 + b"\n\n" + END,
    "a long line": b"data: " + b"a" * 20_000_000 + b"\n\n",
    "no line at all": b"a" * 5_000_000,
    "no UTF-8": b"data: \xff\xfe\x80\n\n" + END,
    "surrogates": event("\ud800") + event("\udc00") + END,
    "calls of index 10^9": event(delta=calls("f", "{}", 10**9)) + END,
    "calls of index -1": event(delta=calls("f", "{}", -1)) + END,
    "calls without a name": event(delta=calls(None, None)) + END,
    "calls that are deep": event(delta=calls("read", '{"a":' * 50_000)) + END,
    "calls of halves": event(delta=calls("\ud800", '"\ud800"')) + END,
    "10,000 calls": b"".join(event(delta=calls("read", "{}", n)) for n in range(10_000)) + END,
    "usage of nonsense": b'data: {"choices": [], "usage": {"prompt_tokens": -5, "completion_tokens": 1e308}}\n\n' + END,
    "usage that is NaN": b'data: {"choices": [], "usage": {"prompt_tokens": NaN, "completion_tokens": "a"}}\n\n' + END,
    "log-probabilities of nonsense": event(
        "a", logprobs={"content": [{"token": 1, "logprob": "NaN", "top_logprobs": 5}]}
    )
    + END,
    "an error within": b'data: {"error": {"message": ["a"], "code": 5}}\n\n',
    "an end without a word": b"data: [DONE]\n\n",
    "an end that is missing": event("def solve(numbers):"),
    "200,000 events": event("\n") * 200_000 + END,
    "200,000 comments": b": a\n" * 200_000 + END,
}


async def for_ever(response: web.StreamResponse, data: bytes, pause_s: float) -> None:
    async with asyncio.timeout(ENDLESS_S):
        while True:
            await response.write(data)
            await asyncio.sleep(pause_s)


ENDLESS: Mapping[str, tuple[bytes, float]] = {
    "events for ever": (event("a b\n"), 0.001),
    "newlines for ever": (event("\n" * 10_000), 0.01),
    "blanks for ever": (b" " * 10_000, 0.01),
    "comments for ever": (b": keep-alive\n\n", 0.2),
    "drops": (b"d", 0.5),
    "silence": (b"", 1.0),
}


class Server:
    """Takes its ways of answering in turn."""

    def __init__(self) -> None:
        self._number = count()
        self._texts = texts()
        self._ways = [*(("text", name) for name in self._texts), *(("broken", name) for name in BROKEN)]
        # Those that cost everybody's patience come seldom: each is one in so many.
        self._ways += [("endless", name) for name in ENDLESS] + [
            ("odd", name) for name in ("500", "gzip", "redirect", "html", "cut")
        ]

    async def models(self, _request: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "m", "object": "model", "context_length": 8192}]})

    async def answer(self, request: web.Request) -> web.StreamResponse:
        wish = await request.json()
        kind, name = self._ways[next(self._number) * 37 % len(self._ways)]
        if kind == "odd":
            return odd(name)
        if not wish.get("stream"):
            if kind == "text":
                return web.Response(body=piece(self._texts[name]), content_type="application/json")
            return web.Response(body=BROKEN.get(name, b"{")[:5_000_000], content_type="application/json")
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        try:
            if kind == "endless":
                await for_ever(response, *ENDLESS[name])
            else:
                await response.write(event(self._texts[name]) + END if kind == "text" else BROKEN[name])
        except (ConnectionError, TimeoutError):
            pass
        return response


def odd(name: str) -> web.Response:
    if name == "500":
        return web.Response(status=500, body=b"x" * 10_000_000)
    if name == "gzip":
        return web.Response(
            body=gzip.compress(bytes(100_000_000), 9),
            headers={"content-encoding": "gzip", "content-type": "application/json"},
        )
    if name == "redirect":
        return web.Response(status=307, headers={"location": "/v1/chat/completions"})
    if name == "html":
        return web.Response(text="<html>" + "\n" * 100_000, content_type="text/html")
    return web.Response(body=b"{", headers={"content-length": "1000"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    made = Server()
    app = web.Application(client_max_size=64 << 20)
    app.add_routes([web.get("/v1/models", made.models), web.post("/v1/chat/completions", made.answer)])
    web.run_app(app, host="127.0.0.1", port=given.port, print=None, access_log=None, handler_cancellation=True)


if __name__ == "__main__":
    main()

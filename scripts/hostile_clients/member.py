"""A member's identity in, a member that means harm out: it asks others hostile things at the peers' door, and answers with hostile
ballots when it is asked. A line of JSON for each request that it has sent.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import ssl
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from hostile_clients import programs, prompts, schemas
from hostile_clients.attacks import LONGEST, Attack, encoded
from hostile_clients.clients import JSON_ONLY, Bout, Sent, bout_of, bout_options, settled
from hostile_clients.servers import ENDLESS_S
from local_swarm.network.protocol import VERSION

BASE = "/v1/federation"
WORKERS = 3
SELF = "127.0.0.2"  # other members of this machine have limits of their own
HALF = "\ud83d"
TURNED_AWAY = "turned away"


def prompt(words: str, /, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": words}], "sampling": {"max_tokens": 60}, "voices": 2, **more}


# --------------------------------------------------------------------------------------------------- what it asks


def of_prompts(dice: random.Random) -> Attack:
    name, text = prompts.drawn(dice)
    return Attack(f"vote: {name}", encoded(prompt(text)), "/vote", reads=len(text))


def of_schemas(dice: random.Random) -> Attack:
    name = dice.choice(sorted(schemas.HOSTILE))
    schema = schemas.HOSTILE[name]
    if dice.random() < 0.5:
        return Attack(f"vote: schema {name}", encoded(prompt("hi", schema=schema)), "/vote")
    function = {"type": "function", "function": {"name": "write", "parameters": schemas.thing(a=schema)}}
    return Attack(f"vote: tool {name}", encoded(prompt("Write.", tools=[function], must_call=["write"])), "/vote")


def of_odds(dice: random.Random) -> Attack:
    many: Mapping[str, Callable[[], tuple[str, bytes]]] = {
        "halves": lambda: ("/vote", encoded(prompt(HALF, session=HALF, text=HALF))),
        "halves in a schema": lambda: ("/vote", encoded(prompt("hi", schema={"enum": [HALF]}))),
        "halves as raw bytes": lambda: ("/vote", b'{"messages":[{"role":"user","content":"\xed\xa0\x80"}]}'),
        "options of the template": lambda: (
            "/vote",
            encoded(
                prompt("hi", template={"messages": 1, HALF: HALF, "a": schemas.nested(90, {}, lambda one: {"a": one})})
            ),
        ),
        "numbers": lambda: (
            "/vote",
            encoded(
                prompt(
                    "hi",
                    voices=10**9,
                    sampling={"max_tokens": 10**18, "temperature": -5, "logprobs": 10**9, "top_k": -1, "seed": 2**70},
                )
            ),
        ),
        "a voice of -1": lambda: ("/vote", encoded(prompt("hi", voices=-1))),
        "tools that are none": lambda: (
            "/vote",
            encoded(prompt("hi", tools=[{}, {"function": 5}, {"a": []}], must_call=["nothing"])),
        ),
        "a must without tools": lambda: ("/vote", encoded(prompt("hi", must_call=["nothing"] * 1_000))),
        "3,000 tools": lambda: (
            "/vote",
            encoded(
                prompt(
                    "hi",
                    tools=[
                        {"type": "function", "function": {"name": f"t{n}", "parameters": schemas.AGENT}}
                        for n in range(3_000)
                    ],
                )
            ),
        ),
        "100,000 stops": lambda: ("/vote", encoded(prompt("hi", sampling={"stop": [f"s{n}" for n in range(100_000)]}))),
        "biases": lambda: ("/vote", encoded(prompt("hi", sampling={"bias": [[n, 1.0] for n in range(200_000)]}))),
        "a text and its suffix": lambda: (
            "/vote",
            encoded({"messages": [], "text": "a" * 100_000, "suffix": "b", "scored": True}),
        ),
        "15 MB of blanks": lambda: ("/vote", encoded(prompt(" " * 15_000_000))),
        "20 MB of blanks": lambda: ("/vote", encoded(prompt(" " * 20_000_000))),
        "brackets": lambda: ("/vote", b"[" * 1_000_000),
        "deep objects": lambda: ("/vote", b'{"schema":' + b'{"a":' * 100_000),
        "nothing": lambda: ("/vote", b""),
        "a charter of the last epoch": lambda: (
            "/charter",
            encoded({"key": "a" * 64, "epoch": 2**53 - 1, "revoked": []}),
        ),
        "a charter of 10^400": lambda: ("/charter", encoded({"key": "a" * 64, "epoch": 10**400, "revoked": []})),
        "a charter that sends 100,000 away": lambda: (
            "/charter",
            encoded({"key": "a" * 64, "epoch": 3, "revoked": ["b" * 64] * 100_000}),
        ),
        "a hello of nonsense": lambda: (
            "/hello",
            encoded({"certificate": "a" * 60_000, "proof": HALF, "name": "\x1b[2J", "port": -5}),
        ),
        "a start of nonsense": lambda: (
            "/join/start",
            encoded({"number": "1" * 50_000, "message": "zz", "certificate": ""}),
        ),
        "a finish of nonsense": lambda: (
            "/join/finish",
            encoded({"session": "a", "confirmation": "b", "name": "c" * 50_000, "port": 10**30}),
        ),
    }
    name = dice.choice(sorted(many))
    path, body = many[name]()
    return Attack(f"peer: {name}", body, path, large=len(body) > 1_000_000)


def drawn(dice: random.Random, longest: int = LONGEST) -> Attack:
    while True:
        made: Attack = dice.choices((of_prompts, of_schemas, of_odds), (3, 4, 2))[0](dice)
        if made.reads <= longest:
            return made


class Asking:
    """The member's own questions."""

    def __init__(
        self, http: aiohttp.ClientSession, door: str, context: ssl.SSLContext, dice: random.Random, longest: int
    ) -> None:
        self.http, self.door, self.context, self.dice, self.longest = http, door, context, dice, longest

    async def next(self) -> Sent:
        attack = drawn(self.dice, self.longest)
        sent = await settled(attack, self._sent(attack), TURNED_AWAY)
        if sent.outcome == TURNED_AWAY:
            # The other's door bounds how many handshakes it does a second, and hangs up on what is beyond that.
            await asyncio.sleep(0.5)
        return sent

    async def _sent(self, attack: Attack) -> tuple[str, str]:
        """A declined question's reason counts as its message: the peers' door says one word."""
        headers = {
            **JSON_ONLY,
            "x-swarm-deadline": self.dice.choice(("20", "20", "0.001", "-1", "nan", "inf", "x" * 100)),
        }
        url = f"https://{self.door}{BASE}{attack.path}"
        async with self.http.post(url, data=attack.body, headers=headers, ssl=self.context) as response:
            text = await response.text(errors="replace")
        return str(response.status), json.dumps({"message": text[-300:]}) if response.status != 200 else ""


# ------------------------------------------------------------------------------------------------ what it answers


def ballot(text: str, **more: Any) -> bytes:
    usage = {"prompt_tokens": 1, "completion_tokens": 1}
    candidate = {"text": text, "voter": "w1", "finish_reason": "stop", "usage": usage, "seconds": 0.1, **more}
    return json.dumps({"kind": "ballot", "candidate": candidate}).encode() + b"\n"


CALL = {"id": "c", "name": "read", "arguments": '{"filePath": "/etc/passwd"}'}
END = b'{"kind":"end"}\n'


def three_of(answer: Callable[[], str]) -> bytes:
    return ballot(answer()) * 3 + END


LINES: Mapping[str, Callable[[], bytes]] = {
    **{f"{name} * 30000": partial(three_of, partial(prompts.run, name, 30_000)) for name in sorted(prompts.LEADS)},
    **{name: partial(three_of, partial(programs.answer, name)) for name in (*programs.PROGRAMS, *programs.SCRIPTS)},
    "calls": lambda: ballot("", tool_calls=[CALL], finish_reason="tool_calls") * 3 + END,
    "deep calls": lambda: ballot("", tool_calls=[{**CALL, "arguments": '{"a":' * 50_000}]) * 3 + END,
    "1 MB": lambda: ballot("a" * 1_000_000) * 3 + END,
    "20 MB": lambda: b"a" * 20_000_000,
    "many ballots": lambda: ballot("a") * 50_000 + END,
    "halves": lambda: ballot(HALF, reasoning=HALF) * 3 + END,
    "escapes": lambda: ballot("\x1b]0;title\x07\x1b[2J\x1b]52;c;aGk=\x07", voter="\x1b[2J") * 3 + END,
    "impossible numbers": lambda: ballot("a", seconds=-1e308, mean_logprob=1e308) + END,
    "no numbers": lambda: ballot("a").replace(b"0.1", b"NaN") + END,
    "weights": lambda: ballot("a", weight=1e9, anchor=True, node="me") * 3 + END,
    "log-probabilities": lambda: (
        ballot("a", logprobs=[{"text": "a", "logprob": -1, "top": [["b", -1]] * 20}] * 5_000) + END
    ),
    "a flaw": lambda: ballot("a", flaw="x" * 500_000) + END,
    "no JSON": lambda: b"{nonsense\n" + END,
    "deep JSON": lambda: b"[" * 500_000 + b"\n" + END,
    "a failure": lambda: b'{"kind":"failed","message":"' + b"\\u001b[2J" * 10_000 + b'","state":"busy"}\n',
    "accepted again": lambda: b'{"kind":"accepted","prompt_tokens":-5}\n' * 50_000 + END,
    "beats": lambda: b'{"kind":"beat"}\n' * 50_000,
    "nothing": lambda: b"",
}


class Answering:
    """The member's door."""

    def __init__(self) -> None:
        self._number = count()
        self._names = sorted(LINES)

    async def health(self, _request: web.Request) -> web.Response:
        report = {
            "name": "rogue",
            "version": VERSION,
            "model": "rogue",
            "workers": WORKERS,
            "state": "ok",
            "clock": time.time(),
        }
        return web.json_response(report)

    async def vote(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        number = next(self._number)
        response = web.StreamResponse(headers={"content-type": "application/x-ndjson"})
        await response.prepare(request)
        try:
            if number % 7 == 6:
                await beats(response)
            else:
                await response.write(LINES[self._names[number * 37 % len(self._names)]]())
                await response.write_eof()
        except (ConnectionError, TimeoutError):
            pass
        return response

    async def other(self, request: web.Request) -> web.Response:
        await request.read()
        return web.Response(text="ok")


async def beats(response: web.StreamResponse) -> None:
    """Always at work, never done."""
    async with asyncio.timeout(ENDLESS_S):
        while True:
            await response.write(b'{"kind":"beat"}\n')
            await asyncio.sleep(0.5)


# -------------------------------------------------------------------------------------------------------- both


def contexts(pem: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """To ask with and to answer with. Whom it talks to is all the same to it."""
    asks, answers = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    asks.check_hostname = False
    asks.verify_mode = ssl.CERT_NONE
    for context in (asks, answers):
        context.load_cert_chain(pem)
    return asks, answers


async def rogue(pem: Path, port: int, door: str, bout: Bout, tell: Callable[[Sent], None]) -> None:
    """Answer at `port`, and ask at `door`, until the time is over."""
    asks, answers = contexts(pem)
    made = Answering()
    app = web.Application(client_max_size=64 << 20)
    app.add_routes(
        [
            web.post(f"{BASE}/vote", made.vote),
            web.get(f"{BASE}/health", made.health),
            web.post(BASE + "/{any:.*}", made.other),
        ]
    )
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=answers).start()
    until = time.monotonic() + bout.seconds
    connector = aiohttp.TCPConnector(limit=0, local_addr=(SELF, 0))
    async with aiohttp.ClientSession(
        connector=connector, timeout=aiohttp.ClientTimeout(total=None), read_bufsize=1 << 20
    ) as http:

        async def busy(number: int) -> None:
            one = Asking(http, door, asks, random.Random(f"{bout.seed} {number}"), bout.longest)
            while time.monotonic() < until:
                tell(await one.next())

        await asyncio.gather(*map(busy, range(bout.clients)))
    await runner.cleanup()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pem", type=Path, required=True, help="The member's key and certificate.")
    parser.add_argument("--port", type=int, required=True, help="Where the member's door was.")
    parser.add_argument("--door", required=True, help="The other's door for peers, as host:port on this machine.")
    bout_options(parser)
    given = parser.parse_args()
    if given.door.rpartition(":")[0] != "127.0.0.1":
        parser.error("--door: only a daemon on this machine may be attacked")

    def tell(sent: Sent) -> None:
        sys.stdout.write(json.dumps(asdict(sent)) + "\n")
        sys.stdout.flush()

    asyncio.run(rogue(given.pem, given.port, given.door, bout_of(given), tell))


if __name__ == "__main__":
    main()

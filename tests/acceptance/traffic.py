"""Traffic as opencode makes it, for some minutes: growing conversations with tools, titles and sub-agents beside them, clients that
leave at any time. Exit 0 when no request was lost, none was asked twice, and memory and queues are where they were."""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import time
from collections import Counter
from typing import Any

import aiohttp

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": f"{name} something. " * 40,
            "parameters": {
                "type": "object",
                "properties": {key: {"type": "string"} for key in keys},
                "required": list(keys),
            },
        },
    }
    for name, keys in (
        ("bash", ("command",)),
        ("edit", ("filePath", "oldString", "newString")),
        ("glob", ("pattern",)),
        ("grep", ("pattern",)),
        ("read", ("filePath",)),
        ("task", ("description", "prompt")),
        ("write", ("content", "filePath")),
    )
]
SYSTEM = "You are a coding agent. Follow the rules. " * 200
LEAVES = 0.1  # share of requests that their client gives up
WARM_S = 15.0
MOST_GROWTH = 100 << 20  # bytes: caches fill, and then no more
PAUSE_S = 15.0  # a stream that is silent for longer has broken its promise


class Traffic:
    def __init__(self, url: str, seconds: float, pause_s: float) -> None:
        self.pause_s = pause_s
        self.url, self.until = url, time.monotonic() + seconds
        self.counts: Counter[str] = Counter()
        self.random = random.Random(1)

    async def ask(
        self, http: aiohttp.ClientSession, session: str, messages: list[Any], tools: bool, model: str = "swarm"
    ) -> Any:
        """One streamed request; the assistant's message, or None where the client left or something was wrong."""
        body = {
            "model": model,
            "messages": messages,
            "max_tokens": 4096,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        body |= {"tools": TOOLS, "tool_choice": "auto"} if tools else {}
        leaves_after = self.random.randint(1, 5) if self.random.random() < LEAVES else None
        self.counts["asked"] += 1
        async with http.post(f"{self.url}/chat/completions", json=body, headers={"x-session-id": session}) as response:
            if response.status != 200:
                self.counts[f"status {response.status}"] += 1
                return None
            made: dict[str, Any] = {"role": "assistant", "content": "", "tool_calls": []}
            finish, done = None, False
            async for line in lines(response):
                if leaves_after is not None and (leaves_after := leaves_after - 1) == 0:
                    self.counts["left"] += 1
                    return None
                if line == "data: [DONE]":
                    done = True
                elif line.startswith("data: "):
                    finish = taken(made, json.loads(line[6:])) or finish
        good = (
            done and finish in ("stop", "length", "tool_calls") and (finish == "tool_calls") == bool(made["tool_calls"])
        )
        self.counts["answered" if good else "broken"] += 1
        return made if good else None

    async def conversation(self, http: aiohttp.ClientSession, number: int) -> None:
        while time.monotonic() < self.until:
            session = f"ses_{number}_{self.counts['conversations']}"
            self.counts["conversations"] += 1
            word = f"word{self.random.randint(1, 999)}"
            question = f"Read the file notes{number}.txt and tell me the secret word."
            title = asyncio.create_task(
                self.ask(
                    http,
                    session,
                    [{"role": "user", "content": "Title:"}, {"role": "user", "content": question}],
                    False,
                    "swarm-fast",
                )
            )
            messages: list[Any] = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question}]
            for turn in range(self.random.randint(1, 8)):
                made = await self.ask(http, session, messages, True)
                if made is None or time.monotonic() > self.until:
                    break
                messages.append(made)
                for call in made["tool_calls"]:
                    result = f"1: The secret word is {word}.\n(turn {turn})"
                    messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})
                if not made["tool_calls"]:
                    messages.append({"role": "user", "content": f"Read the file other{turn}.txt and tell me the code."})
                await asyncio.sleep(self.pause_s)
                if self.random.random() < 0.2:
                    agents = [[{"role": "user", "content": f"Find files matching *{one}.py."}] for one in "ab"]
                    await asyncio.gather(*(self.ask(http, f"{session}_{n}", one, True) for n, one in enumerate(agents)))
            await title


def taken(made: dict[str, Any], chunk: dict[str, Any]) -> str | None:
    """Add a chunk to a message; its reason to end, if it has one."""
    if "error" in chunk:
        raise RuntimeError(json.dumps(chunk))
    finish = None
    for choice in chunk["choices"]:
        delta = choice["delta"]
        made["content"] += delta.get("content") or ""
        for part in delta.get("tool_calls", []):
            while len(made["tool_calls"]) <= part["index"]:
                made["tool_calls"].append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
            call = made["tool_calls"][part["index"]]
            call["id"] = part.get("id") or call["id"]
            call["function"]["name"] = part["function"].get("name") or call["function"]["name"]
            call["function"]["arguments"] += part["function"].get("arguments") or ""
        finish = choice["finish_reason"] or finish
    return finish


async def lines(response: aiohttp.ClientResponse) -> Any:
    while True:
        line = await asyncio.wait_for(response.content.readline(), PAUSE_S)
        if not line:
            return
        if text := line.decode().rstrip("\n"):
            yield text


async def state(http: aiohttp.ClientSession, url: str) -> dict[str, Any]:
    async with http.get(f"{url}/swarm") as response:
        told = await response.json()
    async with http.get(f"{url.removesuffix('/v1')}/metrics") as response:
        sizes = re.findall(r"^local_swarm_process_resident_memory_bytes (\S+)", await response.text(), re.MULTILINE)
    return {
        "daemon": int(float(sizes[0])) if sizes else None,
        "busy": sum(w["busy"] for w in told["workers"]),
        "failures": sum(w["failures"] for w in told["workers"]),
        "memory": told["engines"][0]["memory_bytes"],
        "requests": told["engines"][0]["requests"],
    }


async def main() -> int:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--url", default="http://127.0.0.1:8000/v1")
    words.add_argument("--minutes", type=float, default=30.0)
    words.add_argument("--conversations", type=int, default=3, help="at the same time")
    words.add_argument("--pause", type=float, default=0.0, help="seconds a client takes between turns")
    wish = words.parse_args()
    traffic = Traffic(wish.url, wish.minutes * 60, wish.pause)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=600)) as http:
        await traffic.ask(http, "warm", [{"role": "user", "content": "Who are you?"}], False)
        await asyncio.sleep(WARM_S)  # prose wakes the embedding model, which takes its memory once
        before = await state(http, wish.url)
        await asyncio.gather(*(traffic.conversation(http, number) for number in range(wish.conversations)))
        await asyncio.sleep(3)
        after = await state(http, wish.url)
    counts = traffic.counts
    print(json.dumps({**counts, "before": before, "after": after}))
    lost = counts["asked"] - counts["answered"] - counts["left"]
    grown = [after[name] - before[name] for name in ("daemon", "memory") if before[name] and after[name]]
    good = (
        lost == 0
        and max(grown, default=0) < MOST_GROWTH
        and after["busy"] == 0
        and after["failures"] == before["failures"]
        and not after["requests"]
    )
    print(f"{'good' if good else 'not good'}: {lost} requests without an answer, memory grew by {grown} bytes")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))

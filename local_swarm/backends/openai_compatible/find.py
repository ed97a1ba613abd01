"""Nothing in, the servers that run on this machine's usual ports out."""

from __future__ import annotations

import asyncio

import aiohttp

from local_swarm.backends.openai_compatible.probe import Found, look
from local_swarm.errors import SwarmError

PORTS = {
    11434: "Ollama",
    1234: "LM Studio",
    8080: "llama-server or TGI",
    8000: "vLLM",
    30000: "SGLang",
    1337: "Jan",
    5001: "KoboldCpp",
}
KNOCK_S = 1.0


async def servers(ports: tuple[int, ...] = tuple(PORTS)) -> list[tuple[str, Found]]:
    """(address, what it is) of each that answers; another swarm, or this one itself, is none of them."""
    async with aiohttp.ClientSession() as http:
        looks = await asyncio.gather(*(knock(http, f"http://127.0.0.1:{port}/v1") for port in ports))
    return [one for one in looks if one and one[1].kind != "local-swarm"]


async def knock(http: aiohttp.ClientSession, url: str) -> tuple[str, Found] | None:
    try:
        return url, await look(http, url, None, KNOCK_S)
    except SwarmError:
        return None

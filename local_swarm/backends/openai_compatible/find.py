"""Nothing in, the servers that run on this machine's usual ports out."""

from __future__ import annotations

import asyncio

import aiohttp

from local_swarm.backends.openai_compatible.probe import ServerModel, probe_server
from local_swarm.errors import SwarmError, UsageError

PORTS = {
    11434: "Ollama",
    1234: "LM Studio",
    8080: "llama-server or TGI",
    8000: "vLLM",
    30000: "SGLang",
    1337: "Jan",
    5001: "KoboldCpp",
}
PROBE_S = 1.0


async def find_servers(ports: tuple[int, ...] = tuple(PORTS)) -> list[tuple[str, ServerModel]]:
    """(address, what it is) of each that answers; another swarm, or this one itself, is none of them."""
    async with aiohttp.ClientSession() as http:
        looks = await asyncio.gather(*(probe_port(http, f"http://127.0.0.1:{port}/v1") for port in ports))
    return [one for one in looks if one and one[1].kind != "local-swarm"]


async def probe_port(http: aiohttp.ClientSession, url: str) -> tuple[str, ServerModel] | None:
    try:
        return url, await probe_server(http, url, None, PROBE_S)
    except SwarmError:
        return None


async def find_server(model: str | None) -> str:
    """The address of the first server here, with a `model` of the first that has it. Raises UsageError where there is
    none."""
    found = await find_servers()
    fitting = [url for url, server in found if model is None or model in server.models]
    if not fitting:
        ports = ", ".join(f"{port} ({name})" for port, name in PORTS.items())
        raise UsageError(f"No server{f' with {model}' if model else ''} runs on this machine's usual ports: {ports}.")
    return fitting[0]

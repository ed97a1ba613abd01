"""A server's answers about itself in, its kind, model and context out. Pure, but for `probe_server`, which asks.

Kinds differ in where they tell their context: llama-server in `meta.n_ctx` of its models and in `/props`, vLLM and
SGLang as `max_model_len`, LM Studio and OpenRouter as `context_length`, Ollama in `/api/show`.
"""

from __future__ import annotations

import asyncio
import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

from local_swarm.errors import EngineLost, UsageError
from local_swarm.types import FAST

OWNERS = {
    "llamacpp": "llama-server",
    "vllm": "vllm",
    "sglang": "sglang",
    "library": "ollama",
    "local-swarm": "local-swarm",
}
SEVERAL = ("vllm", "sglang", "llama-server")  # kinds that answer one prompt several times for little more than once
LONGEST_LIST = 4 << 20  # bytes of a list of models: OpenRouter's has about one million


@dataclass(frozen=True, slots=True)
class ServerModel:
    """What a server says of itself. `context` is None where it does not tell."""

    kind: str
    model: str
    models: tuple[str, ...]
    context: int | None = None

    @property
    def several(self) -> bool:
        return self.kind in SEVERAL


def select_model(entries: Sequence[Mapping[str, Any]], model: str | None, where: str) -> Mapping[str, Any]:
    """The entry of `model`; without one that of a single worker where the server is a swarm, or else the first.

    Raises UsageError where the server lacks the model.
    """
    names = [str(entry["id"]) for entry in entries]
    wanted = model or (FAST if FAST in names else names[0])
    if wanted not in names:
        close = difflib.get_close_matches(wanted, names, n=1)
        hint = f" Did you mean {close[0]}?" if close else f" It has {', '.join(names[:5])}."
        raise UsageError(f"{where} has no model {wanted!r}.{hint}")
    return entries[names.index(wanted)]


def model_entries(body: Any, where: str) -> list[Mapping[str, Any]]:
    """The entries of a list of models. Raises EngineLost for anything else."""
    entries = body.get("data") if isinstance(body, dict) else None
    sound: list[Mapping[str, Any]] = [
        one for one in entries or () if isinstance(one, dict) and isinstance(one.get("id"), str)
    ]
    if not sound:
        raise EngineLost(f"{where} lists no models. Is it an OpenAI-compatible server?")
    return sound


def kind_of(entry: Mapping[str, Any]) -> str:
    return OWNERS.get(str(entry.get("owned_by")), "unknown")


def context_of(entry: Mapping[str, Any]) -> int | None:
    meta = entry.get("meta")
    lengths = [
        entry.get("max_model_len"),
        entry.get("context_length"),
        meta.get("n_ctx") if isinstance(meta, dict) else None,
    ]
    return next((one for one in lengths if isinstance(one, int) and one > 0), None)


def context_shown(kind: str, body: Any) -> int | None:
    """The context in what `/props` of llama-server or `/api/show` of Ollama says."""
    if not isinstance(body, dict):
        return None
    if kind == "llama-server":
        settings = body.get("default_generation_settings")
        context = settings.get("n_ctx") if isinstance(settings, dict) else None
    else:
        facts = body.get("model_info")
        context = (
            next((v for k, v in facts.items() if k.endswith(".context_length")), None)
            if isinstance(facts, dict)
            else None
        )
    return context if isinstance(context, int) and context > 0 else None


async def probe_server(http: aiohttp.ClientSession, url: str, model: str | None, within_s: float) -> ServerModel:
    """Ask a server what it is. Raises UsageError where it lacks the model, EngineLost where it does not answer
    sensibly."""
    where = f"The server at {url}"
    entries = model_entries(await request_json(http, "GET", f"{url}/models", within_s, where), where)
    entry = select_model(entries, model, where)
    kind, context = kind_of(entry), context_of(entry)
    root = url.removesuffix("/v1")
    try:
        if kind == "llama-server":  # of its context the whole is listed, and what one request may have is told here
            context = context_shown(kind, await request_json(http, "GET", f"{root}/props", within_s, where)) or context
        elif kind == "ollama" and context is None:
            body = await request_json(http, "POST", f"{root}/api/show", within_s, where, body={"model": entry["id"]})
            context = context_shown(kind, body)
    except EngineLost:
        pass  # it need not tell
    return ServerModel(kind, str(entry["id"]), tuple(str(one["id"]) for one in entries), context)


async def request_json(
    http: aiohttp.ClientSession, method: str, url: str, within_s: float, where: str, body: Any = None
) -> Any:
    """The JSON that a server answers with. Raises EngineLost for everything else."""
    try:
        async with asyncio.timeout(within_s), http.request(method, url, json=body, allow_redirects=False) as response:
            if response.status in (401, 403):
                raise EngineLost(f"{where} does not take the key it was given.", retry_after_s=60)
            if response.status != 200:
                raise EngineLost(f"{where} answers with status {response.status}.")
            return json.loads(await read_body(response, LONGEST_LIST))
    except TimeoutError:
        raise EngineLost(f"{where} did not answer within {within_s:g} seconds.") from None
    except aiohttp.ClientError as problem:
        raise EngineLost(f"{where} cannot be reached: {problem}.") from problem
    except ValueError as problem:
        raise EngineLost(f"{where} does not answer in JSON.") from problem


async def read_body(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body. Raises ValueError for one of more than so many bytes."""
    body = bytearray()
    async for piece in response.content.iter_chunked(1 << 16):
        body += piece
        if len(body) > limit:
            raise ValueError("more than anybody would read")
    return bytes(body)

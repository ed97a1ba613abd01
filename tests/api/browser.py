"""A headless Chromium, driven over its debugging protocol by the few commands that the tests of the page need."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "chrome-headless-shell")
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--remote-debugging-port=0",
    "--force-color-profile=srgb",
    "about:blank",
)
PATIENCE_S = 20.0
LOOK_S = 0.02


def program() -> str | None:
    """Where a Chromium is: what `CHROMIUM` names, or what is on the path."""
    return os.environ.get("CHROMIUM") or next((found for name in NAMES if (found := shutil.which(name))), None)


class Tab:
    """One page. `problems` are what went wrong in it, as its console tells."""

    def __init__(self, wire: aiohttp.ClientWebSocketResponse) -> None:
        self.wire, self.numbers = wire, itertools.count(1)
        self.waiting: dict[int, asyncio.Future[Any]] = {}
        self.problems: list[str] = []
        self.requests: list[str] = []
        self.reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for message in self.wire:
            told = message.json()
            if told.get("id") in self.waiting:
                self.waiting.pop(told["id"]).set_result(told)
            elif told.get("method") == "Runtime.exceptionThrown":
                self.problems.append(str(told["params"]["exceptionDetails"]))
            elif told.get("method") == "Log.entryAdded" and told["params"]["entry"]["level"] == "error":
                self.problems.append(str(told["params"]["entry"]))
            elif told.get("method") == "Network.requestWillBeSent":
                self.requests.append(told["params"]["request"]["url"])

    async def do(self, method: str, **parameters: Any) -> Any:
        number = next(self.numbers)
        self.waiting[number] = asyncio.get_running_loop().create_future()
        await self.wire.send_json({"id": number, "method": method, "params": parameters})
        told = await asyncio.wait_for(self.waiting[number], PATIENCE_S)
        assert "error" not in told, told
        return told["result"]

    async def open(self, address: str) -> None:
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.do(f"{domain}.enable")
        await self.do("Page.navigate", url=address)

    async def value(self, expression: str) -> Any:
        told = await self.do("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    async def until(self, expression: str) -> Any:
        """The expression's value once it is true."""
        async with asyncio.timeout(PATIENCE_S):
            while not (
                found := await self.value(f"(() => {{ try {{ return {expression} }} catch {{ return false }} }})()")
            ):
                await asyncio.sleep(LOOK_S)
            return found

    async def text(self) -> str:
        return str(await self.value("document.body.innerText"))

    async def looks(self, dark: bool = False, width: int = 1200, height: int = 900) -> None:
        await self.do(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.do(
            "Emulation.setEmulatedMedia", features=[scheme, {"name": "prefers-reduced-motion", "value": "reduce"}]
        )

    async def picture(self) -> bytes:
        told = await self.do("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(told["data"])

    async def close(self) -> None:
        await self.do("Page.navigate", url="about:blank")  # and with that, its connections
        await self.wire.close()
        await asyncio.gather(self.reader, return_exceptions=True)


def told_port(folder: Path) -> int | None:
    """Where its debugging protocol is, once it has told."""
    try:
        return int((folder / "DevToolsActivePort").read_text().split()[0])
    except (OSError, IndexError):
        return None


class Browser:
    def __init__(self, http: aiohttp.ClientSession, port: int) -> None:
        self.http, self.base = http, f"http://127.0.0.1:{port}"

    @contextlib.asynccontextmanager
    async def tab(self, address: str) -> AsyncIterator[Tab]:
        async with self.http.put(f"{self.base}/json/new?about:blank") as reply:
            wire = (await reply.json())["webSocketDebuggerUrl"]
        made = Tab(await self.http.ws_connect(wire, max_msg_size=0))
        try:
            await made.open(address)
            yield made
        finally:
            await made.close()


@contextlib.asynccontextmanager
async def browser(folder: Path, chromium: str) -> AsyncIterator[Browser]:
    """One with a profile of its own; gone afterwards."""
    process = await asyncio.create_subprocess_exec(
        chromium,
        f"--user-data-dir={folder}",
        *OPTIONS,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not (said := told_port(folder)):
                assert process.returncode is None, "the browser ended"
                await asyncio.sleep(LOOK_S)
        async with aiohttp.ClientSession() as http:
            yield Browser(http, said)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

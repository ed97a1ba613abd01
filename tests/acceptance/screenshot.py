"""Pictures of the page of a running swarm, taken by a real browser: `CHROMIUM=... python -m tests.acceptance.screenshot ADDRESS`.

ADDRESS is what the start prints as `page`. It asks until a vote is divided, then takes the pictures of the guide.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.api.browser import Tab, browser, program

DOCS = Path(__file__).parent.parent.parent / "docs"
QUESTION = "Write a Python function solve(words) that returns words longer than 3 sorted."
DIVIDED = "3 against 2"
MOST_TRIES = 30


async def asked(tab: Tab) -> str:
    await tab.value(
        f"document.getElementById('question').value = {QUESTION!r}; document.getElementById('result').replaceChildren()"
    )
    await tab.value("document.getElementById('send').click()")
    await tab.until("document.querySelector('#result strong') !== null")
    return str(await tab.value("document.getElementById('result').innerText"))


async def main(address: str) -> int:
    chromium = program()
    if not chromium:
        print("There is no Chromium here; name one with CHROMIUM.")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        async with browser(Path(folder) / "profile", chromium) as opened, opened.tab(address) as tab:
            await tab.looks()
            await tab.until("document.getElementById('state').textContent === 'ok'")
            for _ in range(MOST_TRIES):
                if DIVIDED in await asked(tab):
                    break
            await tab.until("document.querySelectorAll('#picture circle.f1').length > 0 && speeds.length > 3")
            for dark, name in ((False, "dashboard.png"), (True, "dashboard-dark.png")):
                await tab.looks(dark)
                (DOCS / name).write_bytes(await tab.picture())
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1])))

"""A sandbox out, in which a module's tests run programs; they are skipped where nothing can be run."""

from collections.abc import AsyncIterator

import pytest

from local_swarm.sandbox.host import Sandbox


@pytest.fixture(scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    made = Sandbox()
    if not await made.start():
        pytest.skip(f"nothing can be run here: {made.reason}")
    yield made
    await made.close()

"""Deaths of an engine and the requests that were open at them in, which requests may be asked again out.

A request that alone was open when its engine crashed is to blame, and is not asked again. Where several were open each is asked
again, but no two of them at a time, so that the next crash tells which it was.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, nullcontext

from local_swarm.errors import EndsEngine

REMEMBERED = 256  # fingerprints of requests that ended an engine


class Suspects:
    """Requests go by their fingerprints."""

    def __init__(self) -> None:
        self._guilty: OrderedDict[str, None] = OrderedDict()
        self._suspected: set[str] = set()
        self._alone = asyncio.Lock()

    def died(self, open_requests: Collection[str]) -> bool:
        """Note a crash; whether a request is to blame for it."""
        suspected = self._suspected.intersection(open_requests)
        blamed = suspected if len(suspected) == 1 else set(open_requests) if len(set(open_requests)) == 1 else set()
        if not blamed:
            self._suspected.update(open_requests)
            return False
        for fingerprint in blamed:
            self._suspected.discard(fingerprint)
            self._guilty[fingerprint] = None
        while len(self._guilty) > REMEMBERED:
            self._guilty.popitem(last=False)
        return True

    @asynccontextmanager
    async def turn(self, fingerprint: str) -> AsyncIterator[None]:
        """While it is worked on. A suspect waits until no other is. Raises EndsEngine."""
        async with self._alone if fingerprint in self._suspected else nullcontext():
            if fingerprint in self._guilty:
                raise EndsEngine
            yield
            self._suspected.discard(fingerprint)  # it came to its end, and the engine lives

"""An engine's crashes and the requests that were open at them in, which requests may be asked again out.

A request that alone was open when its engine crashed is to blame, and is refused from then on. Where several were open
each is asked again with the engine to itself, so that the next crash tells which it was.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from local_swarm.errors import EndsEngine

ALONE_S = 30.0  # that a suspect waits to have the engine to itself
SUSPECTS_REMEMBERED = 256  # fingerprints, of those that ended an engine and of those that may have


class Suspects:
    """Requests go by their fingerprints."""

    def __init__(self) -> None:
        self._guilty: OrderedDict[str, None] = OrderedDict()
        self._suspected: OrderedDict[str, None] = OrderedDict()
        self._working, self._alone, self._queued = 0, False, 0
        self._changed = asyncio.Condition()

    def note_crash(self, open_requests: Collection[str], hung: bool = False) -> bool:
        """Note a crash; whether a request is to blame for it. One that `hung` may have been held by something else the
        first time."""
        to_blame = len(open_requests) == 1 and not (hung and not self._suspected.keys() & set(open_requests))
        for fingerprint in open_requests:
            self._suspected.pop(fingerprint, None)
            (self._guilty if to_blame else self._suspected)[fingerprint] = None
        for known in (self._guilty, self._suspected):
            while len(known) > SUSPECTS_REMEMBERED:
                known.popitem(last=False)
        return to_blame

    @asynccontextmanager
    async def turn(self, fingerprint: str) -> AsyncIterator[None]:
        """While it is worked on: a suspect alone and before all others, those side by side. Raises EndsEngine."""
        async with self._changed:
            await self._wait_for_turn(fingerprint in self._suspected)
            if fingerprint in self._guilty:
                self._changed.notify_all()
                raise EndsEngine
            self._alone = fingerprint in self._suspected and not self._working
            self._working += 1
        alone = self._alone
        try:
            yield
            self._suspected.pop(fingerprint, None)  # it came to its end, and the engine lives
        finally:
            self._working, self._alone = self._working - 1, self._alone and not alone
            async with self._changed:
                self._changed.notify_all()

    async def _wait_for_turn(self, suspect: bool) -> None:
        """A suspect waits for a while only: where an answer takes long it goes beside it, or all would wait for that
        one."""
        self._queued += suspect
        free = self._changed.wait_for(lambda: not self._alone and not (self._working if suspect else self._queued))
        try:
            async with asyncio.timeout(ALONE_S if suspect else None):
                await free
        except TimeoutError:
            await self._changed.wait_for(lambda: not self._alone)
        finally:
            self._queued -= suspect

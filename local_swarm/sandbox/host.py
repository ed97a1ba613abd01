"""Programs and calls in, outcomes out: what the daemon knows of the sandbox. Keeps its servers and starts them again.

Tiers, the best first; each must prove itself before it is used, and where none holds the sandbox stays off and says why. One
server runs programs of the standard library; programs that import scientific libraries have servers of their own, for as long as
they are wanted.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Iterable, Mapping, Sequence

from local_swarm.events import cancel
from local_swarm.sandbox.job import Job, Outcomes, Tier
from local_swarm.sandbox.libraries import first_uses, imported_libraries, modules, places
from local_swarm.sandbox.link import Fate, Link, ServerProblem, ServerSetting
from local_swarm.sandbox.messages import DIED, UNKNOWN
from local_swarm.sandbox.node import JavaScriptRunner

TIERS: tuple[Tier, ...] = ("bubblewrap", "namespaces", "landlock", "seatbelt")

JOBS_S = 15.0  # all jobs of one vote, after which their server counts as hung; by itself it ends every vote earlier
STARTS = 4  # of servers, for the jobs of one vote
REST_S = 2.0  # after a server could not be started for a passing reason
LONG_REST_S = 30.0  # after one with libraries could not
LOAD_S = 5.0  # that a vote waits for libraries; they are loaded on for the next one
SERVER_IDLE_S = 300.0  # after which a server with libraries ends
MOST_SERVERS = 3  # with libraries

Libraries = frozenset[str]
PLAIN: Libraries = frozenset()

logger = logging.getLogger(__name__)


def sandbox_of(wish: str) -> Sandbox:
    """As the setting `swarm.sandbox` says: `auto` or `never`."""
    return Sandbox() if wish == "auto" else Sandbox(())


class Sandbox:
    """Runs programs that nobody trusts. `tiers`: what may be tried, in order; none: it is off.

    `tier` is what holds, None while it is off or has not started; `reason` says why it is off.
    """

    def __init__(self, tiers: Sequence[Tier] = TIERS, width: int | None = None) -> None:
        self.tiers = tuple(tiers)
        self.width = width or max(1, min(4, os.cpu_count() or 1))
        self.tier: Tier | None = None
        self.reason: str | None = None if tiers else "the sandbox is switched off"
        self._links: dict[Libraries, Link] = {}
        self._starting = asyncio.Lock()
        self._loading: dict[Libraries, asyncio.Task[Link | None]] = {}
        self._one_loads = asyncio.Lock()
        self._alone = asyncio.Lock()  # for jobs that were at work when a server died
        self._resting: dict[Libraries, float] = {}  # until when
        self._ending: asyncio.Task[None] | None = None
        self._node = JavaScriptRunner(self.width)

    async def start(self) -> bool:
        """Bring the server up if it is not; whether it is. Tiers that do not hold are not tried again."""
        return await self._link(PLAIN) is not None

    async def run(self, jobs: Sequence[Job]) -> list[Outcomes] | None:
        """The outcomes of every job, in order, or None where nothing can be run; then see `reason`.

        All jobs are of one language.
        """
        if not await self.start():
            return None
        if jobs and jobs[0].language != "python":
            found = await self._node.run(jobs)
            self.reason = self._node.reason
            return found
        groups: dict[Libraries, list[Job]] = {}
        for job in dict.fromkeys(jobs):
            groups.setdefault(imported_libraries([job.program]), []).append(job)
        told = await asyncio.gather(*(self._ran(*group) for group in group_jobs(groups)))
        if any(one is None for one in told):
            return None
        known = {job: outcomes for one in told if one for job, outcomes in one.items()}
        hidden = {job: lacking_libraries(known[job]) for job in groups.get(PLAIN, ()) if lacking_libraries(known[job])}
        if hidden:  # imports that were not to be seen in their text: nobody waits for libraries on their word
            libraries = PLAIN.union(*hidden.values())
            if self._fitting_link(libraries):
                known |= await self._ran(libraries, list(hidden)) or {}
            else:
                self._load(libraries)
        return [known[job] for job in jobs]

    async def close(self) -> None:
        await cancel(*self._loading.values(), self._ending)
        await self._node.close()
        async with self._starting:
            self.tiers, self.tier, self.reason = (), None, "the sandbox is closed"
            links, self._links = list(self._links.values()), {}
            await asyncio.gather(*(link.stop() for link in links))

    # ----------------------------------------------------------------------------------------- one server's jobs

    async def _ran(self, libraries: Libraries, jobs: Sequence[Job]) -> dict[Job, Outcomes] | None:
        """What came of these jobs. Where the server dies, those that had not begun are run in the next one, and then each of the
        others alone, once: whoever was at work twice is lost."""
        known: dict[Job, Outcomes] = {}
        fresh, suspects = list(jobs), list[Job]()
        for _ in range(STARTS):
            if not fresh:
                break
            link = await self._link(libraries)
            if link is None:
                return unknown_outcomes(libraries, jobs) if libraries else None
            told = await self._ask(link, fresh)
            known |= {job: fate.outcomes for job, fate in told.items() if fate.outcomes is not None}
            suspects += [job for job, fate in told.items() if fate.outcomes is None and fate.begun]
            fresh = [job for job, fate in told.items() if fate.outcomes is None and not fate.begun]
        for job in suspects:
            async with self._alone:
                link = await self._link(libraries)
                outcomes = (await self._ask(link, [job]))[job].outcomes if link else None
            known[job] = outcomes if outcomes is not None else (DIED,) * len(job.calls)
        self.reason = None if len(known) == len(jobs) else "the sandbox's process died"
        return known if len(known) == len(jobs) else None

    async def _ask(self, link: Link, jobs: Sequence[Job]) -> dict[Job, Fate]:
        link.used = time.monotonic()
        try:
            async with asyncio.timeout(JOBS_S):
                return dict(zip(jobs, await link.vote(jobs), strict=True))
        except TimeoutError:
            logger.warning("The sandbox's process hangs and is started anew.")
            await link.stop()
            return {job: Fate(None, begun=True) for job in jobs}
        finally:
            link.used = time.monotonic()

    # --------------------------------------------------------------------------------------------------- servers

    async def _link(self, libraries: Libraries) -> Link | None:
        """A server that has loaded these libraries, started where there is none; None where none can be had, or not soon."""
        if link := self._fitting_link(libraries):
            return link
        if not libraries:
            async with self._starting:
                return self._fitting_link(PLAIN) or await self._proven()
        loading = self._load(libraries)
        done, _ = await asyncio.wait({loading}, timeout=LOAD_S)
        return loading.result() if done and not loading.cancelled() else None

    def _load(self, libraries: Libraries) -> asyncio.Task[Link | None]:
        loading = self._loading.get(libraries)
        if loading is None:
            loading = asyncio.create_task(self._load_link(libraries), name="sandbox-libraries")
            self._loading[libraries] = loading
            loading.add_done_callback(lambda _: self._loading.pop(libraries, None))
        return loading

    def _fitting_link(self, libraries: Libraries) -> Link | None:
        """One that is there: with these libraries, or the fewest more."""
        fitting = [which for which, link in self._links.items() if libraries <= which and link.alive]
        if libraries == PLAIN:
            return self._links[PLAIN] if PLAIN in fitting else None
        return self._links[min(fitting, key=len)] if fitting else None

    async def _proven(self) -> Link | None:
        """The plain server, behind the best walls that hold."""
        while self.tiers and not self._rests(PLAIN):
            link = Link(ServerSetting(self.tiers[0], self.width))
            problem = await self._begin_link(PLAIN, link)
            if problem is None:
                self.tier, self.reason = self.tiers[0], None
                return link
            logger.info("Sandbox tier %s: %s", self.tiers[0], problem.words)
            self.reason = f"no sandbox holds on this system ({self.tiers[0]}: {problem.words})"
            if not problem.lasting:
                return None
            self.tiers = self.tiers[1:]
        return None

    async def _load_link(self, libraries: Libraries) -> Link | None:
        """One with libraries, behind the walls of the plain one."""
        async with self._one_loads:
            if self.tier is None or self._rests(libraries) or (link := self._fitting_link(libraries)):
                return self._fitting_link(libraries)
            for which in surplus(self._links):
                libraries |= which  # else votes that want now these and now those would have them loaded for ever
                await self._links.pop(which).stop()
            link = Link(ServerSetting(self.tier, self.width, modules(libraries), places(), first_uses(libraries)))
            problem = await self._begin_link(libraries, link)
            if problem:
                logger.warning("The sandbox with %s: %s", ", ".join(sorted(libraries)), problem.words)
                return None
            self._ending = self._ending or asyncio.create_task(self._end_idle(), name="sandbox-idle")
            return link

    def _rests(self, libraries: Libraries) -> bool:
        return time.monotonic() < self._resting.get(libraries, 0.0)

    async def _begin_link(self, libraries: Libraries, link: Link) -> ServerProblem | None:
        if old := self._links.pop(libraries, None):
            await old.stop()
        problem = await link.start()
        if problem is None:
            link.used = time.monotonic()
            self._links[libraries] = link
        elif libraries or not problem.lasting:
            self._resting[libraries] = time.monotonic() + (LONG_REST_S if libraries else REST_S)
        return problem

    async def _end_idle(self) -> None:
        while True:
            await asyncio.sleep(SERVER_IDLE_S / 10)
            for which in idle(self._links, time.monotonic()):
                await self._links.pop(which).stop()


def surplus(links: Mapping[Libraries, Link]) -> list[Libraries]:
    """Servers with libraries that make room for one more: those longest unused, of which nobody waits for an answer."""
    free = sorted((which for which, link in links.items() if which and not link.votes), key=lambda one: links[one].used)
    return free[: max(0, sum(map(bool, links)) + 1 - MOST_SERVERS)]


def group_jobs(groups: Mapping[Libraries, Sequence[Job]]) -> list[tuple[Libraries, list[Job]]]:
    """The plain programs, and all others together: one server with all that they want."""
    others = [job for which, group in groups.items() if which for job in group]
    made = [(PLAIN, list(groups.get(PLAIN, ()))), (PLAIN.union(*groups), others)]
    return [(which, some) for which, some in made if some]


def lacking_libraries(outcomes: Outcomes) -> Libraries:
    """The libraries that a program lacked and that are to be had here."""
    named = {outcome[1:].partition(".")[0] for outcome in outcomes if outcome.startswith(UNKNOWN)}
    return imported_libraries(f"import {name}" for name in named)


def idle(links: Mapping[Libraries, Link], now: float) -> list[Libraries]:
    """Servers with libraries that nobody has asked for long."""
    return [which for which, link in links.items() if which and not link.votes and now - link.used > SERVER_IDLE_S]


def unknown_outcomes(libraries: Iterable[str], jobs: Sequence[Job]) -> dict[Job, Outcomes]:
    """Where a server with these libraries cannot be had, nothing is known of programs that import them."""
    return {job: (f"?{min(libraries)}",) * len(job.calls) for job in jobs}

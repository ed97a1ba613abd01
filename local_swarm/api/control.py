"""Commands of this machine's user in, answers of the federation out. A router beside the public API, on the same port.

It takes a token from a file that only the user of the daemon can read. Other users of the machine, and web pages,
cannot.
"""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from local_swarm.api.bodies import StrictRoute
from local_swarm.api.key import CONTROL, RUNNING
from local_swarm.errors import BadRequest, Forbidden, UsageError


class MemberCommands(Protocol):
    """What commands do with the members of a swarm."""

    def members(self) -> list[dict[str, Any]]: ...

    def invite(self) -> dict[str, Any]: ...

    async def join(self, code: str, address: str | None, sure: bool) -> dict[str, Any]: ...

    def forget(self, name: str) -> dict[str, Any]: ...


class Diagnostics(Protocol):
    """Says what is wrong with the network: dataclasses of findings."""

    async def examine(self) -> Sequence[Any]: ...


class CounterTable(Protocol):
    def counts(self) -> dict[str, int]: ...


class Control(Protocol):
    """The parts of a federation that take commands."""

    @property
    def membership(self) -> MemberCommands: ...

    @property
    def doctor(self) -> Diagnostics: ...

    @property
    def metrics(self) -> CounterTable: ...


class JoinRequest(BaseModel):
    code: str
    peer: str | None = None
    yes: bool = False


class ForgetRequest(BaseModel):
    name: str


def control_router(federation: Control, token: str) -> APIRouter:
    """The routes that command a federation. Every request must carry the token."""
    check = token_check(token)
    router = APIRouter(prefix="/v1/swarm/control", route_class=StrictRoute, dependencies=[Depends(check)])

    @router.get("/peers")
    async def peers() -> list[dict[str, Any]]:
        """What `peers` prints: the other machines of this swarm. Takes the control token."""
        return federation.membership.members()

    @router.post("/invite")
    async def invite() -> dict[str, Any]:
        """What `invite` does: a code for one other machine. Takes the control token."""
        with as_request():
            return federation.membership.invite()

    @router.post("/join")
    async def join(request: JoinRequest) -> dict[str, Any]:
        """What `join` does, with a code. Takes the control token."""
        with as_request():
            return await federation.membership.join(request.code, request.peer, sure=request.yes)

    @router.post("/forget")
    async def forget(request: ForgetRequest) -> dict[str, Any]:
        """What `forget` does: removes a machine. Takes the control token."""
        with as_request():
            return federation.membership.forget(request.name)

    @router.get("/doctor")
    async def doctor() -> list[dict[str, Any]]:
        """What `doctor` finds. Takes the control token."""
        return [dataclasses.asdict(finding) for finding in await federation.doctor.examine()]

    @router.get("/metrics")
    async def metrics() -> dict[str, int]:
        """The federation's counters. Takes the control token."""
        return federation.metrics.counts()

    return router


@contextlib.contextmanager
def as_request() -> Iterator[None]:
    """Wrong use of a command is a bad request over HTTP."""
    try:
        yield
    except UsageError as problem:
        raise BadRequest(problem.message) from problem


def token_check(token: str) -> Callable[[Request], None]:
    def check(request: Request) -> None:
        """Raises Forbidden."""
        shown = request.headers.get(CONTROL, "")
        if not secrets.compare_digest(shown.encode(), token.encode()):
            raise Forbidden(
                f"This takes the token in {RUNNING}/PORT.token, in the daemon's LOCAL_SWARM_HOME. "
                "Use the program's own commands."
            )

    return check

"""Commands of this machine's user in, what the federation says out. Beside the public API, on the same loopback door.

Who may use it can read a file of the user that runs the daemon: other users of the machine, and web pages, cannot.
"""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from local_swarm.api.bodies import StrictRoute
from local_swarm.api.key import CONTROL, CONTROL_FILE
from local_swarm.errors import BadRequest, Forbidden, WrongUse


class Control(Protocol):
    """What can be commanded of a federation."""

    def peers(self) -> list[dict[str, Any]]: ...

    def invite(self) -> dict[str, Any]: ...

    async def join(self, code: str, place: str | None, sure: bool) -> dict[str, Any]: ...

    def forget(self, name: str) -> dict[str, Any]: ...

    async def doctor(self) -> Sequence[Any]: ...

    def metrics(self) -> dict[str, int]: ...


class JoinWish(BaseModel):
    code: str
    peer: str | None = None
    yes: bool = False


class ForgetWish(BaseModel):
    name: str


def control(face: Control, token: str) -> APIRouter:
    def guard(request: Request) -> None:
        shown = request.headers.get(CONTROL, "")
        if not secrets.compare_digest(shown.encode(), token.encode()):
            raise Forbidden(
                f"This takes the token in {CONTROL_FILE}, in the daemon's LOCAL_SWARM_HOME. Use the program's own commands."
            )

    router = APIRouter(prefix="/v1/swarm/control", route_class=StrictRoute, dependencies=[Depends(guard)])

    @router.get("/peers")
    async def peers() -> list[dict[str, Any]]:
        return face.peers()

    @router.post("/invite")
    async def invite() -> dict[str, Any]:
        with as_request():
            return face.invite()

    @router.post("/join")
    async def join(wish: JoinWish) -> dict[str, Any]:
        with as_request():
            return await face.join(wish.code, wish.peer, wish.yes)

    @router.post("/forget")
    async def forget(wish: ForgetWish) -> dict[str, Any]:
        with as_request():
            return face.forget(wish.name)

    @router.get("/doctor")
    async def doctor() -> list[dict[str, Any]]:
        return [dataclasses.asdict(finding) for finding in await face.doctor()]

    @router.get("/metrics")
    async def metrics() -> dict[str, int]:
        return face.metrics()

    return router


@contextlib.contextmanager
def as_request() -> Iterator[None]:
    """What is wrong use of a command is a bad request here."""
    try:
        yield
    except WrongUse as problem:
        raise BadRequest(problem.message) from problem

"""An adviser in, what there is to say of this machine and the models for it out: true whether a swarm runs or not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from local_swarm.mcp_server.tools import HardwareResult, ModelResult, ModelsResult, SizeResult
from local_swarm.models.advice import Advisor
from local_swarm.models.budget import memory_pools


async def hardware_found(advisor: Callable[[], Advisor]) -> HardwareResult:
    """Looking takes up to two seconds, so it is done in a thread."""
    counsel = await asyncio.to_thread(advisor)
    room = memory_pools(counsel.hardware, counsel.rules)[0].budget_bytes
    return HardwareResult(**counsel.hardware.as_json(), available_for_models_bytes=room)


async def models_found(advisor: Callable[[], Advisor]) -> ModelsResult:
    return await asyncio.to_thread(lambda: by_family(advisor()))


def by_family(counsel: Advisor) -> ModelsResult:
    """The catalogue as a model can read it: a family is a model, its sizes are variants."""
    families: dict[str, list[SizeResult]] = {}
    for entry in counsel.catalogue:
        found = counsel.entry_json(entry)
        size = SizeResult(
            size=found["size"], quantizations=found["quantizations"], fits=found["fits"], on_disk=found["on_disk"]
        )
        families.setdefault(found["family"], []).append(size)
    return ModelsResult(
        models=[
            ModelResult(
                id=name, variants=sizes, fits=any(one.fits for one in sizes), on_disk=any(one.on_disk for one in sizes)
            )
            for name, sizes in families.items()
        ]
    )

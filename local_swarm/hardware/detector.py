"""Every probe in, one `Hardware` out. A probe that fails finds nothing; none can fail the whole, nor hold it up for long."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable
from functools import partial

from local_swarm.hardware import amd, apple_silicon, intel, memory, nvidia, processor, qualcomm, windows
from local_swarm.hardware.profile import ARCHITECTURES, Accelerator, Hardware, System
from local_swarm.hardware.run import Run, together
from local_swarm.hardware.run import run as run_program

Probe = Callable[[Run], tuple[Accelerator, ...]]

# The probes of each system, the makers whose cards compute best first.
PROBES: dict[System, tuple[Probe, ...]] = {
    "linux": (nvidia.probe, amd.probe, intel.probe),
    "darwin": (apple_silicon.probe,),
    "windows": (nvidia.probe, windows.probe),
    "android": (qualcomm.probe,),
}


def system(platform_name: str = sys.platform) -> System:
    if (
        "TERMUX_VERSION" in os.environ
        or os.environ.get("PREFIX", "").startswith("/data/data/com.termux")
        or platform_name == "android"
    ):
        return "android"
    return "darwin" if platform_name == "darwin" else "windows" if platform_name == "win32" else "linux"


def architecture(machine: str) -> str:
    return ARCHITECTURES.get(machine.lower(), machine.lower())


def accelerators(os_name: System, run: Run = run_program) -> tuple[Accelerator, ...]:
    """What can compute beside the processor, the best first."""
    found = together([partial(probe, run) for probe in PROBES[os_name]])
    listed = [one for cards in found for one in cards or ()]
    return tuple(sorted(listed, key=lambda one: one.memory_kind == "shared"))


def detect(run: Run = run_program) -> Hardware:
    os_name = system()
    return Hardware(
        os_name,
        architecture(platform.machine()),
        processor.probe(os_name, run),
        memory.probe(),
        accelerators(os_name, run),
    )

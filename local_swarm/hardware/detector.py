"""Every probe in, one `Hardware` out. A probe that fails finds nothing; none can fail the whole, nor hold it up for long."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from local_swarm.hardware import amd, apple_silicon, intel, memory, nvidia, processor, qualcomm, windows
from local_swarm.hardware.profile import ARCHITECTURES, Accelerator, Hardware, MemoryKind, System
from local_swarm.hardware.run import Run, together
from local_swarm.hardware.run import run as run_program
from local_swarm.hardware.visible import visible

Probe = Callable[[Run], tuple[Accelerator, ...]]

KINDS: tuple[MemoryKind, ...] = ("dedicated", "unified", "shared")  # models run on the first that there is

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


def accelerators(
    os_name: System, run: Run = run_program, environment: Mapping[str, str] = os.environ
) -> tuple[Accelerator, ...]:
    """What can compute beside the processor, the best first."""
    return find(PROBES[os_name], architecture(platform.machine()), run, environment)[0]


def find(
    probes: Sequence[Probe], arch: str, run: Run, environment: Mapping[str, str]
) -> tuple[tuple[Accelerator, ...], tuple[str, ...]]:
    """The cards that count, and a sentence for each variable of the environment that hides others."""
    found = together([partial(probe, run) for probe in probes])
    listed: list[Accelerator] = []
    for cards in found:
        makers = {one.vendor for one in listed}  # told by a better probe
        listed += [one for one in cards or () if one.vendor not in makers]
    counted, hidden = visible([nvidia.on_architecture(one, arch) for one in listed], environment)
    return tuple(sorted(counted, key=lambda one: KINDS.index(one.memory_kind))), hidden


def detect(run: Run = run_program, environment: Mapping[str, str] = os.environ) -> Hardware:
    os_name, arch = system(), architecture(platform.machine())
    cards, hidden = find(PROBES[os_name], arch, run, environment)
    return Hardware(os_name, arch, processor.probe(os_name, run), memory.probe(), cards, hidden=hidden)

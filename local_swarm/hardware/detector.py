"""Every probe in, one `Hardware` out. A probe that fails finds nothing; none can fail the whole."""

from __future__ import annotations

import os
import platform
import sys

from local_swarm.hardware import amd, apple_silicon, memory, nvidia, processor
from local_swarm.hardware.profile import Accelerator, Hardware, System
from local_swarm.hardware.run import Run
from local_swarm.hardware.run import run as run_program


def system(platform_name: str = sys.platform) -> System:
    if (
        "TERMUX_VERSION" in os.environ
        or os.environ.get("PREFIX", "").startswith("/data/data/com.termux")
        or platform_name == "android"
    ):
        return "android"
    return "darwin" if platform_name == "darwin" else "windows" if platform_name == "win32" else "linux"


def architecture(machine: str) -> str:
    return {"amd64": "x86_64", "x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}.get(
        machine.lower(), machine.lower()
    )


def accelerators(os_name: System, run: Run = run_program) -> tuple[Accelerator, ...]:
    """What can compute beside the processor, the best first."""
    if os_name == "darwin":
        return apple_silicon.probe(run)
    return nvidia.probe(run) + (amd.probe(run) if os_name == "linux" else ())


def detect(run: Run = run_program) -> Hardware:
    os_name = system()
    return Hardware(
        os_name,
        architecture(platform.machine()),
        processor.probe(os_name, run),
        memory.probe(),
        accelerators(os_name, run),
    )

"""Apple's chips by `sysctl` and `ioreg`: the graphics cores share the machine's one memory."""

from __future__ import annotations

import re

from local_swarm.hardware.profile import Accelerator
from local_swarm.hardware.run import Run

QUERY = ("sysctl", "machdep.cpu.brand_string", "hw.memsize")
WIRED = ("sysctl", "iogpu.wired_limit_mb")  # by itself: older systems do not know it, and then sysctl fails as a whole
CORES = ("ioreg", "-r", "-d", "1", "-c", "AGXAccelerator")
VIRTUAL = re.compile(r"\(Virtual\)|^Apple processor")  # in a virtual machine, whose graphics compute no models
LARGE = 36 << 30  # bytes of memory from which Metal lets graphics hold three quarters, below two thirds


def probe(run: Run) -> tuple[Accelerator, ...]:
    told = run(QUERY) or ""
    return parse(told, run(WIRED) or "", run(CORES) or "") if "Apple" in told else ()


def parse(text: str, wired: str = "", tree: str = "") -> tuple[Accelerator, ...]:
    """Lines `machdep.cpu.brand_string: Apple M2 Pro` and `hw.memsize: 17179869184`; `iogpu.wired_limit_mb: 0` where the limit is
    Metal's own; `"gpu-core-count" = 16` in the tree of devices."""
    chip = re.search(r"^machdep\.cpu\.brand_string: (Apple .+)$", text, re.MULTILINE)
    found = re.search(r"^hw\.memsize: (\d+)$", text, re.MULTILINE)
    if not chip or VIRTUAL.search(chip[1]):
        return ()
    size = int(found[1]) if found else None
    cores = re.search(r'"gpu-core-count"\s*=\s*(\d+)', tree)
    return (
        Accelerator(
            vendor="apple",
            name=chip[1].strip(),
            memory_bytes=size,
            free_bytes=None,
            memory_kind="unified",
            limit_bytes=limit(size, wired),
            runtime="Metal",
            cores=int(cores[1]) if cores else None,
        ),
    )


def limit(size: int | None, wired: str) -> int | None:
    """Bytes that graphics may hold at once (MTLDevice.recommendedMaxWorkingSetSize)."""
    own = re.search(r"^iogpu\.wired_limit_mb: (\d+)$", wired, re.MULTILINE)
    if own and int(own[1]):
        return int(own[1]) << 20
    return None if size is None else size * 3 // 4 if size >= LARGE else size * 2 // 3

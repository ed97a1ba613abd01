"""Apple's chips by `sysctl`: the graphics cores share the machine's one memory."""

from __future__ import annotations

import re

from local_swarm.hardware.profile import Accelerator
from local_swarm.hardware.run import Run

QUERY = ("sysctl", "machdep.cpu.brand_string", "hw.memsize")


def probe(run: Run) -> tuple[Accelerator, ...]:
    return parse(run(QUERY) or "")


def parse(text: str) -> tuple[Accelerator, ...]:
    """Lines `machdep.cpu.brand_string: Apple M2 Pro` and `hw.memsize: 17179869184`."""
    chip = re.search(r"^machdep\.cpu\.brand_string: (Apple .+)$", text, re.MULTILINE)
    size = re.search(r"^hw\.memsize: (\d+)$", text, re.MULTILINE)
    if not chip:
        return ()
    return (Accelerator("apple", chip[1].strip(), int(size[1]) if size else None, None, "unified"),)

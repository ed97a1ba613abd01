"""NVIDIA cards by `nvidia-smi`, which comes with every driver on Linux, Windows and WSL."""

from __future__ import annotations

from local_swarm.hardware.profile import Accelerator
from local_swarm.hardware.run import Run

QUERY = ("nvidia-smi", "--query-gpu=name,memory.total,memory.free,driver_version", "--format=csv,noheader,nounits")


def probe(run: Run) -> tuple[Accelerator, ...]:
    return parse(run(QUERY) or "")


def parse(text: str) -> tuple[Accelerator, ...]:
    """One card a line: `NVIDIA GeForce RTX 4090, 24564, 23028, 550.54`; sizes in MiB, or `[N/A]`."""
    found = []
    for line in text.splitlines():
        fields = [field.strip() for field in line.split(",")]
        if len(fields) == 4 and fields[0] and fields[3][:1].isdigit():
            found.append(
                Accelerator("nvidia", fields[0], mebibytes(fields[1]), mebibytes(fields[2]), "dedicated", fields[3])
            )
    return tuple(found)


def mebibytes(text: str) -> int | None:
    return int(text) << 20 if text.isdigit() else None

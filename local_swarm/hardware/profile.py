"""What a machine is, as values. Unknown is None, never 0."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

System = Literal["linux", "darwin", "windows", "android"]
Vendor = Literal["nvidia", "amd", "intel", "apple", "qualcomm"]
MemoryKind = Literal["dedicated", "unified", "shared"]


@dataclass(frozen=True, slots=True)
class Processor:
    name: str | None
    physical_cores: int | None
    logical_cores: int | None
    features: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Memory:
    """`limit_bytes`: what a container or a service manager allows, where it does."""

    total_bytes: int | None
    available_bytes: int | None
    limit_bytes: int | None = None

    @property
    def usable_bytes(self) -> int | None:
        known = [size for size in (self.total_bytes, self.limit_bytes) if size]
        return min(known) if known else None


@dataclass(frozen=True, slots=True)
class Accelerator:
    """`memory_bytes` of `unified` and `shared` memory is part of the system's, not beside it. `limit_bytes`: the most that the
    chip may hold of it at once, where there is such a limit. `runtime`: what computes on it, e.g. `CUDA 12.4` or `ROCm 6.3`."""

    vendor: Vendor
    name: str
    memory_bytes: int | None
    free_bytes: int | None
    memory_kind: MemoryKind
    driver: str | None = None
    limit_bytes: int | None = None
    runtime: str | None = None


@dataclass(frozen=True, slots=True)
class Hardware:
    os: System
    arch: str
    cpu: Processor
    memory: Memory
    accelerators: tuple[Accelerator, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def line(self) -> str:
        """The machine in one line for people."""
        cores = f"{self.cpu.physical_cores} cores" if self.cpu.physical_cores else "cores unknown"
        memory = self.memory.usable_bytes
        parts = [self.cpu.name or self.arch, cores, f"{memory / 2**30:.0f} GiB memory" if memory else "memory unknown"]
        for one in self.accelerators:
            size = f" {one.memory_bytes / 2**30:.0f} GiB" if one.memory_bytes and one.memory_kind == "dedicated" else ""
            parts.append(f"{one.name}{size}")
        return ", ".join(parts)

"""What a machine is, as values. Unknown is None, never 0."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from local_swarm.errors import UsageError
from local_swarm.units import memory_size

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
    """`limit_bytes`: what a container or a service manager allows, where it does. `swap_bytes`: never counted as memory."""

    total_bytes: int | None
    available_bytes: int | None
    limit_bytes: int | None = None
    swap_bytes: int | None = None

    @property
    def usable_bytes(self) -> int | None:
        known = [size for size in (self.total_bytes, self.limit_bytes) if size]
        return min(known) if known else None


@dataclass(frozen=True, slots=True)
class Accelerator:
    """`memory_bytes` of `unified` and `shared` memory is part of the system's, not beside it. `limit_bytes`: the most that the
    chip may hold of it at once, where there is such a limit. `runtime`: what computes on it, e.g. `CUDA 12.4` or `ROCm`.
    `cores`: of an Apple chip's graphics. `index`: its number among the cards of its maker, as their runtimes count them. `pci`:
    its address, e.g. `0000:03:00.0`. `slice`: a part of a card (MIG); a process computes on a single one."""

    vendor: Vendor
    name: str
    memory_bytes: int | None
    free_bytes: int | None
    memory_kind: MemoryKind
    driver: str | None = None
    limit_bytes: int | None = None
    runtime: str | None = None
    cores: int | None = None
    index: int | None = None
    uuid: str | None = None
    pci: str | None = None
    slice: bool = False


@dataclass(frozen=True, slots=True)
class Hardware:
    """`hidden`: a sentence for each environment variable that leaves cards out of `accelerators`."""

    os: System
    arch: str
    cpu: Processor
    memory: Memory
    accelerators: tuple[Accelerator, ...] = ()
    hidden: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @property
    def line(self) -> str:
        """The machine in one line for people."""
        cores = f"{self.cpu.physical_cores} cores" if self.cpu.physical_cores else "cores unknown"
        memory = self.memory.usable_bytes
        parts = [self.cpu.name or self.arch, cores, f"{memory_size(memory)} memory" if memory else "memory unknown"]
        for one in self.accelerators:
            size = f" {memory_size(one.memory_bytes)}" if one.memory_bytes and one.memory_kind == "dedicated" else ""
            parts.append(f"{one.name}{size}")
        return ", ".join(parts)


ARCHITECTURES = {"amd64": "x86_64", "x64": "x86_64", "aarch64": "arm64"}


def hardware_from(told: Any) -> Hardware:
    """A machine as `detect --json` tells it; absent keys are unknown. Raises UsageError for what cannot be one."""
    if not isinstance(told, dict):
        raise UsageError("The hardware must be a JSON object as `detect --json` prints it.")
    cpu, memory = part(told, "cpu"), part(told, "memory")
    arch = str(told.get("arch") or "x86_64").lower()
    features = cpu.get("features") or ()
    if not isinstance(features, (list, tuple)):
        raise UsageError(f"cpu.features must be a list, not {features!r}.")
    return Hardware(
        one_of(told.get("os") or "linux", System, "os"),
        ARCHITECTURES.get(arch, arch),
        Processor(
            text(cpu, "name"), whole(cpu, "physical_cores"), whole(cpu, "logical_cores"), tuple(map(str, features))
        ),
        Memory(*(whole(memory, key) for key in ("total_bytes", "available_bytes", "limit_bytes", "swap_bytes"))),
        tuple(accelerator_from(one) for one in told.get("accelerators") or ()),
        hidden=tuple(map(str, told.get("hidden") or ())),
    )


def accelerator_from(told: Any) -> Accelerator:
    if not isinstance(told, dict):
        raise UsageError(f"An accelerator must be an object, not {told!r}.")
    vendor = one_of(told.get("vendor"), Vendor, "vendor")
    return Accelerator(
        vendor=vendor,
        name=text(told, "name") or f"{vendor} graphics",
        memory_bytes=whole(told, "memory_bytes"),
        free_bytes=whole(told, "free_bytes"),
        memory_kind=one_of(
            told.get("memory_kind") or ("unified" if vendor == "apple" else "dedicated"), MemoryKind, "memory_kind"
        ),
        driver=text(told, "driver"),
        limit_bytes=whole(told, "limit_bytes"),
        runtime=text(told, "runtime"),
        cores=whole(told, "cores"),
        index=whole(told, "index"),
        uuid=text(told, "uuid"),
        pci=text(told, "pci"),
        slice=bool(told.get("slice")),
    )


def part(told: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = told.get(key) or {}
    if not isinstance(found, dict):
        raise UsageError(f"{key} must be an object, not {found!r}.")
    return found


def one_of(value: Any, choices: Any, key: str) -> Any:
    if value not in get_args(choices):
        raise UsageError(f"{key} must be one of {', '.join(get_args(choices))}, not {value!r}.")
    return value


def whole(told: Mapping[str, Any], key: str) -> int | None:
    value = told.get(key)
    if value is not None and (
        isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1 << 60
    ):
        raise UsageError(f"{key} must be a number of bytes or cores, not {value!r}.")
    return None if value is None else int(value)


def text(told: Mapping[str, Any], key: str) -> str | None:
    value = told.get(key)
    return None if value is None else str(value)

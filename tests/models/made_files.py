"""The starter model and changes in, a GGUF file of another kind out, for tests: other metadata, fewer or other tensors."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_swarm.models import starter
from local_swarm.models.gguf import BLOCKS

CODES = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
ALIGNMENT = 32


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def value_of(value: Any) -> bytes:
    """A value as GGUF writes it, with the number of its type before it: texts, booleans, counts, negative numbers, lists."""
    if isinstance(value, str):
        return struct.pack("<I", 8) + text(value)
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, int):
        return struct.pack("<Ii", 5, value) if value < 0 else struct.pack("<II", 4, value)
    kinds = [value_of(one) for one in value]
    return struct.pack("<I", 9) + kinds[0][:4] + struct.pack("<Q", len(kinds)) + b"".join(one[4:] for one in kinds)


def gguf(
    entries: Mapping[str, Any],
    tensors: Mapping[str, tuple[tuple[int, ...], int, bytes]] | None = None,
    version: int = 3,
    order: str = "<",
) -> bytes:
    """A whole file. `entries`: values, bytes that are written as they are, or None for none; `tensors`: (shape, type, data)."""
    tensors = tensors or {}
    pairs = [
        text(key) + (one if isinstance(one, bytes) else value_of(one))
        for key, one in entries.items()
        if one is not None
    ]
    listed, data = [], b""
    for name, (shape, kind, values) in tensors.items():
        listed.append(text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, len(data)))
        data += values + b"\0" * (-len(values) % ALIGNMENT)
    head = b"GGUF" + struct.pack(f"{order}IQQ", version, len(tensors), len(pairs)) + b"".join(pairs) + b"".join(listed)
    return head + b"\0" * (-len(head) % ALIGNMENT) + data


@dataclass(frozen=True, slots=True)
class Whole:
    """A file as it lies on the disk. `entries`: the bytes of each value; `tensors`: (shape, type, data) of each."""

    entries: Mapping[str, bytes]
    tensors: Mapping[str, tuple[tuple[int, ...], int, bytes]]


def read_whole(path: Path = starter.PATH) -> Whole:
    data, at = path.read_bytes(), 24

    def take(code: str) -> tuple[Any, ...]:
        nonlocal at
        found = struct.unpack_from("<" + code, data, at)
        at += struct.calcsize("<" + code)
        return found

    def word() -> bytes:
        nonlocal at
        (length,) = take("Q")
        at += length
        return data[at - length : at]

    def pass_over(kind: int) -> None:
        if kind == 8:
            word()
        elif kind == 9:
            inner, count = take("IQ")
            for _ in range(count):
                pass_over(inner)
        else:
            take(CODES[kind])

    tensor_count, entry_count = struct.unpack_from("<QQ", data, 8)
    entries, infos = {}, []
    for _ in range(entry_count):
        key, begin = word().decode(), at
        pass_over(take("I")[0])
        entries[key] = data[begin:at]
    for _ in range(tensor_count):
        name, (dimensions,) = word().decode(), take("I")
        shape, (kind, offset) = take(f"{dimensions}Q"), take("IQ")
        infos.append((name, shape, kind, offset))
    base = -(-at // ALIGNMENT) * ALIGNMENT
    places = {name: (shape, kind, base + offset, size_of(shape, kind)) for name, shape, kind, offset in infos}
    return Whole(
        entries, {name: (shape, kind, data[at : at + size]) for name, (shape, kind, at, size) in places.items()}
    )


def size_of(shape: tuple[int, ...], kind: int) -> int:
    values = 1
    for one in shape:
        values *= one
    each, size = BLOCKS[kind]
    return values // each * size


def changed(
    entries: Mapping[str, Any] | None = None,
    architecture: str | None = None,
    tensors: Mapping[str, tuple[tuple[int, ...], int, bytes] | None] | None = None,
    version: int = 3,
) -> bytes:
    """The starter model with other entries and tensors; None takes one away. A new architecture renames its keys."""
    whole = read_whole()
    kept: dict[str, Any] = dict(whole.entries)
    if architecture is not None:
        kept = {
            key.replace("llama.", f"{architecture}.", 1) if key.startswith("llama.") else key: one
            for key, one in kept.items()
        }
        kept["general.architecture"] = architecture
    kept |= entries or {}
    weights = {**whole.tensors, **(tensors or {})}
    return gguf(kept, {name: one for name, one in weights.items() if one is not None}, version)


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path

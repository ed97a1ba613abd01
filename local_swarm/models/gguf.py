"""A path in, what the file's header says out. Reads GGUF (versions 2 and 3) without trusting it; knows no engine.

Layout: github.com/ggml-org/ggml, docs/gguf.md. Every length is checked against the file before anything is read, so a
damaged or hostile header costs an error, never memory.
"""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from local_swarm.errors import BadModelFile
from local_swarm.models.memory_shape import MemoryShape, kv_values

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_ENTRIES = 1 << 16  # metadata keys or tensors: real files have some hundreds to some thousands
MAX_TEXT = 1 << 24  # bytes of one string: chat templates are the longest, some ten thousand
MAX_ITEMS = 1 << 24  # items of one array: vocabularies have up to some hundred thousand
MAX_TEXTS = 1 << 22  # texts in all arrays together: each takes time to pass over
MAX_DIMENSIONS = 4
MAX_LAYERS = 4096
MAX_PARTS = 256
MAX_NUMBER = 1 << 40  # no size, count or length that a header tells is larger
PART = re.compile(r"^(?P<stem>.+)-(?P<part>\d{5})-of-(?P<parts>\d{5})\.gguf$")  # llama.cpp's names of split files
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
STRING, ARRAY = 8, 9
LENGTH = struct.Struct("<Q")
BLOCK_BYTES = 1 << 20
# Tensor type -> (values a block, bytes a block), from ggml's table of types.
BLOCKS = {
    0: (1, 4),
    1: (1, 2),
    2: (32, 18),
    3: (32, 20),
    6: (32, 22),
    7: (32, 24),
    8: (32, 34),
    9: (32, 36),
    10: (256, 84),
    11: (256, 110),
    12: (256, 144),
    13: (256, 176),
    14: (256, 210),
    15: (256, 292),
    16: (256, 66),
    17: (256, 74),
    18: (256, 98),
    19: (256, 50),
    20: (32, 18),
    21: (256, 110),
    22: (256, 82),
    23: (256, 136),
    24: (1, 1),
    25: (1, 2),
    26: (1, 4),
    27: (1, 8),
    28: (1, 8),
    29: (256, 56),
    30: (1, 2),
    34: (256, 54),
    35: (256, 66),
    39: (32, 17),
}

EVERY_FOURTH = {
    "qwen3next",
    "qwen35",
    "qwen35moe",
}  # architectures whose layers have attention every fourth time unless told


@dataclass(frozen=True, slots=True)
class Header:
    """What a GGUF file says about itself. Arrays are kept as their length only, but for short ones of numbers."""

    path: Path
    file_bytes: int
    weights_bytes: int
    tensors: int
    metadata: Mapping[str, Any]

    @property
    def architecture(self) -> str:
        return str(self.metadata.get("general.architecture", "unknown"))

    @property
    def name(self) -> str:
        return str(self.metadata.get("general.name") or self.path.stem)

    def number(self, key: str) -> int | None:
        """An integer under the architecture's prefix, None for what cannot be one; of a per-layer array, the largest."""
        value = self.metadata.get(f"{self.architecture}.{key}")
        if isinstance(value, list) and value:
            value = max(value)
        return int(value) if isinstance(value, (int, float)) and 0 <= value <= MAX_NUMBER else None

    @property
    def file_type(self) -> int:
        """llama.cpp's number for how most of the weights are quantised, -1 where it is not told."""
        given = self.metadata.get("general.file_type", -1)
        return given if isinstance(given, int) else -1

    @property
    def context(self) -> int | None:
        return self.number("context_length")

    @property
    def layers(self) -> int | None:
        count = self.number("block_count")
        return count if count and count <= MAX_LAYERS else None

    @property
    def chat_template(self) -> str | None:
        template = self.metadata.get("tokenizer.chat_template")
        return template if isinstance(template, str) else None

    def per_layer(self, key: str, default: int = 0) -> list[int]:
        """A value for every layer: given one by one, or the same for all."""
        given = self.metadata.get(f"{self.architecture}.{key}", default)
        values = given if isinstance(given, list) else [given] * (self.layers or 0)
        sound = [int(one) if isinstance(one, (int, float)) and 0 <= one <= MAX_NUMBER else default for one in values]
        return (sound + [default] * (self.layers or 0))[: self.layers or 0]

    @property
    def kv_heads(self) -> list[int] | None:
        """Heads of keys and values by layer; 0 where a layer keeps a recurrent state or another layer's keys instead."""
        heads = self.number("attention.head_count")
        if not self.layers or not heads:
            return None
        interval = self.number("full_attention_interval") or (4 if self.architecture in EVERY_FOURTH else 1)
        own = self.layers - (self.number("attention.shared_kv_layers") or 0)
        return [
            count if (number + 1) % max(1, interval) == 0 and number < own else 0
            for number, count in enumerate(self.per_layer("attention.head_count_kv", heads))
        ]

    @property
    def windowed(self) -> list[bool]:
        """Which layers look back over a window only, whose heads may be of another size: told one by one, or every n-th not."""
        if not self.number("attention.sliding_window"):
            return [False] * (self.layers or 0)
        given = self.metadata.get(f"{self.architecture}.attention.sliding_window_pattern")
        if isinstance(given, list):
            return [bool(one) for one in self.per_layer("attention.sliding_window_pattern")]
        every = int(given) if isinstance(given, int) and given > 0 else 1
        return [(number + 1) % every != 0 for number in range(self.layers or 0)]

    @property
    def kv_values(self) -> int | None:
        """Keys and values of one position over all layers, None where the header does not tell."""
        width, heads, by_layer = self.number("embedding_length"), self.number("attention.head_count"), self.kv_heads
        if not width or not heads or by_layer is None:
            return None
        key = self.number("attention.key_length") or width // heads
        value = self.number("attention.value_length") or width // heads
        if self.number("attention.key_length_mla"):  # latent attention: the values are a part of the keys
            return sum(kv_values(1, count, key, 0) for count in by_layer)
        near = (
            self.number("attention.key_length_swa") or key,
            self.number("attention.value_length_swa") or value,
        )
        sizes = zip(by_layer, self.windowed, strict=True)
        return sum(kv_values(1, count, *(near if short else (key, value))) for count, short in sizes)

    def kv_bytes_per_token(self, bytes_per_value: float = 2.0) -> int | None:
        values = self.kv_values
        return None if values is None else int(values * bytes_per_value)

    @property
    def shape(self) -> MemoryShape:
        return MemoryShape(
            self.context, self.kv_values or 0, self.state_bytes, self.number("attention.head_count") or 0
        )

    @property
    def state_bytes(self) -> int:
        """Bytes of recurrent state of one sequence, which do not grow with its length: convolution and state, in single
        precision, of every layer without attention (llama.cpp, `llama_hparams::n_embd_r` and `n_embd_s`)."""
        recurrent = sum(count == 0 for count in self.kv_heads or ()) or (0 if self.kv_heads else self.layers or 0)
        short, width = self.number("shortconv.l_cache"), self.number("embedding_length") or 0
        if short:
            return recurrent * width * (short - 1) * 4
        inner, size = self.number("ssm.inner_size") or 0, self.number("ssm.state_size") or 0
        convolution = (self.number("ssm.conv_kernel") or 1) - 1
        channels = inner + 2 * (self.number("ssm.group_count") or 0) * size
        return recurrent * (convolution * channels + inner * size) * 4


class Reader:
    """Reads little-endian values and never past the end of the file."""

    def __init__(self, file: BinaryIO, size: int, path: Path) -> None:
        self.file, self.size, self.path = file, size, path
        self.texts_left = MAX_TEXTS

    def take(self, count: int) -> bytes:
        if count > self.size - self.file.tell():
            raise BadModelFile(
                f"{self.path} is cut off or damaged: its header points beyond its end. Download it again."
            )
        return self.file.read(count)

    def scalar(self, code: str) -> Any:
        return struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]

    def count(self, limit: int, what: str) -> int:
        value = int(self.scalar("Q"))
        if value > limit:
            raise BadModelFile(f"{self.path} is damaged: it claims {value} {what}. Download it again.")
        return value

    def text(self) -> str:
        return self.take(self.count(MAX_TEXT, "bytes in one text")).decode("utf-8", "replace")

    def pass_over(self, texts: int) -> None:
        """Go on behind so many texts, by blocks: vocabularies have some hundred thousand."""
        while texts:
            block = self.file.read(BLOCK_BYTES)
            at, end = 0, len(block)
            while texts and at + LENGTH.size <= end:
                following = at + LENGTH.size + LENGTH.unpack_from(block, at)[0]
                if following > end:
                    break
                at, texts = following, texts - 1
            self.file.seek(at - end, os.SEEK_CUR)
            if at == 0 and texts:  # one text longer than a block, or the end of the file
                self.take(self.count(MAX_TEXT, "bytes in one text"))
                texts -= 1

    def value(self, kind: int) -> Any:
        if kind == STRING:
            return self.text()
        if kind == ARRAY:
            return self.array()
        if kind not in SCALARS:
            raise BadModelFile(f"{self.path} is damaged: metadata of unknown type {kind}. Download it again.")
        return self.scalar(SCALARS[kind])

    def array(self) -> Any:
        kind, count = int(self.scalar("I")), self.count(MAX_ITEMS, "items in one list")
        if kind == STRING:
            self.texts_left -= count
            if self.texts_left < 0:
                raise BadModelFile(f"{self.path} is damaged: it claims over {MAX_TEXTS} texts. Download it again.")
            self.pass_over(count)
            return count
        if kind not in SCALARS:
            raise BadModelFile(f"{self.path} is damaged: a list of unknown type {kind}. Download it again.")
        data = self.take(count * struct.calcsize("<" + SCALARS[kind]))
        return list(struct.unpack(f"<{count}{SCALARS[kind]}", data)) if count <= MAX_LAYERS else count


def read_header(path: Path) -> Header:
    """The header of a GGUF file; of one that is split, of its first part, with the sizes of all.

    Raises BadModelFile when it is missing, not GGUF, damaged, or shorter than its tensors, or when a part is."""
    first, *others = [read_part(part) for part in parts_of(path)]
    for other in others:
        first = replace(
            first,
            file_bytes=first.file_bytes + other.file_bytes,
            weights_bytes=first.weights_bytes + other.weights_bytes,
            tensors=first.tensors + other.tensors,
        )
    return first


def parts_of(path: Path) -> list[Path]:
    """The files that a model is split into, by the name of any of them; itself alone where it is not split."""
    found = PART.match(path.name)
    if not found or not 1 <= int(found["parts"]) <= MAX_PARTS:
        return [path]
    count = int(found["parts"])
    return [path.with_name(f"{found['stem']}-{part:05}-of-{count:05}.gguf") for part in range(1, count + 1)]


def read_part(path: Path) -> Header:
    """The header of one file. Raises BadModelFile."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            return _read(Reader(file, size, path), size, path)
    except OSError as problem:
        raise BadModelFile(f"The model file {path} cannot be read: {problem.strerror or problem}.") from problem


def _read(reader: Reader, size: int, path: Path) -> Header:
    if size < 24 or reader.take(4) != MAGIC:
        raise BadModelFile(f"{path} is not a GGUF model file. Give a file ending in .gguf, or a model's name.")
    version = reader.scalar("I")
    if version not in VERSIONS:
        raise BadModelFile(
            f"{path} has GGUF version {version}; versions 2 and 3 can be read. Download a newer file of this model."
        )
    tensors, entries = reader.count(MAX_ENTRIES, "tensors"), reader.count(MAX_ENTRIES, "metadata entries")
    metadata = {}
    for _ in range(entries):
        key = reader.text()
        metadata[key] = reader.value(int(reader.scalar("I")))
    end = 0
    weights = 0
    for _ in range(tensors):
        start, length = _tensor(reader)
        weights += length
        end = max(end, start + length)
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 1 <= alignment <= 1 << 20:
        raise BadModelFile(f"{path} is damaged: an alignment of {alignment}. Download it again.")
    data_begins = -(-reader.file.tell() // alignment) * alignment
    if data_begins + end > size:
        raise BadModelFile(f"{path} is cut off: {size} bytes of at least {data_begins + end}. Download it again.")
    return Header(path, size, weights, tensors, metadata)


def _tensor(reader: Reader) -> tuple[int, int]:
    """(offset, length) in bytes of one tensor; the length is 0 for a type this table does not know."""
    reader.text()
    dimensions = int(reader.scalar("I"))
    if dimensions > MAX_DIMENSIONS:
        raise BadModelFile(f"{reader.path} is damaged: a tensor of {dimensions} dimensions. Download it again.")
    values = 1
    for _ in range(dimensions):
        values *= int(reader.scalar("Q"))
    kind, offset = int(reader.scalar("I")), int(reader.scalar("Q"))
    per_block, block_bytes = BLOCKS.get(kind, (1, 0))
    return offset, values // per_block * block_bytes

"""A path in, what the file's header says out. Reads GGUF (versions 2 and 3) without trusting it; knows no engine.

Layout: github.com/ggml-org/ggml, docs/gguf.md. Every length is checked against the file before anything is read, so a
damaged or hostile header costs an error, never memory.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from local_swarm.errors import BadModelFile
from local_swarm.models.file_on_disk import beginning, download_hint, not_gguf, require_file, unreadable
from local_swarm.models.gguf_values import MAX_LAYERS, GgufReader
from local_swarm.models.memory_shape import MemoryShape, kv_values

MAGIC = b"GGUF"
VERSIONS = (2, 3)
MAX_ENTRIES = 1 << 16  # metadata keys or tensors: real files have some hundreds to some thousands
MAX_DIMENSIONS = 4
MAX_PARTS = 256
MAX_NUMBER = 1 << 40  # no size, count or length that a header tells is larger
PART = re.compile(r"^(?P<stem>.+)-(?P<part>\d{5})-of-(?P<parts>\d{5})\.gguf$")  # llama.cpp's names of split files
EMPTY_END = 1 << 20  # bytes at the end of the weights that are not all zeros in any model of size
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
    40: (64, 36),
    41: (128, 18),
    42: (64, 18),
}

# Architectures whose layers have attention every fourth time unless told.
EVERY_FOURTH = {"qwen3next", "qwen35", "qwen35moe"}


@dataclass(frozen=True, slots=True)
class Header:
    """What a GGUF file says about itself. Arrays are kept as their length only, but for short ones of numbers. `names`: of its
    tensors. `unknown_types`: numbers of tensor types that are not in `BLOCKS`. `chatml`: whether its vocabulary has the marks of
    ChatML."""

    path: Path
    file_bytes: int
    weights_bytes: int
    tensors: int
    metadata: Mapping[str, Any]
    names: frozenset[str] = frozenset()
    unknown_types: frozenset[int] = frozenset()
    chatml: bool = False

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
        return template if isinstance(template, str) and template.strip() else None

    def text(self, key: str) -> str:
        """A text of the metadata, empty where there is none."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else ""

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


def read_header(path: Path) -> Header:
    """The header of a GGUF file; of one that is split, of its first part, with the sizes of all.

    Raises BadModelFile when it is missing, not GGUF, damaged, or shorter than its tensors, or when a part is."""
    paths = parts_of(path)
    missing = [part for part in paths if len(paths) > 1 and not part.exists()]
    if missing:
        places = ", ".join(part.name for part in missing[:3])
        raise BadModelFile(
            f"{path} is part of a model in {len(paths)} files. Missing beside it: {places}. "
            "Download all of them into one folder."
        )
    first, *others = headers = [read_part(part) for part in paths]
    for place, header in enumerate(headers):
        require_place(header, place, len(paths))
    return replace(
        first,
        file_bytes=sum(one.file_bytes for one in headers),
        weights_bytes=sum(one.weights_bytes for one in headers),
        tensors=sum(one.tensors for one in headers),
        names=first.names.union(*(one.names for one in others)),
        unknown_types=first.unknown_types.union(*(one.unknown_types for one in others)),
    )


def require_place(header: Header, place: int, parts: int) -> None:
    """Raises BadModelFile for a part of a split model that does not bear the name it must have."""
    number, count = header.metadata.get("split.no", place), header.metadata.get("split.count", parts)
    if not (isinstance(number, int) and isinstance(count, int)) or (number, max(1, count)) == (place, parts):
        return
    raise BadModelFile(
        f"{header.path} is part {number + 1} of {count} of a split model, under another name. llama.cpp finds the parts by "
        f"their names, NAME-00001-of-{count:05}.gguf and so on. Name them so, and give the first."
    )


def parts_of(path: Path) -> list[Path]:
    """The files that a model is split into, by the name of any of them; itself alone where it is not split."""
    found = PART.match(path.name)
    if not found or not 1 <= int(found["parts"]) <= MAX_PARTS:
        return [path]
    count = int(found["parts"])
    return [path.with_name(f"{found['stem']}-{part:05}-of-{count:05}.gguf") for part in range(1, count + 1)]


def read_part(path: Path) -> Header:
    """The header of one file. Raises BadModelFile."""
    size = require_file(path)
    try:
        head = beginning(path)
        if not head.startswith(MAGIC):
            raise not_gguf(path, head, size)
        with path.open("rb") as file:
            return _read(GgufReader(file, size, path), size, path)
    except OSError as problem:
        raise BadModelFile(unreadable(path, problem)) from problem


def _read(reader: GgufReader, size: int, path: Path) -> Header:
    reader.take(4)
    require_version(reader.scalar("I"), path)
    tensors, entries = reader.count(MAX_ENTRIES, "tensors"), reader.count(MAX_ENTRIES, "metadata entries")
    metadata = {}
    for _ in range(entries):
        key = reader.text()
        metadata[key] = reader.value(int(reader.scalar("I")))
    listed = [_tensor(reader) for _ in range(tensors)]
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 1 <= alignment <= 1 << 20:
        raise BadModelFile(f"{path} is damaged: an alignment of {alignment}. Download it again.")
    begin = -(-reader.file.tell() // alignment) * alignment
    lengths = lengths_of(listed, size - begin)
    end = begin + max((one.offset + length for one, length in zip(listed, lengths, strict=True)), default=0)
    if listed and end > size:
        raise BadModelFile(
            f"{path} is cut off: {size} bytes of at least {end}. Download it again.{download_hint(path)}"
        )
    if end - begin > EMPTY_END * 16 and is_empty(reader.file, end - EMPTY_END):
        raise BadModelFile(
            f"{path} has its full length, but its end is empty: its download is not finished. "
            f"Download it again.{download_hint(path)}"
        )
    unknown = frozenset(one.kind for one in listed if one.kind not in BLOCKS)
    names = frozenset(one.name for one in listed)
    return Header(path, size, sum(lengths), tensors, metadata, names, unknown, reader.chatml)


def require_version(version: int, path: Path) -> None:
    """Raises BadModelFile."""
    if version in VERSIONS:
        return
    if version & 0xFFFF == 0 and version:
        raise BadModelFile(
            f"{path} is big-endian: it was made for processors such as IBM's s390x. Download the usual file of this model."
        )
    newer = "It needs a newer llama.cpp: update this program, or download" if version > VERSIONS[-1] else "Download"
    raise BadModelFile(
        f"{path} has GGUF version {version}; versions 2 and 3 can be read. {newer} another file of this model."
    )


@dataclass(frozen=True, slots=True)
class Tensor:
    """`offset`: bytes from where the data begin. `values`: how many it has. `kind`: ggml's number of its type."""

    name: str
    offset: int
    values: int
    kind: int


def _tensor(reader: GgufReader) -> Tensor:
    name = reader.text()
    dimensions = int(reader.scalar("I"))
    if dimensions > MAX_DIMENSIONS:
        raise BadModelFile(f"{reader.path} is damaged: a tensor of {dimensions} dimensions. Download it again.")
    values = 1
    for _ in range(dimensions):
        values *= int(reader.scalar("Q"))
    kind, offset = int(reader.scalar("I")), int(reader.scalar("Q"))
    return Tensor(name, offset, values, kind)


def lengths_of(tensors: Sequence[Tensor], room: int) -> list[int]:
    """Bytes of each tensor. One of a type that is not in `BLOCKS` reaches to where the next begins, and at least one byte far:
    it is never priced as nothing. `room`: bytes from where the data begin to the end of the file."""
    places = sorted({one.offset for one in tensors})

    def length(one: Tensor) -> int:
        if one.kind in BLOCKS:
            per_block, block_bytes = BLOCKS[one.kind]
            return one.values // per_block * block_bytes
        following = bisect_right(places, one.offset)
        return max(1, (places[following] if following < len(places) else room) - one.offset)

    return [length(one) for one in tensors]


def is_empty(file: BinaryIO, at: int) -> bool:
    """Whether nothing but zeros stands in a file from there on, as far as it is looked at."""
    file.seek(at)
    return not file.read(EMPTY_END).strip(b"\0")

from __future__ import annotations

import io
import struct
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local_swarm.errors import BadModelFile
from local_swarm.models import starter
from local_swarm.models.gguf import read_header
from local_swarm.models.gguf_values import GgufReader


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def gguf(entries: list[bytes], tensors: list[bytes] = [], version: int = 3, data: bytes = b"") -> bytes:  # noqa: B006
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(entries)) + b"".join(entries) + b"".join(tensors)
    return head + b"\0" * (-len(head) % 32) + data


def string(key: str, value: str) -> bytes:
    return text(key) + struct.pack("<I", 8) + text(value)


def number(key: str, value: int) -> bytes:
    return text(key) + struct.pack("<II", 4, value)


def tensor(name: str, shape: tuple[int, ...], kind: int, offset: int) -> bytes:
    return text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def written(folder: Path, data: bytes) -> Path:
    path = folder / "model.gguf"
    path.write_bytes(data)
    return path


def test_reads_the_starter_model() -> None:
    header = read_header(starter.PATH)
    assert (header.architecture, header.name, header.context) == ("llama", "Local Swarm Starter", 32_768)
    assert header.chat_template and "im_start" in header.chat_template
    assert 0 < header.weights_bytes < header.file_bytes <= 12 << 20
    assert header.kv_bytes_per_token() == 4 * 2 * (32 + 32) * 2


def test_reads_numbers_texts_and_the_sizes_of_tensors(tmp_path: Path) -> None:
    entries = [string("general.architecture", "x"), number("x.context_length", 77), number("x.block_count", 2)]
    header = read_header(
        written(tmp_path, gguf(entries, [tensor("a", (32, 2), 8, 0), tensor("b", (4,), 0, 96)], data=bytes(112)))
    )
    assert (header.context, header.layers, header.weights_bytes, header.tensors) == (77, 2, 68 + 16, 2)


def test_a_value_per_layer_counts_as_its_largest(tmp_path: Path) -> None:
    layers = text("x.attention.head_count_kv") + struct.pack("<IIQ3I", 9, 4, 3, 0, 8, 2)
    entries = [string("general.architecture", "x"), layers]
    assert read_header(written(tmp_path, gguf(entries))).number("attention.head_count_kv") == 8


def test_long_lists_are_passed_over(tmp_path: Path) -> None:
    words = text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 3) + text("a") + text("b") + text("c")
    assert read_header(written(tmp_path, gguf([words]))).metadata["tokenizer.ggml.tokens"] == 3


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a GGUF"),
        (b"PK\x03\x04 something else, long enough", "not a GGUF"),
        (gguf([], version=1), "version 1"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 60, 0), "tensors"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 60), "metadata entries"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1 << 50), "bytes in one text"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1 << 20), "cut off"),
        (gguf([text("k") + struct.pack("<I", 99)]), "unknown type 99"),
        (gguf([text("k") + struct.pack("<IIQ", 9, 4, 1 << 40)]), "items in one list"),
        (gguf([text("k") + struct.pack("<IIQ", 9, 9, 1)]), "list of lists"),
        (gguf([], [tensor("t", (1, 1, 1, 1, 1), 0, 0)]), "5 dimensions"),
        (gguf([], [tensor("t", (1 << 40, 1 << 20), 0, 0)]), "cut off"),
        (gguf([], [tensor("t", (32,), 0, 1 << 62)]), "cut off"),
        (gguf([number("general.alignment", 0)]), "alignment"),
    ],
)
def test_a_damaged_or_hostile_header_is_a_sentence(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(BadModelFile, match=words):
        read_header(written(tmp_path, data))


def test_a_missing_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadModelFile, match="cannot be read"):
        read_header(tmp_path / "none.gguf")
    with pytest.raises(BadModelFile):
        read_header(tmp_path)


@given(st.data())
def test_no_change_of_bytes_brings_anything_but_a_header_or_that_error(data: st.DataObject) -> None:
    whole = gguf(
        [string("general.architecture", "x"), number("x.context_length", 77)],
        [tensor("a", (32,), 8, 0)],
        data=bytes(34),
    )
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = whole[:at] + data.draw(st.binary(min_size=1, max_size=8)) + whole[at + data.draw(st.integers(0, 8)) :]
    path = Path(tempfile.gettempdir()) / f"changed-{id(data)}.gguf"
    try:
        path.write_bytes(changed)
        header = read_header(path)
        assert header.file_bytes == len(changed) and header.shape.kv_values >= 0 and header.name
    except BadModelFile:
        pass
    finally:
        path.unlink(missing_ok=True)


SCALAR = st.one_of(
    st.tuples(st.just(4), st.integers(0, 2**32 - 1).map(lambda one: struct.pack("<I", one))),
    st.tuples(st.just(5), st.integers(-(2**31), 2**31 - 1).map(lambda one: struct.pack("<i", one))),
    st.tuples(st.just(6), st.floats(width=32).map(lambda one: struct.pack("<f", one))),
    st.tuples(st.just(7), st.booleans().map(lambda one: struct.pack("<?", one))),
    st.tuples(st.just(8), st.text(max_size=20).map(text)),
    st.tuples(st.just(10), st.integers(0, 2**64 - 1).map(lambda one: struct.pack("<Q", one))),
    st.tuples(
        st.just(9),
        st.lists(st.integers(0, 2**32 - 1), max_size=40).map(
            lambda items: struct.pack(f"<IQ{len(items)}I", 4, len(items), *items)
        ),
    ),
)
KEYS = st.sampled_from(
    [
        "x.block_count",
        "x.embedding_length",
        "x.context_length",
        "x.attention.head_count",
        "x.attention.head_count_kv",
        "x.attention.key_length",
        "x.attention.value_length",
        "x.attention.key_length_mla",
        "x.attention.key_length_swa",
        "x.attention.sliding_window",
        "x.attention.sliding_window_pattern",
        "x.attention.shared_kv_layers",
        "x.full_attention_interval",
        "x.ssm.inner_size",
        "x.ssm.state_size",
        "x.ssm.conv_kernel",
        "x.ssm.group_count",
        "x.shortconv.l_cache",
        "general.file_type",
        "general.name",
        "tokenizer.chat_template",
        "general.alignment",
    ]
)


@given(st.dictionaries(KEYS, SCALAR))
def test_no_values_of_any_kind_make_a_shape_that_cannot_be(values: dict[str, tuple[int, bytes]]) -> None:
    """A header that lies may get a wrong plan, but never a crash, a negative size or gigabytes of our memory."""
    entries = [string("general.architecture", "x")]
    entries += [text(key) + struct.pack("<I", kind) + data for key, (kind, data) in values.items()]
    path = Path(tempfile.gettempdir()) / f"shaped-{id(values)}.gguf"
    try:
        path.write_bytes(gguf(entries))
        header = read_header(path)
        assert header.shape.kv_values >= 0 and header.shape.state_bytes >= 0 and isinstance(header.file_type, int)
        assert header.chat_template is None or isinstance(header.chat_template, str)
        assert header.name and header.kv_bytes_per_token() != -1
    except BadModelFile:
        pass
    finally:
        path.unlink(missing_ok=True)


def test_of_a_split_file_all_parts_count_and_none_may_be_missing(tmp_path: Path) -> None:
    entries = [string("general.architecture", "x"), number("x.context_length", 77)]
    first, second = tmp_path / "big-00001-of-00002.gguf", tmp_path / "big-00002-of-00002.gguf"
    first.write_bytes(gguf(entries, [tensor("a", (32,), 8, 0)], data=bytes(34)))
    with pytest.raises(BadModelFile, match="00002"):
        read_header(first)
    second.write_bytes(gguf([], [tensor("b", (64,), 8, 0)], data=bytes(68)))
    for path in (first, second):
        header = read_header(path)
        assert (header.path, header.weights_bytes, header.tensors, header.context) == (first, 34 + 68, 2, 77)
        assert header.file_bytes == first.stat().st_size + second.stat().st_size


def test_endless_lists_of_texts_are_refused_and_not_walked_through(tmp_path: Path) -> None:
    words = text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, 1 << 23)
    with pytest.raises(BadModelFile, match="texts"):
        read_header(written(tmp_path, gguf([words])))


@given(st.lists(st.binary(max_size=30), max_size=30), st.integers(0, 3))
def test_what_follows_a_list_of_texts_is_found_whatever_its_texts_are(items: list[bytes], kind: int) -> None:
    long = [b"x" * (3 << 20)] * (kind == 3)  # longer than what is read at once
    listed = b"".join(struct.pack("<Q", len(one)) + one for one in (*items, *long, *items))
    count = 2 * len(items) + len(long)
    words = text("tokenizer.ggml.tokens") + struct.pack("<IIQ", 9, 8, count) + listed
    path = Path(tempfile.gettempdir()) / f"texts-{id(items)}.gguf"
    try:
        path.write_bytes(gguf([words, number("x.context_length", 77), string("general.architecture", "x")]))
        header = read_header(path)
        assert (header.metadata["tokenizer.ggml.tokens"], header.context) == (count, 77)
    finally:
        path.unlink(missing_ok=True)


def test_lists_of_one_text_each_are_not_read_by_whole_blocks() -> None:
    class Counted(io.BytesIO):
        taken = 0

        def read(self, size: int | None = -1) -> bytes:
            found = super().read(size)
            self.taken += len(found)
            return found

    one = struct.pack("<IQQ", 8, 1, 1) + b"x"
    file = Counted(one * 1000 + bytes(2 << 20))
    reader = GgufReader(file, len(file.getvalue()), Path("x.gguf"))
    assert [reader.array() for _ in range(1000)] == [1] * 1000
    assert file.taken < 100 * 1000

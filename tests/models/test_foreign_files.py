"""What is no model file is told for what it is: by its content, its name, its neighbours, and its kind on the disk."""

from __future__ import annotations

import gzip
import io
import os
import socket
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest

from local_swarm.errors import BadModelFile
from local_swarm.models.file_content import recognize
from local_swarm.models.gguf import read_header
from tests.models.made_files import changed, gguf, read_whole, written

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 4920739232\n"


def zipped(name: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(name, b"x" * 40)
    return made.getvalue()


def tarred() -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model.gguf"))
    return made.getvalue()


def refused(path: Path) -> str:
    with pytest.raises(BadModelFile) as problem:
        read_header(path)
    return problem.value.message


@pytest.mark.parametrize(
    ("data", "words", "cure"),
    [
        (LFS, "Git LFS pointer", "git lfs pull"),
        (b"\xef\xbb\xbf" + LFS, "Git LFS pointer", "git lfs pull"),
        (b"<!DOCTYPE html><html><head><title>Sign in</title>", "a web page that says 'Sign in'", "Download"),
        (b"\xef\xbb\xbf\n\n <!-- a --><HTML lang='en'><body>hello</body>", "a web page", "Download"),
        ("\ufeff<html><title>Anmelden für Gäste</title>".encode("utf-16-le"), "Anmelden für Gäste", "Download"),
        (b"<?xml version='1.0'?><!DOCTYPE html PUBLIC 'x'><html></html>", "a web page", "Download"),
        (b"<?xml version='1.0'?><Error><Message>Access Denied</Message></Error>", "'Access Denied'", "Download"),
        (b'{"error":"Repository not found","code":404}', "'Repository not found'", "Download"),
        (b'\n {"error": {"message": "Invalid username or password."}}', "'Invalid username", "Download"),
        (b"Access to model x is restricted.\nAsk for it.", "'Access to model x is restricted.'", "Download"),
        (gzip.compress(b"GGUF" * 99), "gzip archive", "Unpack"),
        (zipped("model.gguf"), "zip archive", "Unpack"),
        (zipped("archive/data.pkl"), "pickle", "GGUF|.gguf"),
        (tarred(), "tar archive", "Unpack"),
        (b"7z\xbc\xaf'\x1c" + bytes(90), "7z archive", "Unpack"),
        (b"\xfd7zXZ\0" + bytes(90), "xz archive", "Unpack"),
        (b"(\xb5/\xfd" + bytes(90), "Zstandard", "Unpack"),
        (b"lmgg" + bytes(90), "GGML file of before August 2023", "GGUF file"),
        (b"tjgg\3\0\0\0" + bytes(90), "GGML file", "GGUF file"),
        (b"algg\1\0\0\0" + bytes(90), "LoRA adapter in the GGLA", "GGUF file"),
        (struct.pack("<Q", 60) + b'{"a":{"dtype":"F32"}}'.ljust(60) + bytes(90), "safetensors", "config.json"),
        (b"\x80\x02}q\0(X\1\0\0\0aq\1K\1u." + bytes(40), "pickle", ".gguf"),
        (b"\x08\x07\x12\x07pytorch\x1a\x052.0.0" + bytes(90), "ONNX", ".gguf"),
        (b"%PDF-1.7\n" + bytes(90), "PDF", "Download"),
        (bytes(5000), "begins with zeros", "Download"),
        (b"", "is empty", "Download"),
        (bytes(range(128, 250)) * 9, "no format that is known here", "Give a .gguf file"),
    ],
)
def test_content_is_told_for_what_it_is_and_with_what_to_do(tmp_path: Path, data: bytes, words: str, cure: str) -> None:
    said = refused(written(tmp_path / "model.gguf", data))
    assert "is not a GGUF model file" in said and words in said
    assert any(one in said for one in cure.split("|"))


def test_what_a_page_says_reaches_the_terminal_without_its_control_characters() -> None:
    found = recognize(b"<html><title>Hi \x1b[2J there</title>")
    assert found is None or "\x1b" not in found.what


@pytest.mark.parametrize(
    "beside", ["model.gguf.part", "model.gguf.aria2", "model.Xy3a.gguf.part", "model.gguf.crdownload"]
)
def test_a_download_that_is_not_finished_is_told_by_what_lies_beside_it(tmp_path: Path, beside: str) -> None:
    written(tmp_path / beside, b"x")
    for data in (b"", bytes(4096), changed()[:3000], changed()[:-5000]):
        assert f"not finished: {beside}" in refused(written(tmp_path / "model.gguf", data))
    (tmp_path / "model.gguf").unlink()
    assert f"not finished: {beside}" in refused(tmp_path / "model.gguf")


def test_a_download_or_a_piece_that_is_given_itself_is_told_by_its_name(tmp_path: Path) -> None:
    assert "its download is not finished" in refused(written(tmp_path / "m.gguf.crdownload", changed()[:9000]))
    for name in ("m.gguf-split-a", "m.gguf.part1of2"):
        assert "Join the pieces" in refused(written(tmp_path / name, changed()[:300_000]))


def test_room_that_was_reserved_and_not_filled_is_no_model(tmp_path: Path) -> None:
    path = written(tmp_path / "m.gguf", gguf({"general.architecture": "x"}, {"a": ((1 << 23,), 0, b"\1" * 64)}))
    with path.open("r+b") as file:
        file.truncate((1 << 25) + 4096)
    assert "its end is empty" in refused(path)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (Path.mkdir, "is a folder"),
        (os.mkfifo, "a named pipe"),
        (lambda path: path.symlink_to("/dev/zero"), "a device"),
        (lambda path: path.symlink_to("/nowhere/x"), "a link to /nowhere/x"),
        (lambda path: path.symlink_to(path), "cannot be read"),
        (lambda path: socket.socket(socket.AF_UNIX).bind(os.fspath(path)), "a socket"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_what_is_no_ordinary_file_is_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: object, words: str
) -> None:
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    assert callable(make)
    make(Path("m.gguf"))
    assert words in refused(Path("m.gguf"))


def test_a_name_that_is_nearly_right_is_put_right(tmp_path: Path) -> None:
    written(tmp_path / "qwen-q4_k_m.gguf", changed())
    assert f"Did you mean {tmp_path / 'qwen-q4_k_m.gguf'}?" in refused(tmp_path / "qwen-q4_km.gguf")


def test_old_new_and_foreign_versions_say_what_to_do(tmp_path: Path) -> None:
    assert "version 1" in refused(written(tmp_path / "m.gguf", changed(version=1)))
    assert "newer llama.cpp" in refused(written(tmp_path / "m.gguf", changed(version=4)))
    assert "big-endian" in refused(written(tmp_path / "m.gguf", gguf({}, order=">")))
    assert "cut off" in refused(written(tmp_path / "m.gguf", b"GGUF\3\0"))


def split(folder: Path) -> tuple[Path, Path]:
    whole, names = read_whole(), list(read_whole().tensors)
    halves = (names[:20], names[20:])
    paths = folder / "m-00001-of-00002.gguf", folder / "m-00002-of-00002.gguf"
    for number, (path, half) in enumerate(zip(paths, halves, strict=True)):
        told = {"split.no": struct.pack("<IH", 2, number), "split.count": struct.pack("<IH", 2, 2)}
        entries = {**(whole.entries if number == 0 else {}), **told}
        written(path, gguf(entries, {name: whole.tensors[name] for name in half}))
    return paths


def test_any_part_of_a_split_model_stands_for_the_whole(tmp_path: Path) -> None:
    first, second = split(tmp_path)
    assert read_header(second).path == first and read_header(second).tensors == len(read_whole().tensors)


def test_parts_that_are_missing_renamed_or_swapped_are_told(tmp_path: Path) -> None:
    first, second = split(tmp_path)
    alone = second.rename(tmp_path / "second.gguf")
    assert "Missing beside it: m-00002-of-00002.gguf" in refused(first)
    assert "part 2 of 2" in refused(alone) and "NAME-00001-of-00002.gguf" in refused(alone)
    alone.rename(second)
    first.rename(tmp_path / "x.gguf")
    second.rename(first)
    (tmp_path / "x.gguf").rename(second)
    assert "under another name" in refused(first)

"""The beginning of a file in, what it holds in place of a model out: a pointer, a web page, an archive, another format. Pure.

Magic numbers: en.wikipedia.org/wiki/List_of_file_signatures; git-lfs.com (pointers); ggml's old formats (llama.cpp, 2023).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LOOKED_AT = 4096  # bytes of a file's beginning that tell what it is
QUOTED = 80  # characters of a text that are shown
AGAIN = "Download the file again."
UNPACK = "Unpack it and give the .gguf file that is in it."
OLD = "llama.cpp no longer reads this format. Download a GGUF file of this model."
CONVERT = "llama.cpp runs .gguf files: download one of this model."
PICKLE = "weights as Python's pickle has them, which may run any code"
LFS = "Run `git lfs pull` in its folder, or download the file itself."

POINTER = b"version https://git-lfs"
PACKED = b"\x1f\x8b"  # gzip

MAGICS: tuple[tuple[bytes, str, str], ...] = (
    (PACKED, "a gzip archive", UNPACK),
    (b"PK\x05\x06", "an empty zip archive", AGAIN),
    (b"PK", "a zip archive", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", UNPACK),
    (b"\xfd7zXZ\0", "an xz archive", UNPACK),
    (b"(\xb5/\xfd", "a Zstandard archive", UNPACK),
    (b"\x04\x22\x4d\x18", "an LZ4 archive", UNPACK),
    (b"BZh", "a bzip2 archive", UNPACK),
    (b"Rar!", "a RAR archive", UNPACK),
    (b"MZqFpD", "a llamafile, a program with a model in it", UNPACK),
    (b"jartsr", "a llamafile, a program with a model in it", UNPACK),
    *((magic, "a GGML file of before August 2023", OLD) for magic in (b"lmgg", b"fmgg", b"tjgg", b"ggml", b"ggjt")),
    *((magic, "a LoRA adapter in the GGLA format of 2023", OLD) for magic in (b"algg", b"ggla")),
    *((b"\x80" + version, PICKLE, CONVERT) for version in (b"\2", b"\3", b"\4", b"\5")),
    (b"\x89HDF", "an HDF5 file, as Keras writes them", CONVERT),
    (b"\x93NUMPY", "a NumPy array", CONVERT),
    (b"%PDF", "a PDF document", AGAIN),
    (b"\x89PNG", "a picture", AGAIN),
    (b"\xff\xd8\xff", "a picture", AGAIN),
    (b"\x7fELF", "a program", AGAIN),
    (b"MZ", "a program", AGAIN),
)
ONNX = re.compile(rb"^\x08[\x01-\x20]\x12.{0,40}?(?:pytorch|onnx|tf2|keras|optimum)", re.DOTALL)
PAGE = re.compile(r"<(?:!doctype\s+html|html|head|body|script|title)\b", re.IGNORECASE)
TITLE = re.compile(r"<(?:title|Message)\b[^>]{0,80}>([^<]{1,200})", re.IGNORECASE)
ERROR = re.compile(r'"(?:error|message|detail|error_description)"\s{0,20}:\s{0,20}"([^"]{1,200})"')
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\ufffd]")


@dataclass(frozen=True, slots=True)
class FileContent:
    """`what`: a noun, such as "a web page". `cure`: a sentence that says what to do."""

    what: str
    cure: str


def recognize(head: bytes) -> FileContent | None:
    """What a file that begins like this holds; None for what nobody knows, and for GGUF."""
    for magic, what, cure in MAGICS:
        if head.startswith(magic):
            torch = magic == b"PK" and b"data.pkl" in head
            return FileContent(PICKLE, CONVERT) if torch else FileContent(what, cure)
    if head[257:262] == b"ustar":
        return FileContent("a tar archive", UNPACK)
    if is_safetensors(head):
        return FileContent(
            "a safetensors file", "Give the folder that holds it and config.json, or a .gguf file of this model."
        )
    if ONNX.match(head[:128]):
        return FileContent("an ONNX model", CONVERT)
    return recognize_text(decode_text(head))


def is_safetensors(head: bytes) -> bool:
    """Whether a file begins with a length and a JSON object, which nothing else does."""
    return head[8:9] == b"{" and head[9:10] in (b'"', b"}", b" ") and 0 < int.from_bytes(head[:8], "little") < 1 << 32


def decode_text(head: bytes) -> str | None:
    """The text that a file begins with, None where it is none. The end may have cut a character."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = head[: len(head) & ~1].decode("utf-16", "replace")
    else:
        text = head.decode("utf-8-sig", "replace").rstrip("\ufffd")
    return None if CONTROL.search(text) else text.strip("\ufeff \t\r\n")


def recognize_text(text: str | None) -> FileContent | None:
    if not text:
        return None
    if text.startswith(POINTER.decode()):
        return FileContent("a Git LFS pointer, which stands for the real file", LFS)
    if text.startswith("<"):
        page = PAGE.search(text)
        return FileContent(with_quotation("a web page" if page else "an XML text", TITLE.search(text)), AGAIN)
    if text.startswith(("{", "[")):
        return FileContent(with_quotation("a JSON text", ERROR.search(text)), AGAIN)
    first = " ".join(text.splitlines()[0].split())[:QUOTED]
    return FileContent(f"a text that begins with '{first}'", AGAIN)


def with_quotation(what: str, found: re.Match[str] | None) -> str:
    said = " ".join(found[1].split())[:QUOTED] if found else ""
    return f"{what} that says '{said}'" if said else what

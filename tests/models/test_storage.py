"""Files that are here already, in our folder or in the caches of other programs, are found and used where they lie."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local_swarm.models import starter
from local_swarm.models.gguf import read_header
from local_swarm.models.registry import Entry, Variant
from local_swarm.models.storage import Storage, storage

DATA = starter.PATH.read_bytes()
SHA = "5" * 64


def variant(
    status: str = "exact", size: int = len(DATA), quantization: str = "q8_0", sha: str | None = None
) -> Variant:
    return Variant(quantization, "maker/tiny-GGUF", "sub/tiny-q8_0.gguf", size, status, sha)


ENTRY = Entry("tiny-1m", "tiny", "1m", "Tiny", "mit", "llama", 0.001, 0.001, None, "unknown", (variant(),), {})


def put(path: Path, data: bytes = DATA) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def everywhere(folder: Path) -> Storage:
    return Storage(folder / "ours", (folder / "hub",), (folder / "ollama",), (folder / "studio",))


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    assert everywhere(tmp_path).find(ENTRY, variant()) is None and everywhere(tmp_path).own_files() == []


@pytest.mark.parametrize(
    "place",
    [
        "ours/tiny-q8_0.gguf",
        "hub/models--maker--tiny-GGUF/snapshots/0123abc/sub/tiny-q8_0.gguf",
        "studio/maker/tiny-GGUF/tiny-q8_0.gguf",
    ],
)
def test_a_whole_file_is_found_wherever_it_lies(tmp_path: Path, place: str) -> None:
    path = put(tmp_path / place)
    assert everywhere(tmp_path).find(ENTRY, variant()) == path


def test_a_file_of_another_size_is_another_file(tmp_path: Path) -> None:
    put(tmp_path / "ours" / "tiny-q8_0.gguf", DATA[:-1])
    where = everywhere(tmp_path)
    assert where.find(ENTRY, variant()) is None
    assert where.find(ENTRY, variant("rounded", len(DATA) + 5000)) is not None
    assert where.find(ENTRY, variant("rounded", len(DATA) * 2)) is None


def test_of_a_split_file_all_parts_must_be_there(tmp_path: Path) -> None:
    split = Variant("q8_0", "maker/tiny-GGUF", "big-00001-of-00002.gguf", 20, "exact", parts=2)
    where = everywhere(tmp_path)
    first = put(tmp_path / "ours" / "big-00001-of-00002.gguf", b"x" * 12)
    assert where.find(ENTRY, split) is None
    put(tmp_path / "ours" / "big-00002-of-00002.gguf", b"x" * 8)
    assert where.find(ENTRY, split) == first and where.own_files() == [first]


def test_ollama_has_it_by_its_hash(tmp_path: Path) -> None:
    blob = put(tmp_path / "ollama" / "blobs" / f"sha256-{SHA}")
    assert everywhere(tmp_path).find(ENTRY, variant(sha=SHA)) == blob


def manifest(folder: Path, name: str, digest: str, media: str = "application/vnd.ollama.image.model") -> None:
    told = {"schemaVersion": 2, "layers": [{"mediaType": media, "digest": f"sha256:{digest}", "size": len(DATA)}]}
    put(folder / "manifests" / name, json.dumps(told).encode())


def test_ollama_has_it_under_its_own_name_if_it_is_the_same_model(tmp_path: Path) -> None:
    blob = put(tmp_path / "ollama" / "blobs" / f"sha256-{SHA}")
    manifest(tmp_path / "ollama", "registry.ollama.ai/library/tiny/1m-instruct-q8_0", SHA)
    where = everywhere(tmp_path)
    assert read_header(blob).architecture == ENTRY.architecture
    assert where.find(ENTRY, variant()) == blob
    assert where.find(ENTRY, variant(quantization="q4_k_m")) is None


def test_what_ollama_fetched_from_the_hub_is_found_by_its_tag(tmp_path: Path) -> None:
    blob = put(tmp_path / "ollama" / "blobs" / f"sha256-{SHA}")
    manifest(tmp_path / "ollama", "hf.co/maker/tiny-GGUF/Q8_0", SHA)
    assert everywhere(tmp_path).find(ENTRY, variant()) == blob


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"layers": 3}', b'{"layers": [{"digest": "x"}]}', b"\xff\xfe"])
def test_a_damaged_manifest_finds_nothing(tmp_path: Path, text: bytes) -> None:
    put(tmp_path / "ollama" / "manifests" / "registry.ollama.ai" / "library" / "tiny" / "1m", text)
    assert everywhere(tmp_path).find(ENTRY, variant()) is None


def test_a_manifest_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    put(tmp_path / "secret")
    manifest(tmp_path / "ollama", "registry.ollama.ai/library/tiny/1m", "x/../../../secret")
    assert everywhere(tmp_path).find(ENTRY, variant()) is None


def test_the_other_programs_own_variables_say_where_they_keep_files(tmp_path: Path) -> None:
    told = storage(tmp_path, {"HF_HUB_CACHE": "/a", "OLLAMA_MODELS": "/b", "XDG_CACHE_HOME": "/c"})
    assert (told.hub, told.ollama) == ((Path("/a"),), (Path("/b"),)) and Path("/c/lm-studio/models") in told.lm_studio
    assert storage(tmp_path, {"HF_HOME": "/h"}).hub == (Path("/h/hub"),)
    assert storage(tmp_path, {}).hub == (Path.home() / ".cache" / "huggingface" / "hub",)

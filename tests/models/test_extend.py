"""A user's own models: added from the hub or from a file, found by name, chosen where they fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_swarm.errors import BadModelFile, DownloadFailed, UsageError
from local_swarm.models import starter
from local_swarm.models.extend import add_to_catalogue, entry_of, quantization
from local_swarm.models.gguf import read_header
from local_swarm.models.hub import Hub
from local_swarm.models.registry import load
from tests.models.hub_server import COMMIT, serving

DATA = Path(__file__).parent.parent.parent / "config"


def test_a_file_of_ones_own_is_added_by_its_header(tmp_path: Path) -> None:
    mine = tmp_path / "somewhere" / "My-Coder-7B-Q8_0.gguf"
    mine.parent.mkdir()
    mine.write_bytes(starter.PATH.read_bytes())
    add_to_catalogue(str(mine), tmp_path / "models", tmp_path, DATA)
    catalogue = load(DATA, tmp_path)
    entry, variant = catalogue.find("my-coder:7b:q8")
    assert entry.shape == read_header(starter.PATH).shape
    assert (variant.bytes, variant.status, entry.architecture) == (mine.stat().st_size, "exact", "llama")
    assert (tmp_path / "models" / mine.name).read_bytes() == mine.read_bytes()


def test_a_file_of_the_hub_is_pinned_to_what_it_is_now(tmp_path: Path) -> None:
    with serving({"maker/New-3B-GGUF/New-3B-UD-Q4_K_XL.gguf": b"weights"}) as hub:
        add_to_catalogue(
            "maker/New-3B-GGUF/New-3B-UD-Q4_K_XL.gguf",
            tmp_path,
            tmp_path,
            DATA,
            Hub(environment={"HF_ENDPOINT": hub.url}),
        )
    entry, variant = load(DATA, tmp_path).find("new:3b")
    assert (variant.quantization, variant.bytes, variant.revision) == ("ud-q4_k_xl", 7, COMMIT)
    assert variant.sha256 and entry.shape is None


def test_a_file_that_is_known_is_renewed_and_all_else_that_is_known_stays(tmp_path: Path) -> None:
    known, old = load(DATA, tmp_path).find("qwen3.5:9b:q6_k")
    with serving({f"{old.repo}/{old.file}": b"uploaded anew"}) as hub:
        add_to_catalogue(f"{old.repo}/{old.file}", tmp_path, tmp_path, DATA, Hub(environment={"HF_ENDPOINT": hub.url}))
    entry, variant = load(DATA, tmp_path).find("qwen3.5:9b:q6_k")
    assert (variant.bytes, variant.status, variant.revision) == (13, "exact", COMMIT)
    assert (entry.shape, entry.facts, entry.licence) == (known.shape, known.facts, known.licence)
    assert {one.file for one in entry.variants} == {one.file for one in known.variants}


def test_another_makers_file_of_a_known_model_comes_first(tmp_path: Path) -> None:
    with serving({"me/Qwen3.5-9B-GGUF/Qwen3.5-9B-IQ4_XS.gguf": b"mine"}) as hub:
        where = Hub(environment={"HF_ENDPOINT": hub.url})
        add_to_catalogue("me/Qwen3.5-9B-GGUF/Qwen3.5-9B-IQ4_XS.gguf", tmp_path, tmp_path, DATA, where)
    entry, variant = load(DATA, tmp_path).find("qwen3.5:9b:iq4_xs")
    assert variant.repo == "me/Qwen3.5-9B-GGUF" and entry.shape and len(entry.variants) == 7


def test_added_again_it_replaces_itself_and_keeps_the_others(tmp_path: Path) -> None:
    files = {f"maker/{name}-GGUF/{name}-q8_0.gguf": b"x" * size for name, size in (("One-1B", 1), ("Two-2B", 2))}
    with serving(files) as hub:
        where = Hub(environment={"HF_ENDPOINT": hub.url})
        for source in (*files, *files):
            add_to_catalogue(source, tmp_path, tmp_path, DATA, where)
    entries = load(DATA, tmp_path).entries
    assert [entry.id for entry in entries[:2]] == ["one-1b", "two-2b"] and entries[2].id == "qwen2.5-coder-0.5b"


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        ("qwen", UsageError, "neither OWNER/NAME/FILE"),
        ("maker/model", UsageError, "neither"),
        ("/no/such/file.gguf", BadModelFile, "cannot be read"),
        ("maker/none/file.gguf", DownloadFailed, "no repository"),
    ],
)
def test_what_cannot_be_added_changes_nothing(tmp_path: Path, source: str, error: type[Exception], words: str) -> None:
    with serving({}) as hub, pytest.raises(error, match=words):
        add_to_catalogue(source, tmp_path, tmp_path, DATA, Hub(environment={"HF_ENDPOINT": hub.url}))
    assert not (tmp_path / "catalogue.yaml").exists()


def test_a_file_that_is_no_model_is_not_added(tmp_path: Path) -> None:
    (tmp_path / "fake.gguf").write_bytes(b"not a model, but long enough to be read as one")
    with pytest.raises(BadModelFile):
        add_to_catalogue(str(tmp_path / "fake.gguf"), tmp_path / "models", tmp_path, DATA)
    assert not (tmp_path / "models").exists()


@pytest.mark.parametrize(
    ("name", "family", "size", "quant"),
    [
        ("Qwen3.5-9B-Q4_K_M.gguf", "qwen3.5", "9b", "q4_k_m"),
        ("Qwen3.6-35B-A3B-UD-Q4_K_XL.gguf", "qwen3.6", "35b-a3b", "ud-q4_k_xl"),
        ("gemma-4-E2B-it-Q8_0.gguf", "gemma-4-it", "e2b", "q8_0"),
        ("gpt-oss-20b-mxfp4.gguf", "gpt-oss", "20b", "mxfp4"),
        ("codellama-7b-instruct.Q6_K.gguf", "codellama-instruct", "7b", "q6_k"),
        ("Big-70B-F16-00001-of-00004.gguf", "big", "70b", "f16"),
        ("mystery.gguf", "mystery", "only", "unknown"),
    ],
)
def test_names_are_read_as_people_write_them(name: str, family: str, size: str, quant: str) -> None:
    entry = entry_of(name, {}, {})
    assert (entry["family"], entry["size"]) == (family, size)
    assert quantization(name) == quant

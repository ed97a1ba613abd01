"""Repositories fetched into the cache that huggingface_hub keeps: whole, verified, and found by its own library afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from local_swarm.errors import DownloadFailed
from local_swarm.models.hub import Remote
from local_swarm.models.hub_cache import HubModel, cached_copy, fetch_model
from local_swarm.models.hub_store import place
from tests.models.unruly_hub import COMMIT, LOGIN, UnrulyHub, unruly

HEADER = b'{"__metadata__": {}}'
WEIGHTS = len(HEADER).to_bytes(8, "little") + HEADER + bytes(range(256)) * 1000
FILES = {
    "owner/folder/config.json": b'{"model_type": "llama"}',
    "owner/folder/generation_config.json": b'{"model_type": "llama"}',  # the same content as the other
    "owner/folder/model.safetensors": WEIGHTS,
    "owner/folder/modeling.py": b"raise SystemExit",
    "owner/split/Q8/m-00001-of-00002.gguf": b"GGUF\3\0\0\0" + b"a" * 4000,
    "owner/split/Q8/m-00002-of-00002.gguf": b"GGUF\3\0\0\0" + b"b" * 3000,
}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[UnrulyHub]:
    monkeypatch.delenv("LOCAL_SWARM_OFFLINE", raising=False)
    with unruly(dict(FILES)) as made:
        for name, value in {"HF_HUB_CACHE": str(tmp_path), "HF_HUB_OFFLINE": False}.items():
            monkeypatch.setattr(constants, name, value)
        yield made


def fetch(server: UnrulyHub, model: HubModel) -> Path:
    return fetch_model(model, {"HF_ENDPOINT": server.url}, pause=lambda _: False)


def test_a_folder_comes_whole_without_its_code_and_the_library_finds_it(server: UnrulyHub, tmp_path: Path) -> None:
    server.lists[:] = ["429 Retry-After: 3", "login"]
    server.gets[:] = ["login", "cut 100", "503", "login_chunked"]
    folder = fetch(server, HubModel("owner/folder"))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        name.split("/")[-1]: data
        for name, data in FILES.items()
        if name.startswith("owner/folder/") and ".py" not in name
    }
    asked = len(server.asked)
    assert cached_copy(HubModel("owner/folder")) == folder == fetch(server, HubModel("owner/folder"))
    assert folder.name == COMMIT and len(server.asked) == asked
    assert not list(tmp_path.rglob("*.part"))


def test_a_file_comes_with_its_further_parts(server: UnrulyHub) -> None:
    model = HubModel("owner/split", filename="Q8/m-00001-of-00002.gguf")
    first = fetch(server, model)
    assert first.read_bytes() == FILES["owner/split/Q8/m-00001-of-00002.gguf"]
    second = first.with_name("m-00002-of-00002.gguf")
    assert second.read_bytes() == FILES["owner/split/Q8/m-00002-of-00002.gguf"] and cached_copy(model) == first
    second.unlink()
    assert cached_copy(model) is None, "half a model is none"
    assert fetch(server, model) == first and second.exists()


def test_a_page_in_the_place_of_a_setting_is_never_kept(server: UnrulyHub, tmp_path: Path) -> None:
    server.gets[:] = ["login"] * 100
    with pytest.raises(DownloadFailed, match="login page"):
        fetch(server, HubModel("owner/folder"))
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.read_bytes() == LOGIN]
    assert cached_copy(HubModel("owner/folder")) is None


@pytest.mark.parametrize("name", ["../../../evil.json", "/etc/evil.json", "a\\..\\evil.json", "a\0.json"])
def test_a_name_that_leads_out_of_the_folder_or_can_be_none_is_refused(server: UnrulyHub, name: str) -> None:
    server.files[f"owner/folder/{name}"] = b"{}"
    with pytest.raises(DownloadFailed, match="not put on this disk"):
        fetch(server, HubModel("owner/folder"))
    assert server.ranges == []


@pytest.mark.parametrize("etag", ["..", ".", "a/b", ""])
def test_a_mark_of_the_hub_that_is_no_name_never_becomes_one(tmp_path: Path, etag: str) -> None:
    part = tmp_path / "x.part"
    part.write_bytes(b"x")
    remote = Remote("owner/folder", "x.json", 1, etag, None, "main", "")
    place(remote, part, tmp_path / "kept", tmp_path / "kept" / "snapshots" / "main")
    assert (tmp_path / "kept" / "snapshots" / "main" / "x.json").read_bytes() == b"x"
    assert len(list((tmp_path / "kept" / "blobs").iterdir())) == 1

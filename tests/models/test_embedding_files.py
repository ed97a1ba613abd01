"""Embedding models on this disk: found by their names alone, fetched whole or not at all, and only when asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local_swarm.errors import DownloadFailed
from local_swarm.models.embedding import (
    BUNDLED,
    CODE,
    SMALL,
    fetch,
    is_whole_folder,
    on_disk,
    place,
    repository_of,
    wanted_repository,
)
from local_swarm.models.hub import Hub, Remote
from tests.models.hub_server import COMMIT, HubServer, serving

HEADER = b'{"__metadata__": {}}'
WEIGHTS = len(HEADER).to_bytes(8, "little") + HEADER + bytes(range(256)) * 4000
REPO = "owner/meaning"
FILES = {
    "config.json": b'{"model_type": "bert"}',
    "modules.json": b"[]",
    "1_Pooling/config.json": b"{}",
    "2_Normalize/config.json": b"{}",  # the same content as the other
    "empty.json": b"",
    "vocab.txt": b"a b c",
    "model.safetensors": WEIGHTS,
    "model.py": b"raise SystemExit('code')",
    "pytorch_model.bin": b"pickle",
    "onnx/config.json": b"of another form",
}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LOCAL_SWARM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setitem(sys.modules, BUNDLED, None)
    return tmp_path


@pytest.fixture
def server() -> Iterator[HubServer]:
    with serving({f"{REPO}/{name}": data for name, data in FILES.items()}) as made:
        yield made


def hub(server: HubServer) -> Hub:
    return Hub(environment={"HF_ENDPOINT": server.url})


def test_a_model_is_fetched_whole_without_its_code_and_not_again(server: HubServer) -> None:
    told: list[int] = []
    done = fetch(REPO, hub(server), lambda progress: told.append(progress.total))
    assert done.path == place(REPO) and told and set(told) == {told[0]}
    files = {
        path.relative_to(done.path).as_posix(): path.read_bytes() for path in done.path.rglob("*") if path.is_file()
    }
    left_out = {"empty.json", "model.py", "pytorch_model.bin", "onnx/config.json"}
    assert files == {name: data for name, data in FILES.items() if name not in left_out}
    assert done.bytes == sum(map(len, files.values()))
    assert all(COMMIT in path for method, path, _ in server.asked if method == "HEAD"), "all of one revision"
    assert not list((done.path.parent / ".downloads").glob("*.part"))
    asked = len(server.asked)
    assert fetch(REPO, Hub(offline=True)) == done and len(server.asked) == asked
    assert on_disk(REPO) == [done.path]


def test_what_was_broken_off_goes_on_and_is_no_model_until_it_is_whole(server: HubServer) -> None:
    class Broken(Hub):
        def stream(self, remote: Remote, begin: int) -> Iterator[tuple[int, bytes]]:
            if remote.file == "model.safetensors":
                yield begin, WEIGHTS[begin : begin + 1000]
                raise DownloadFailed("the lid was closed")
            yield from super().stream(remote, begin)

    with pytest.raises(DownloadFailed, match="lid"):
        fetch(REPO, Broken(environment={"HF_ENDPOINT": server.url}))
    assert on_disk(REPO) == []
    fetch(REPO, hub(server))
    assert "bytes=1000-" in server.ranges and on_disk(REPO) == [place(REPO)]


def test_wrong_bytes_never_become_a_model(server: HubServer) -> None:
    server.trouble.wrong = True
    with pytest.raises(DownloadFailed, match="checksum is wrong"):
        fetch(REPO, hub(server))
    assert on_disk(REPO) == []


def test_what_cannot_be_fetched_is_said(server: HubServer) -> None:
    with pytest.raises(DownloadFailed, match="has no repository nobody/nothing"):
        fetch("nobody/nothing", hub(server))
    with pytest.raises(DownloadFailed, match="LOCAL_SWARM_OFFLINE"):
        fetch(REPO, Hub(offline=True))
    del server.files[f"{REPO}/model.safetensors"]
    with pytest.raises(DownloadFailed, match="no embedding model with safetensors"):
        fetch(REPO, hub(server))


def test_the_caches_of_others_are_used_where_they_are_whole(home: Path) -> None:
    kept = home / "hub" / "hub" / f"models--{CODE.replace('/', '--')}"
    snapshot = kept / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("abc")
    (snapshot / "config.json").write_text("{}")
    (snapshot / "model.safetensors").symlink_to(home / "blob")  # not there yet
    assert on_disk(CODE) == [] and on_disk("auto") == []
    (home / "blob").write_bytes(b"x")
    assert on_disk(CODE) == on_disk("auto") == [snapshot]
    assert fetch(CODE, Hub(offline=True)).path == snapshot


def test_files_and_folders_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF")
    assert on_disk(str(tmp_path / "model.gguf")) == [tmp_path / "model.gguf"]
    assert on_disk(str(tmp_path)) == [tmp_path]
    assert on_disk(str(tmp_path / "other.gguf")) == on_disk("/nowhere") == on_disk("none") == on_disk("") == []
    assert on_disk("a name of nothing") == [] and not is_whole_folder(tmp_path)


@pytest.mark.parametrize(
    ("wish", "configured", "found"),
    [
        ("embedding", "auto", CODE),
        ("embedding", "owner/x", "owner/x"),
        ("owner/x", "owner/x", "owner/x"),
        (SMALL, "auto", SMALL),
        ("all-MiniLM-L6-v2", "none", SMALL),
        ("F2LLM-v2-80M", "auto", CODE),
        ("embedding", "all-MiniLM-L6-v2", SMALL),
        ("qwen3.5:9b", "auto", None),
        ("owner/y", "owner/x", None),
    ],
)
def test_download_knows_an_embedding_model_by_its_names(wish: str, configured: str, found: str | None) -> None:
    assert wanted_repository(wish, configured) == found


@pytest.mark.parametrize("configured", ["none", "/models/x.gguf"])
def test_where_there_is_nothing_to_fetch_download_says_so(configured: str) -> None:
    with pytest.raises(DownloadFailed, match="nothing to fetch"):
        wanted_repository("embedding", configured)


def test_names_without_an_owner_are_those_of_the_library() -> None:
    assert repository_of("all-mpnet-base-v2") == "sentence-transformers/all-mpnet-base-v2"

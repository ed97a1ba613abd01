"""Downloads against a server that speaks the hub's protocol: interrupted, wrong, refused, shared and split."""

from __future__ import annotations

import hashlib
import multiprocessing
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local_swarm.errors import DownloadFailed
from local_swarm.models.downloader import Downloader, DownloadProgress
from local_swarm.models.hub import Hub
from local_swarm.models.patience import PAUSES_S
from local_swarm.models.registry import Variant
from tests.models.hub_server import COMMIT, HubServer, serving

REPO = "maker/model-GGUF"
DATA = b"GGUF" + b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(3000))[4:]  # 96,000 bytes
DIGEST = hashlib.sha256(DATA).hexdigest()
NAME = "model-q4_k_m.gguf"
PART = f"{NAME}.{DIGEST[:16]}.part"
PART_2, PART_3 = DATA[:5000], b"GGUF" + DATA[5004:11_000]
FILES = {
    f"{REPO}/model-q4_k_m.gguf": DATA,
    f"{REPO}/Q8_0/big-00001-of-00003.gguf": DATA[:7000],
    f"{REPO}/Q8_0/big-00002-of-00003.gguf": PART_2,
    f"{REPO}/Q8_0/big-00003-of-00003.gguf": PART_3,
}


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with serving(dict(FILES)) as server:
        yield server


def wanted(sha256: str | None = DIGEST, file: str = "model-q4_k_m.gguf", revision: str | None = None) -> Variant:
    return Variant("q4_k_m", REPO, file, len(DATA), "exact", sha256, revision)


def downloader(folder: Path, hub: HubServer, pauses: list[float] | None = None, **environment: str) -> Downloader:
    def pause(seconds: float) -> bool:
        if pauses is not None:
            pauses.append(seconds)
        return False

    return Downloader(folder, Hub(environment={"HF_ENDPOINT": hub.url, **environment}), pause)


def left_over(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.suffix in (".part", ".gguf"))


def test_a_file_is_fetched_verified_and_not_fetched_again(tmp_path: Path, hub: HubServer) -> None:
    told: list[DownloadProgress] = []
    done = downloader(tmp_path, hub).fetch(wanted(), told.append)
    assert (done.path, done.bytes, done.sha256) == (tmp_path / "model-q4_k_m.gguf", len(DATA), DIGEST)
    assert done.path.read_bytes() == DATA and left_over(tmp_path) == ["model-q4_k_m.gguf"]
    assert (told[-1].done, told[-1].total) == (len(DATA), len(DATA))
    requests = len(hub.asked)
    assert downloader(tmp_path, hub).fetch(wanted()) == done
    assert len(hub.asked) == requests


def test_what_was_changed_afterwards_is_fetched_again(tmp_path: Path, hub: HubServer) -> None:
    path = downloader(tmp_path, hub).fetch(wanted()).path
    path.write_bytes(b"someone else's")
    assert downloader(tmp_path, hub).fetch(wanted()).path.read_bytes() == DATA


CUTS = [0, 1, 2, 3, 100, 4095, 4096, 4097, 32_768, 65_535, 65_536, 65_537, 80_000, 95_998, 95_999, 96_000]


@pytest.mark.parametrize("cut", CUTS)
def test_a_process_killed_at_any_byte_goes_on_from_there(tmp_path: Path, hub: HubServer, cut: int) -> None:
    part = tmp_path / ".downloads" / f"model-q4_k_m.gguf.{DIGEST[:16]}.part"
    part.parent.mkdir()
    part.write_bytes(DATA[:cut])
    assert downloader(tmp_path, hub).fetch(wanted()).path.read_bytes() == DATA
    assert hub.ranges == ([] if cut == len(DATA) else [f"bytes={cut}-" if cut else None])


@pytest.mark.parametrize("cut", CUTS[:-1])
def test_a_connection_cut_at_any_byte_is_taken_up_again(tmp_path: Path, hub: HubServer, cut: int) -> None:
    hub.trouble.cuts = [cut]
    assert downloader(tmp_path, hub).fetch(wanted()).path.read_bytes() == DATA
    assert hub.ranges == [None, f"bytes={cut}-" if cut else None]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 40_000), max_size=6), st.integers(0, len(DATA)), st.booleans())
def test_no_series_of_cuts_makes_another_file(
    tmp_path_factory: pytest.TempPathFactory, hub: HubServer, cuts: list[int], left: int, no_ranges: bool
) -> None:
    folder = tmp_path_factory.mktemp("cuts")
    (folder / ".downloads").mkdir()
    (folder / ".downloads" / f"model-q4_k_m.gguf.{DIGEST[:16]}.part").write_bytes(DATA[:left])
    hub.trouble.cuts, hub.trouble.no_ranges = list(cuts), no_ranges
    try:
        assert downloader(folder, hub).fetch(wanted()).path.read_bytes() == DATA
    except DownloadFailed as problem:
        assert "broke off too often" in problem.message and not (folder / "model-q4_k_m.gguf").exists()


def test_many_cuts_are_borne_as_long_as_bytes_come(tmp_path: Path, hub: HubServer) -> None:
    hub.trouble.cuts = [1000] * 40
    pauses: list[float] = []
    assert downloader(tmp_path, hub, pauses).fetch(wanted()).path.read_bytes() == DATA
    assert len(pauses) == 40 and max(pauses) == 0


def test_a_connection_that_brings_nothing_is_given_up_and_what_came_is_kept(tmp_path: Path, hub: HubServer) -> None:
    hub.trouble.cuts = [5000] + [0] * 20
    pauses: list[float] = []
    with pytest.raises(DownloadFailed, match=r"5000 of 96000 bytes.*run the same command again"):
        downloader(tmp_path, hub, pauses).fetch(wanted())
    assert pauses == [0.0, *PAUSES_S]
    assert left_over(tmp_path) == [f"model-q4_k_m.gguf.{DIGEST[:16]}.part"]
    hub.trouble.cuts = []
    assert downloader(tmp_path, hub).fetch(wanted()).sha256 == DIGEST
    assert hub.ranges[-1] == "bytes=5000-"


def test_a_server_without_ranges_sends_all_again_and_the_file_is_right(tmp_path: Path, hub: HubServer) -> None:
    hub.trouble.cuts, hub.trouble.no_ranges = [70_000], True
    assert downloader(tmp_path, hub).fetch(wanted()).path.read_bytes() == DATA


def test_what_has_the_wrong_content_is_deleted(tmp_path: Path, hub: HubServer) -> None:
    hub.trouble.wrong = True
    with pytest.raises(DownloadFailed, match="checksum is wrong"):
        downloader(tmp_path, hub).fetch(wanted())
    assert left_over(tmp_path) == []


def test_a_damaged_beginning_does_not_survive(tmp_path: Path, hub: HubServer) -> None:
    part = tmp_path / ".downloads" / f"model-q4_k_m.gguf.{DIGEST[:16]}.part"
    part.parent.mkdir()
    part.write_bytes(bytes(1000))
    assert downloader(tmp_path, hub).fetch(wanted()).sha256 == DIGEST
    assert hub.ranges == [None], "found out before anything was fetched"


def test_a_working_file_that_is_too_long_is_begun_again(tmp_path: Path, hub: HubServer) -> None:
    part = tmp_path / ".downloads" / f"model-q4_k_m.gguf.{DIGEST[:16]}.part"
    part.parent.mkdir()
    part.write_bytes(DATA + b"more")
    assert downloader(tmp_path, hub).fetch(wanted()).sha256 == DIGEST


def test_a_file_that_is_not_the_catalogues_is_refused_before_a_byte_comes(tmp_path: Path, hub: HubServer) -> None:
    with pytest.raises(DownloadFailed, match=r"uploaded anew or tampered.*models add maker/model-GGUF/model"):
        downloader(tmp_path, hub).fetch(wanted("0" * 64))
    assert hub.ranges == []


def test_without_a_known_hash_the_hubs_counts(tmp_path: Path, hub: HubServer) -> None:
    assert downloader(tmp_path, hub).fetch(wanted(None)).sha256 == DIGEST


def test_the_revision_of_the_catalogue_is_asked_for_and_kept_while_downloading(tmp_path: Path, hub: HubServer) -> None:
    downloader(tmp_path, hub).fetch(wanted(revision="b" * 40))
    assert [path.split("/")[4] for _, path, _ in hub.asked if "/resolve/" in path] == ["b" * 40, COMMIT]


def test_a_split_file_comes_whole_with_its_first_part_last(tmp_path: Path, hub: HubServer) -> None:
    variant = Variant("q8_0", REPO, "Q8_0/big-00001-of-00003.gguf", 18_000, "exact", None, None, 3)
    done = downloader(tmp_path, hub).fetch(variant)
    assert (done.bytes, done.path.name) == (18_000, "big-00001-of-00003.gguf")
    assert (tmp_path / "big-00002-of-00003.gguf").read_bytes() == PART_2
    assert (tmp_path / "big-00003-of-00003.gguf").read_bytes() == PART_3
    assert downloader(tmp_path, hub).fetch(variant) == done


def test_a_split_file_of_which_a_part_is_missing_leaves_none_in_place(tmp_path: Path, hub: HubServer) -> None:
    del hub.files[f"{REPO}/Q8_0/big-00003-of-00003.gguf"]
    with pytest.raises(DownloadFailed, match="gone"):
        downloader(tmp_path, hub).fetch(Variant("q8_0", REPO, "Q8_0/big-00001-of-00003.gguf", None, "unknown"))
    assert left_over(tmp_path) == []


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (401, "GatedRepo", "accept its licence"),
        (403, "GatedRepo", "HF_TOKEN"),
        (401, "RepoNotFound", "no repository"),
        (404, "RepoNotFound", "no repository"),
        (404, "EntryNotFound", "renamed or removed"),
        (404, "RevisionNotFound", "renamed or removed"),
        (500, None, "HTTP 500"),
        (429, None, "HTTP 429"),
    ],
)
def test_every_refusal_is_a_sentence(tmp_path: Path, hub: HubServer, status: int, error: str, words: str) -> None:
    hub.trouble.status, hub.trouble.error = status, error
    with pytest.raises(DownloadFailed, match=words):
        downloader(tmp_path, hub).fetch(wanted())
    assert left_over(tmp_path) == []


def test_the_token_is_sent_to_the_hub_and_to_nobody_else(tmp_path: Path, hub: HubServer) -> None:
    downloader(tmp_path, hub, HF_TOKEN="hf_secret").fetch(wanted())
    sent = {path.split("/")[1]: token for (_, path, _), token in zip(hub.asked, hub.tokens, strict=True)}
    assert sent == {"maker": "Bearer hf_secret", "cdn": None}


def test_a_hub_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    began = time.monotonic()
    with pytest.raises(DownloadFailed, match="cannot be reached"):
        Downloader(tmp_path, Hub(environment={"HF_ENDPOINT": f"http://127.0.0.1:{port}"})).fetch(wanted())
    assert time.monotonic() - began < 5


def test_offline_means_no_packet(tmp_path: Path, hub: HubServer) -> None:
    for one in (Hub(offline=True, environment={"HF_ENDPOINT": hub.url}), Hub(environment={"HF_HUB_OFFLINE": "1"})):
        with pytest.raises(DownloadFailed, match="forbids"):
            Downloader(tmp_path, one).fetch(wanted())
    assert hub.asked == []


def test_a_disk_without_room_is_told_before_the_first_byte(tmp_path: Path, hub: HubServer) -> None:
    hub.trouble.sizes[f"{REPO}/model-q4_k_m.gguf"] = 10**15
    with pytest.raises(DownloadFailed, match=r"1000000\.3 GB of disk"):
        downloader(tmp_path, hub).fetch(wanted())
    assert hub.ranges == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here to write to")
def test_a_disk_that_fills_up_is_told(tmp_path: Path, hub: HubServer) -> None:
    part = tmp_path / ".downloads" / f"model-q4_k_m.gguf.{DIGEST[:16]}.part"
    part.parent.mkdir()
    part.symlink_to("/dev/full")
    with pytest.raises(DownloadFailed, match="disk is full"):
        downloader(tmp_path, hub).fetch(wanted())
    assert not (tmp_path / "model-q4_k_m.gguf").exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, hub: HubServer) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DownloadFailed, match="cannot be written"):
        downloader(tmp_path / "file", hub).fetch(wanted())


@pytest.mark.parametrize(
    "name", [".downloads", NAME, f".downloads/{PART}", f".downloads/{NAME}.lock", f".downloads/{NAME}.json"]
)
def test_what_lies_in_the_way_is_named_in_a_sentence(tmp_path: Path, hub: HubServer, name: str) -> None:
    """A file where a folder is needed, and a folder where a file is."""
    if name == ".downloads":
        (tmp_path / name).write_text("")
    else:
        (tmp_path / name).mkdir(parents=True)
    with pytest.raises(
        DownloadFailed, match=r"cannot be written: a f\w+ lies where.*name another folder in models\.cache_dir"
    ):
        downloader(tmp_path, hub).fetch(wanted())
    assert not (tmp_path / NAME / NAME).exists()


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="there is no second disk here")
def test_a_working_folder_on_another_disk_is_no_hindrance(tmp_path: Path, hub: HubServer) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as other:
        (tmp_path / ".downloads").symlink_to(other)
        assert downloader(tmp_path, hub).fetch(wanted()).path.read_bytes() == DATA


def elsewhere(folder: str, url: str, queue: multiprocessing.Queue[str]) -> None:
    done = Downloader(Path(folder), Hub(environment={"HF_ENDPOINT": url})).fetch(wanted())
    queue.put(done.sha256)


def test_two_processes_fetch_a_file_once(tmp_path: Path, hub: HubServer) -> None:
    hub.trouble.hold = threading.Event()
    context = multiprocessing.get_context("spawn")
    queue: multiprocessing.Queue[str] = context.Queue()
    both = [context.Process(target=elsewhere, args=(str(tmp_path), hub.url, queue)) for _ in range(2)]
    for one in both:
        one.start()
    hub.trouble.hold.set()
    assert {queue.get(timeout=30), queue.get(timeout=30)} == {DIGEST}
    for one in both:
        one.join(10)
        assert one.exitcode == 0
    assert len(hub.ranges) == 1 and left_over(tmp_path) == ["model-q4_k_m.gguf"]


def test_a_process_that_is_killed_leaves_a_beginning_and_no_lock(tmp_path: Path, hub: HubServer) -> None:
    hub.trouble.cuts, hub.trouble.hold = [], threading.Event()
    context = multiprocessing.get_context("spawn")
    queue: multiprocessing.Queue[str] = context.Queue()
    victim = context.Process(target=elsewhere, args=(str(tmp_path), hub.url, queue))
    victim.start()
    assert hub.arrived.wait(20)
    victim.kill()
    victim.join(10)
    hub.trouble.hold.set()
    assert not (tmp_path / "model-q4_k_m.gguf").exists()
    assert downloader(tmp_path, hub).fetch(wanted()).path.read_bytes() == DATA


def test_the_hub_is_asked_for_nothing_but_the_file(tmp_path: Path, hub: HubServer) -> None:
    """huggingface_hub would look up as well what kind of program runs it."""
    downloader(tmp_path, hub).fetch(wanted())
    assert {path.split("/")[1] for _, path, _ in hub.asked} == {"maker", "cdn"}

"""Downloads from hubs, stores, mirrors and proxies that do what real ones did: each behaviour by itself, then all at random."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from local_swarm.errors import DownloadFailed
from local_swarm.models.downloader import Downloader, DownloadProgress, Fetched
from local_swarm.models.hub import Hub, Remote
from local_swarm.models.registry import Variant
from tests.models.unruly_hub import COMMIT, LOGIN, POINTER, UnrulyHub, unruly

REPO, NAME = "maker/model-GGUF", "model-q4_k_m.gguf"
DATA = b"GGUF\x03\0\0\0" + b"".join(hashlib.sha256(str(n).encode()).digest() for n in range(9375))  # 300,008 bytes
DIGEST = hashlib.sha256(DATA).hexdigest()
HALF = len(DATA) // 2


class CountingHub(Hub):
    """Counts the bytes that come through."""

    came = 0

    def stream(self, remote: Remote, begin: int) -> Iterator[tuple[int, bytes]]:
        for offset, block in super().stream(remote, begin):
            self.came += len(block)
            yield offset, block


@dataclass
class Trial:
    server: UnrulyHub
    folder: Path
    pauses: list[float] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    came: int = 0

    def fetch(self, variant: Variant | None = None, **environment: str) -> Fetched:
        hub = CountingHub(environment={"HF_ENDPOINT": self.server.url, **environment})

        def pause(seconds: float) -> bool:
            self.pauses.append(seconds)
            return False

        def show(told: DownloadProgress) -> None:
            self.notes += [told.note] if told.note else []

        try:
            return Downloader(self.folder, hub, pause).fetch(variant or wanted(), show)
        finally:
            self.came += hub.came

    @property
    def kept(self) -> list[int]:
        return [path.stat().st_size for path in self.folder.rglob("*.part")]

    def keep(self, data: bytes) -> None:
        part = self.folder / ".downloads" / f"{NAME}.{DIGEST[:16]}.part"
        part.parent.mkdir()
        part.write_bytes(data)


def wanted(sha256: str | None = DIGEST) -> Variant:
    return Variant("q4_k_m", REPO, NAME, len(DATA), "exact", sha256)


@pytest.fixture
def trial(tmp_path: Path) -> Iterator[Trial]:
    with unruly({f"{REPO}/{NAME}": DATA}) as server:
        yield Trial(server, tmp_path)


WAITED_FOR = {
    "429 Retry-After: 7": 7,
    "429 RateLimit-Reset: 9": 9,
    "rate_limit": 42,
    "retry_date": 29,
    "503 Retry-After: 5": 5,
    "503": 0.5,
    "500": 0.5,
    "502": 0.5,
    "504": 0.5,
    "520": 0.5,
    "408": 0.5,
    "425": 0.5,
    "511": 0.5,
    "204": 0.5,
    "no_location": 0.5,
    "nowhere": 0.5,
    "circles": 0.5,
    "hang_up": 0.5,
    "garbage": 0.5,
    "login": 0.5,
    "to_login": 0.5,
}


@pytest.mark.parametrize("behaviour", WAITED_FOR)
@pytest.mark.parametrize("question", ["looks", "gets"])
def test_what_may_pass_is_waited_for_at_every_question_and_said(trial: Trial, question: str, behaviour: str) -> None:
    getattr(trial.server, question).extend([behaviour, behaviour])
    assert trial.fetch().path.read_bytes() == DATA
    assert sum(trial.pauses) >= 2 * WAITED_FOR[behaviour]
    assert len(trial.notes) == 2 and all("trying again in" in note for note in trial.notes)
    assert trial.came == len(DATA), "nothing was fetched twice"


@pytest.mark.parametrize(
    "behaviour", ["elsewhere 301", "elsewhere 302", "elsewhere 303", "elsewhere 307", "elsewhere 308"]
)
def test_a_mirror_that_leads_to_another_hub_is_followed_without_the_token(trial: Trial, behaviour: str) -> None:
    trial.server.looks[:] = [behaviour]
    assert trial.fetch(HF_TOKEN="hf_secret").path.read_bytes() == DATA
    assert {token for host, token in trial.server.tokens if host.startswith("localhost")} == {None}
    assert ("127.0.0.1" in trial.server.tokens[0][0], trial.server.tokens[0][1]) == (True, "Bearer hf_secret")


@pytest.mark.parametrize(
    "behaviour", ["relative 307", "relative 308", "direct", "no_head", 'link W/"weak"', 'link "a/b\\c:d=="']
)
def test_a_hub_of_another_make_is_understood(trial: Trial, behaviour: str) -> None:
    trial.server.looks[:] = [behaviour]
    assert trial.fetch(wanted(None), HF_TOKEN="hf_secret").path.read_bytes() == DATA
    assert trial.pauses == []


def test_an_etag_in_capitals_is_the_hash_that_it_is(trial: Trial) -> None:
    trial.server.looks[:] = [f'link "{"0" * 63}A"']
    with pytest.raises(DownloadFailed, match="not the file that the catalogue knows"):
        trial.fetch()


FINAL = {
    "401 X-Error-Code: GatedRepo": "accept its licence",
    "401": "no repository",
    "403": "lacks the right",
    "404 X-Error-Code: EntryNotFound": "gone",
    "404": "gone",
    "410": "gone",
    "451": "legal reasons",
    "400": "HTTP 400",
    "sizeless": "does not say how large",
    "etagless": "does not say how large",
    "429 Retry-After: 86400": "asks to wait 1440 minutes",
}


@pytest.mark.parametrize("behaviour", FINAL)
def test_what_waiting_does_not_mend_is_said_at_once(trial: Trial, behaviour: str) -> None:
    trial.server.looks[:] = [behaviour] * 3
    with pytest.raises(DownloadFailed, match=FINAL[behaviour]):
        trial.fetch()
    assert trial.pauses == [] and trial.server.ranges == []


@pytest.mark.parametrize("behaviour", ["429", "503", "login", "hang_up", "circles"])
def test_patience_ends_within_two_minutes(trial: Trial, behaviour: str) -> None:
    trial.server.looks[:] = [behaviour] * 100
    with pytest.raises(DownloadFailed):
        trial.fetch()
    assert 30 < sum(trial.pauses) < 120


NOT_THE_FILE = (
    "login", "to_login", "login_chunked", "xml", "json", "words", "packed", "packed_unsaid", "other_length", "zeros", "pointer",
    "expired", "404", "203",
)  # fmt: off


@pytest.mark.parametrize("behaviour", NOT_THE_FILE)
def test_what_is_not_the_file_is_never_kept(trial: Trial, behaviour: str) -> None:
    trial.server.gets[:] = [behaviour] * 100
    with pytest.raises(DownloadFailed, match="too often, at 0 of"):
        trial.fetch()
    assert trial.kept == [0]
    trial.server.gets[:] = [behaviour]
    trial.came = 0
    assert trial.fetch().path.read_bytes() == DATA
    assert trial.came < len(DATA) + 100_000, "it was found out as soon as it began"


ODD_PARTS = (
    "no_ranges", "from_zero", "too_far", "unplaced", "misplaced", "other_total", "one_short", "length_short", "odd_range",
    "many_ranges", "unsatisfied", "416", "login_in_range", "packed", "expired",
)  # fmt: off


@pytest.mark.parametrize("behaviour", ODD_PARTS)
def test_a_part_that_is_not_the_one_asked_for_is_not_appended(trial: Trial, behaviour: str) -> None:
    trial.server.gets[:] = [f"cut {HALF}", behaviour]
    assert trial.fetch().path.read_bytes() == DATA
    assert trial.came <= len(DATA) + HALF


def test_where_parts_are_refused_again_and_again_all_of_it_is_asked_for(trial: Trial) -> None:
    trial.server.gets[:] = [f"cut {HALF}", "416", "416"]
    assert trial.fetch().path.read_bytes() == DATA
    assert trial.server.ranges == [None, f"bytes={HALF}-", f"bytes={HALF}-", None]


def test_a_flipped_bit_costs_one_more_fetch_and_a_tampering_mirror_is_told(trial: Trial) -> None:
    trial.server.gets[:] = ["flipped"]
    assert trial.fetch().path.read_bytes() == DATA
    assert trial.came == 2 * len(DATA) and trial.notes == ["the checksum is wrong; fetching the file once more"]
    (trial.folder / NAME).unlink()
    trial.server.gets[:] = ["flipped"] * 9
    with pytest.raises(DownloadFailed, match="checksum is wrong"):
        trial.fetch()
    assert trial.kept == [] and not (trial.folder / NAME).exists()


@pytest.mark.parametrize(
    "kept", [LOGIN, POINTER, b"\x1f\x8b\x08" + DATA[8:5000], bytes(70_000)], ids=["page", "pointer", "gzip", "zeros"]
)
def test_what_an_older_version_kept_of_a_login_page_is_dropped_before_anything_is_fetched(
    trial: Trial, kept: bytes
) -> None:
    trial.keep(kept)
    assert trial.fetch().path.read_bytes() == DATA
    assert trial.server.ranges == [None] and trial.came == len(DATA)


def test_a_kept_part_that_is_another_file_from_some_byte_on_costs_no_more_than_one_file(trial: Trial) -> None:
    trial.keep(DATA[:1000] + b"?" * 3000)
    assert trial.fetch().path.read_bytes() == DATA
    assert trial.came < 2 * len(DATA)


def test_a_mirror_that_holds_the_pointer_alone_is_refused(tmp_path: Path) -> None:
    with unruly({f"{REPO}/{NAME}": POINTER}) as server:
        trial = Trial(server, tmp_path)
        server.looks[:] = [f'link "{"b" * 40}"']
        with pytest.raises(DownloadFailed, match=r"a Git LFS pointer.*The file itself is not there"):
            trial.fetch(wanted(None))
        assert trial.pauses == [] and not (tmp_path / NAME).exists()


def test_an_unknown_beginning_is_believed_where_it_comes_again_and_a_hash_vouches_for_it(tmp_path: Path) -> None:
    data = bytes(random.Random(1).randbytes(5000))
    with unruly({f"{REPO}/{NAME}": data}) as server:
        trial = Trial(server, tmp_path)
        assert trial.fetch(wanted(None)).path.read_bytes() == data and len(server.ranges) == 2
        (tmp_path / NAME).unlink()
        server.looks[:] = ['link "no-hash"']
        with pytest.raises(DownloadFailed, match="what does not begin as such a file does"):
            trial.fetch(wanted(None))


def test_a_file_that_changes_meanwhile_is_looked_at_and_begun_anew(trial: Trial) -> None:
    """The hub tells another hash with the next link."""
    trial.server.looks[:] = [f'link "{"1" * 64}"']
    assert trial.fetch(wanted(None)).path.read_bytes() == DATA
    assert any("was changed on the hub meanwhile" in note for note in trial.notes)


def split(count: int) -> tuple[dict[str, bytes], Variant]:
    names = [f"Q8/big-{number:05}-of-{count:05}.gguf" for number in range(1, count + 1)]
    files = {f"{REPO}/{name}": b"GGUF" + bytes([number]) * 5000 for number, name in enumerate(names)}
    return files, Variant("q8_0", REPO, names[0], None, "unknown", None, None, count)


def test_one_question_tells_all_parts_of_a_split_model(tmp_path: Path) -> None:
    files, variant = split(9)
    with unruly(files) as server:
        server.lists[:] = ["429 Retry-After: 3"]
        trial = Trial(server, tmp_path)
        assert trial.fetch(variant).bytes == sum(map(len, files.values()))
        assert [path for _, path, _ in server.asked if "/store/" not in path and "/resolve/main/" in path] == []
        assert len([path for _, path, _ in server.asked if path.startswith("/api/")]) == 2 and trial.pauses == [3.0]
        assert all(COMMIT in path for _, path, _ in server.asked if "/resolve/" in path)


@pytest.mark.parametrize("listing", ["404", "odd_json", "listing bare"])
def test_a_mirror_without_lists_is_asked_for_each_part(tmp_path: Path, listing: str) -> None:
    files, variant = split(3)
    with unruly(files) as server:
        server.lists[:] = [listing] * 2
        trial = Trial(server, tmp_path)
        assert trial.fetch(variant).bytes == sum(map(len, files.values()))


def test_a_hub_that_counts_requests_is_not_asked_once_for_each_part(tmp_path: Path) -> None:
    files, variant = split(9)
    with unruly(files) as server:
        server.lists[:] = ["429"] * 100
        with pytest.raises(DownloadFailed, match="HTTP 429"):
            Trial(server, tmp_path).fetch(variant)
        assert len(server.asked) < 20


def test_a_pause_that_is_interrupted_ends_the_download_and_keeps_what_came(tmp_path: Path) -> None:
    with unruly({f"{REPO}/{NAME}": DATA}) as server:
        server.gets[:] = [f"cut {HALF}", "503 Retry-After: 600"]
        hub = Hub(environment={"HF_ENDPOINT": server.url})
        with pytest.raises(DownloadFailed, match=r"was stopped\. What came is kept"):
            Downloader(tmp_path, hub, lambda seconds: seconds > 500).fetch(wanted())
        assert Trial(server, tmp_path).kept == [HALF]


@pytest.mark.parametrize(
    "name", ["my model-q4_k_m.gguf", "模型 #1 100% ?.gguf", "a@b+c&d=e;f.gguf", "Q8/\u0131\u0307 [x].gguf"]
)
def test_a_file_of_any_name_is_fetched(tmp_path: Path, name: str) -> None:
    with unruly({f"{REPO}/{name}": DATA}) as server:
        done = Trial(server, tmp_path).fetch(Variant("q4_k_m", REPO, name, len(DATA), "exact", DIGEST))
        assert (done.path, done.path.read_bytes()) == (tmp_path / Path(name).name, DATA)


def test_another_repositorys_file_of_the_same_name_is_not_taken_for_it(trial: Trial) -> None:
    trial.fetch()
    with pytest.raises(DownloadFailed, match=r"is maker/model-GGUF/model-q4_k_m\.gguf, another file of the same name"):
        trial.fetch(Variant("q4_k_m", "other/model-GGUF", NAME, None, "unknown"))
    assert (trial.folder / NAME).read_bytes() == DATA


BYTES = [f"cut {count}" for count in (0, 1, 700, 30_000, 100_000, 200_000)]
LIES = [
    "no_ranges",
    "from_zero",
    "too_far",
    "unplaced",
    "misplaced",
    "other_total",
    "one_short",
    "length_short",
    "odd_range",
]
REFUSALS = [
    "429 Retry-After: 2",
    "rate_limit",
    "503",
    "503 Retry-After: 1",
    "502",
    "416",
    "unsatisfied",
    "expired",
    "hang_up",
]
PAGES = ["login", "to_login", "login_chunked", "login_in_range", "xml", "words"]
AT_LOOKS = ["429 Retry-After: 2", "rate_limit", "503", "login", "to_login", "hang_up", "elsewhere 307", ""]
ROUNDS = 200


def test_downloads_survive_a_proxy_that_cuts_lies_refuses_and_logs_in_at_random(tmp_path: Path) -> None:
    """200 rounds of up to twelve troubles: the right file every time, never more than one file's bytes wasted."""
    most = 0
    with unruly({f"{REPO}/{NAME}": DATA}) as server:
        for number in range(ROUNDS):
            dice = random.Random(number)
            server.looks[:] = dice.choices(AT_LOOKS, k=dice.randrange(6))
            server.gets[:] = [
                dice.choice(dice.choice([BYTES, LIES, REFUSALS, PAGES])) for _ in range(dice.randrange(13))
            ]
            planned = (*server.looks, *server.gets)
            trial = Trial(server, tmp_path / str(number))
            assert trial.fetch().path.read_bytes() == DATA, (number, planned)
            assert trial.came <= 2 * len(DATA), (number, planned)
            most = max(most, trial.came - len(DATA))
    assert most > HALF, "the proxy does its worst"

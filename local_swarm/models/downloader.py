"""A file of a repository in, a whole and verified file on disk out. Speaks the hub's protocol through huggingface_hub.

huggingface_hub finds the file, its size, its hash and its address, and knows tokens, mirrors and gates. The bytes are fetched
here, since it drops what it has when it is interrupted: here they stay in `.downloads/` under the name of their hash, and the
next attempt, of this or another process, goes on where the last one ended. Only what has the right hash gets the file's name.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

from local_swarm.errors import DownloadFailed
from local_swarm.models.gguf import PART, parts_of
from local_swarm.models.hub import Hub, Remote
from local_swarm.models.registry import Variant
from local_swarm.paths import make_folder, program_name
from local_swarm.units import file_size

AT_ONCE = 3  # parts of a split file
CHUNK_BYTES = 1 << 20
SPARE_BYTES = 256 << 20  # of disk that must stay free
PAUSES_S = (1.0, 2.0, 4.0, 8.0)  # between attempts that brought nothing; then it fails
LOCK_LOOK_S = 1.0
LOCK_STUCK_S = 120.0  # without a byte of the other process's, which then is taken for dead

Show = Callable[["DownloadProgress"], None]


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """`note`: what is being done where no bytes come, e.g. waiting for another process. `rate`: bytes a second of late."""

    done: int
    total: int
    rate: float | None = None
    note: str = ""

    @property
    def seconds_left(self) -> float | None:
        return (self.total - self.done) / self.rate if self.rate else None


@dataclass(frozen=True, slots=True)
class Fetched:
    """`sha256`: of the first part where the file is split. `bytes`: of all parts."""

    path: Path
    bytes: int
    sha256: str


class Downloader:
    """Fetches into one folder. `pause`: how to wait between attempts; returns whether it was interrupted meanwhile."""

    def __init__(self, folder: Path, hub: Hub, pause: Callable[[float], bool] | None = None) -> None:
        self.folder, self.hub = folder, hub
        self.work = folder / ".downloads"
        self.stop = threading.Event()
        self.pause = pause or self.stop.wait

    def fetch(self, variant: Variant, show: Show = lambda _: None) -> Fetched:
        """The file, all parts of it. Does nothing where it is there, and was verified, already.

        Raises DownloadFailed with what to do: offline, unreachable, gone, gated, no space, wrong content."""
        target = self.folder / Path(variant.file).name
        if known := self.receipt(target):
            return known
        self.make_folders()
        with self.lock(target, show):
            if known := self.receipt(target):  # the other process was faster
                return known
            remotes = self.remotes(variant)
            self.check_disk(remotes)
            meter = Meter(sum(one.bytes for one in remotes), show)
            parts = self.fetch_parts(remotes, meter)
            return self.put_in_place(target, remotes, parts)

    def remotes(self, variant: Variant) -> list[Remote]:
        """What the hub says of every part, checked against what the catalogue knows of the first."""
        names = [str(part.as_posix()) for part in parts_of(Path(variant.file))]
        found = [self.hub.look(variant.repo, name, variant.revision) for name in names]
        if variant.sha256 and found[0].sha256 and found[0].sha256 != variant.sha256:
            raise DownloadFailed(
                f"{variant.file} in {variant.repo} is not the file that the catalogue knows: it was uploaded anew or tampered "
                f"with. To take it as it is now: {program_name()} models add {variant.repo}/{variant.file}"
            )
        return [replace(found[0], sha256=found[0].sha256 or variant.sha256), *found[1:]]

    def fetch_parts(self, remotes: Sequence[Remote], meter: Meter) -> list[Path]:
        if len(remotes) == 1:
            return [self.fetch_part(remotes[0], meter)]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            try:
                return list(pool.map(lambda one: self.fetch_part(one, meter), remotes))
            except BaseException:
                self.stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
            finally:
                self.stop.clear()

    def fetch_part(self, remote: Remote, meter: Meter) -> Path:
        """One file, whole and of the right hash, under its working name."""
        path = self.part_path(remote)
        digest = sha256()
        have = self.take_up(path, remote, digest.update)
        meter.add(have, resumed=True)
        failures = 0
        while have < remote.bytes:
            came = self.attempt(path, remote, have, digest.update, meter)
            have += came
            failures = 0 if came else failures + 1
            if have >= remote.bytes:
                break
            if failures > len(PAUSES_S):
                raise DownloadFailed(
                    f"The connection to {self.hub.host} broke off too often, at {have} of {remote.bytes} bytes of {remote.file}. "
                    "What came is kept: run the same command again to go on."
                )
            if self.pause(PAUSES_S[max(0, failures - 1)] if failures else 0.0):
                raise DownloadFailed(
                    "The download was stopped. What came is kept: run the same command again to go on."
                )
        if remote.sha256 and digest.hexdigest() != remote.sha256:
            path.unlink(missing_ok=True)
            raise DownloadFailed(
                f"What came as {remote.file} from {self.hub.host} is not the file: its checksum is wrong. It was deleted. Try "
                "again; if a mirror is set in HF_ENDPOINT, try without it."
            )
        self.note(path, digest.hexdigest())
        return path

    def take_up(self, path: Path, remote: Remote, feed: Callable[[bytes], object]) -> int:
        """Bytes that an earlier attempt left, fed to the checksum."""
        have = 0
        try:
            size = path.stat().st_size
            if size > remote.bytes:
                path.unlink()
                return 0
            with path.open("rb") as file:
                while block := file.read(min(CHUNK_BYTES, size - have)):
                    feed(block)
                    have += len(block)
        except FileNotFoundError:
            return 0
        except OSError as problem:
            raise unwritable(problem, path) from problem
        return have

    def attempt(self, path: Path, remote: Remote, have: int, feed: Callable[[bytes], object], meter: Meter) -> int:
        """Bytes that one connection brought, written and fed to the checksum."""
        came = 0
        try:
            with path.open("ab") as file:
                for block in self.hub.stream(remote, have):
                    if self.stop.is_set():
                        break
                    fitting = block[: remote.bytes - have - came]
                    file.write(fitting)
                    feed(fitting)
                    came += len(fitting)
                    meter.add(len(fitting))
                    if have + came >= remote.bytes:
                        break
        except OSError as problem:
            raise unwritable(problem, path) from problem
        return came

    def put_in_place(self, target: Path, remotes: Sequence[Remote], parts: Sequence[Path]) -> Fetched:
        """The first part last, since a split file is looked for by its first."""
        digests = [json.loads(note_path(part).read_text(encoding="utf-8"))["sha256"] for part in parts]
        done = Fetched(target, sum(one.bytes for one in remotes), digests[0])
        names = parts_of(target)
        for part, name in reversed(list(zip(parts, names, strict=True))):
            part.replace(name)
            note_path(part).unlink(missing_ok=True)
        self.write_receipt(done)
        return done

    # -- what is remembered of finished files

    def receipt(self, target: Path) -> Fetched | None:
        """What is known of a file that was fetched and verified before and has not been changed since."""
        try:
            told = json.loads((self.work / f"{target.name}.json").read_text(encoding="utf-8"))
            parts = parts_of(target)
            same = told["modified"] == [part.stat().st_mtime_ns for part in parts]
            size = sum(part.stat().st_size for part in parts)
            return Fetched(target, size, str(told["sha256"])) if same and size == told["bytes"] else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write_receipt(self, done: Fetched) -> None:
        modified = [part.stat().st_mtime_ns for part in parts_of(done.path)]
        told = {**asdict(done), "path": done.path.name, "modified": modified}
        (self.work / f"{done.path.name}.json").write_text(json.dumps(told), encoding="utf-8")

    def note(self, part: Path, digest: str) -> None:
        note_path(part).write_text(json.dumps({"sha256": digest}), encoding="utf-8")

    # -- disk

    def part_path(self, remote: Remote) -> Path:
        """Named after its content, so that two versions of a file are never mixed."""
        return self.work / f"{Path(remote.file).name}.{(remote.sha256 or remote.etag)[:16]}.part"

    def make_folders(self) -> None:
        try:
            make_folder(self.work)
        except OSError as problem:
            raise unwritable(problem, self.work) from problem

    def check_disk(self, remotes: Sequence[Remote]) -> None:
        have = sum(path.stat().st_size for one in remotes if (path := self.part_path(one)).exists())
        need = sum(one.bytes for one in remotes) - have + SPARE_BYTES
        free = shutil.disk_usage(self.folder).free
        if free < need:
            raise DownloadFailed(
                f"{remotes[0].file} needs {file_size(need)} of disk and {file_size(free)} are free in {self.folder}. "
                "Free some space, choose a smaller model, or set models.cache_dir to another disk."
            )

    def lock(self, target: Path, show: Show, every_part: bool = False) -> Lock:
        """`every_part`: the target is a folder, and whatever comes may be a part of it."""
        return Lock(self.work, target.name, show, self.pause, every_part)


class Lock:
    """Keeps other processes from fetching the same file. Waits as long as the other one gets on."""

    def __init__(
        self, work: Path, name: str, show: Show, pause: Callable[[float], bool], every_part: bool = False
    ) -> None:
        from filelock import FileLock

        self.lock = FileLock(str(work / f"{name}.lock"), timeout=0)
        self.work, self.name, self.show, self.pause = work, name, show, pause
        self.stem = "" if every_part else found["stem"] if (found := PART.match(name)) else name

    def __enter__(self) -> None:
        from filelock import Timeout

        seen, since = -1, time.monotonic()
        while True:
            try:
                self.lock.acquire()
                return
            except Timeout:
                size = sum(part.stat().st_size for part in self.work.glob(f"{self.stem}*.part"))
            except OSError as problem:
                raise unwritable(problem, self.work) from problem
            self.show(DownloadProgress(size, 0, note="another process is fetching this file; waiting for it"))
            if size != seen:
                seen, since = size, time.monotonic()
            if time.monotonic() - since > LOCK_STUCK_S:
                raise DownloadFailed(
                    f"Another process holds {self.name} and gets no further. End it, then run this command again."
                )
            self.pause(LOCK_LOOK_S)

    def __exit__(self, *_: object) -> None:
        self.lock.release()


class Meter:
    """Bytes of all parts together and how fast they come, averaged over the last seconds; threads share it."""

    EVERY_S = 0.2
    AVERAGED_S = 5.0

    def __init__(self, total: int, show: Show) -> None:
        self.total, self.show = total, show
        self.done, self.rate = 0, 0.0
        self.shown = time.monotonic()
        self.fresh = 0
        self.guard = threading.Lock()

    def add(self, count: int, resumed: bool = False) -> None:
        with self.guard:
            self.done += count
            self.fresh += 0 if resumed else count
            now = time.monotonic()
            passed = now - self.shown
            if passed < self.EVERY_S and self.done < self.total:
                return
            if passed > 0 and self.fresh:
                weight = min(1.0, passed / self.AVERAGED_S) if self.rate else 1.0
                self.rate += weight * (self.fresh / passed - self.rate)
            self.shown, self.fresh = now, 0
            told = DownloadProgress(self.done, self.total, self.rate or None)
        self.show(told)


def note_path(part: Path) -> Path:
    return part.with_suffix(".json")


def unwritable(problem: OSError, path: Path) -> DownloadFailed:
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return DownloadFailed(
            f"The disk is full: {path.parent}. What came is kept. Free some space and run the same command again to go on."
        )
    return DownloadFailed(
        f"{path} cannot be written: {os.strerror(problem.errno or 0)}. Set models.cache_dir elsewhere."
    )

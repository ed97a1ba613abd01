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
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

from local_swarm.commands import command
from local_swarm.errors import DownloadFailed
from local_swarm.models.gguf import PART, parts_of
from local_swarm.models.hub import CONTENT_HASH, Changed, Hub, Remote
from local_swarm.models.part_download import PartDownload
from local_swarm.models.patience import MOST_WAITED_S, Patience
from local_swarm.models.registry import Variant
from local_swarm.paths import make_folder
from local_swarm.units import file_size

AT_ONCE = 3  # parts of a split file
SPARE_BYTES = 256 << 20  # of disk that must stay free
MOST_CHANGES = 3  # of what is fetched, meanwhile
LOCK_LOOK_S = 1.0
LOCK_STUCK_S = MOST_WAITED_S + 60.0  # without a byte of the other process's, which then is taken for dead

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
    """Fetches into one folder. `pause`: how to wait between attempts; returns whether it was interrupted meanwhile. `setting`:
    what names the folder, for those who want another one."""

    def __init__(
        self,
        folder: Path,
        hub: Hub,
        pause: Callable[[float], bool] | None = None,
        setting: str = "models.cache_dir",
    ) -> None:
        self.folder, self.hub, self.setting = folder, hub, setting
        self.work = folder / ".downloads"
        self.stop = threading.Event()
        self.pause = pause or self.stop.wait

    def fetch(self, variant: Variant, show: Show = lambda _: None) -> Fetched:
        """The file, all parts of it. Does nothing where it is there, and was verified, already.

        Raises DownloadFailed with what to do: offline, unreachable, gone, gated, no space, wrong content."""
        target = self.folder / Path(variant.file).name
        if known := self.receipt(target, variant):
            return known
        self.make_folders()
        with self.lock(target, show):
            if known := self.receipt(target, variant):  # the other process was faster
                return known
            meter = Meter(show)
            remotes, parts = self.fetch_all(lambda: self.remotes(variant, self.patience(meter)), meter)
            return self.put_in_place(target, variant, remotes, parts)

    def remotes(self, variant: Variant, patience: Patience | None = None) -> list[Remote]:
        """What the hub says of every part, checked against what the catalogue knows of the first."""
        names = [str(part.as_posix()) for part in parts_of(Path(variant.file))]
        found = self.hub.look_at_all(variant.repo, names, variant.revision, patience)
        if variant.sha256 and found[0].sha256 and found[0].sha256 != variant.sha256:
            raise DownloadFailed(
                f"{variant.file} in {variant.repo} is not the file that the catalogue knows: it was uploaded anew or tampered "
                f"with. To take it as it is now: {command('models', 'add', source_of(variant))}"
            )
        return [replace(found[0], sha256=found[0].sha256 or variant.sha256), *found[1:]]

    def fetch_all(self, look: Callable[[], list[Remote]], meter: Meter) -> tuple[list[Remote], list[Path]]:
        """What `look` finds, whole and of the right hashes, under working names. Where the hub changes it meanwhile, it is looked
        for anew. Raises DownloadFailed."""
        for _ in range(MOST_CHANGES):
            remotes = look()
            self.check_disk(remotes)
            different = list({self.part_path(one): one for one in remotes}.values())  # two of the same content are one
            meter.begin(sum(one.bytes for one in different))
            try:
                self.fetch_parts(different, meter)
                return remotes, [self.part_path(one) for one in remotes]
            except Changed as change:
                meter.say(f"{change.what}; looking again")
        raise DownloadFailed(f"{remotes[0].repo} is being changed on {self.hub.host} just now. Try again later.")

    def fetch_parts(self, remotes: Sequence[Remote], meter: Meter) -> None:
        if len(remotes) == 1:
            self.fetch_part(remotes[0], meter)
            return
        with ThreadPoolExecutor(AT_ONCE) as pool:
            try:
                list(pool.map(lambda one: self.fetch_part(one, meter), remotes))
            except BaseException:
                self.stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
            finally:
                self.stop.clear()

    def fetch_part(self, remote: Remote, meter: Meter) -> None:
        """One file, whole and of the right hash, under its working name."""
        path = self.part_path(remote)
        download = PartDownload(self.hub, remote, path, self.patience(meter, met=True), meter.add, self.stop.is_set)
        try:
            digest = download.fetch()
            note_path(path).write_text(json.dumps({"sha256": digest}), encoding="utf-8")
        except OSError as problem:
            raise unwritable(problem, path, self.setting) from problem

    def patience(self, meter: Meter, met: bool = False) -> Patience:
        return Patience(self.pause, meter.say, met)

    def put_in_place(self, target: Path, variant: Variant, remotes: Sequence[Remote], parts: Sequence[Path]) -> Fetched:
        """The first part last, since a split file is looked for by its first."""
        try:
            digests = [json.loads(note_path(part).read_text(encoding="utf-8"))["sha256"] for part in parts]
            for part, name in reversed(list(zip(parts, parts_of(target), strict=True))):
                move(part, name)
                note_path(part).unlink(missing_ok=True)
            done = Fetched(target, sum(one.bytes for one in remotes), digests[0])
            self.write_receipt(done, source_of(variant))
        except OSError as problem:
            raise unwritable(problem, target, self.setting) from problem
        return done

    # -- what is remembered of finished files

    def receipt(self, target: Path, variant: Variant) -> Fetched | None:
        """What is known of a file that was fetched and verified before and has not been changed since.

        Raises DownloadFailed where it is another repository's file of the same name."""
        try:
            told = json.loads((self.work / f"{target.name}.json").read_text(encoding="utf-8"))
            parts = parts_of(target)
            same = told["modified"] == [part.stat().st_mtime_ns for part in parts]
            done = Fetched(target, sum(part.stat().st_size for part in parts), str(told["sha256"]))
            source = told.get("source", source_of(variant))
            if not same or done.bytes != told["bytes"]:
                return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None
        if variant.sha256 in (None, done.sha256) and (source == source_of(variant) or variant.sha256):
            return done
        if source == source_of(variant):
            return None
        raise DownloadFailed(
            f"{target} is here already and is {source}, another file of the same name. Move it to another folder, then run this "
            "again."
        )

    def write_receipt(self, done: Fetched, source: str) -> None:
        modified = [part.stat().st_mtime_ns for part in parts_of(done.path)]
        told = {**asdict(done), "path": done.path.name, "modified": modified, "source": source}
        (self.work / f"{done.path.name}.json").write_text(json.dumps(told), encoding="utf-8")

    # -- disk

    def part_path(self, remote: Remote) -> Path:
        """Named after its content, so that two versions of a file are never mixed."""
        content = remote.sha256 or remote.etag
        mark = content if CONTENT_HASH.fullmatch(content) else sha256(content.encode()).hexdigest()
        return self.work / f"{Path(remote.file).name}.{mark[:16]}.part"

    def make_folders(self) -> None:
        try:
            make_folder(self.work)
        except OSError as problem:
            raise unwritable(problem, self.work, self.setting) from problem

    def check_disk(self, remotes: Sequence[Remote]) -> None:
        try:
            have = sum(path.stat().st_size for one in remotes if (path := self.part_path(one)).exists())
            free = shutil.disk_usage(self.folder).free
        except OSError as problem:
            raise unwritable(problem, self.folder, self.setting) from problem
        need = sum(one.bytes for one in remotes) - have + SPARE_BYTES
        if free < need:
            raise DownloadFailed(
                f"{remotes[0].file} needs {file_size(need)} of disk and {file_size(free)} are free in {self.folder}. "
                f"Free some space, choose a smaller model, or name another disk in {self.setting}."
            )

    def lock(self, target: Path, show: Show, every_part: bool = False) -> Lock:
        """`every_part`: the target is a folder, and whatever comes may be a part of it."""
        return Lock(self.work, target.name, show, self.pause, self.setting, every_part)


class Lock:
    """Keeps other processes from fetching the same file. Waits as long as the other one gets on."""

    def __init__(
        self, work: Path, name: str, show: Show, pause: Callable[[float], bool], setting: str, every_part: bool
    ) -> None:
        from filelock import FileLock

        self.lock = FileLock(str(work / f"{name}.lock"), timeout=0)
        self.work, self.name, self.show, self.pause, self.setting = work, name, show, pause, setting
        self.stem = "" if every_part else found["stem"] if (found := PART.match(name)) else name

    def __enter__(self) -> None:
        from filelock import Timeout

        seen, since = -1, time.monotonic()
        while True:
            try:
                self.lock.acquire()
                return
            except Timeout:
                size = self.came()
            except OSError as problem:
                raise unwritable(problem, self.work, self.setting) from problem
            self.show(DownloadProgress(size, 0, note="another process is fetching this file; waiting for it"))
            if size != seen:
                seen, since = size, time.monotonic()
            if time.monotonic() - since > LOCK_STUCK_S:
                raise DownloadFailed(
                    f"Another process holds {self.name} and gets no further. End it, then run this command again."
                )
            self.pause(LOCK_LOOK_S)

    def came(self) -> int:
        """Bytes that the other process has; one that it puts in its place just now counts no more."""
        size = 0
        for part in self.work.iterdir():
            if part.name.startswith(self.stem) and part.suffix == ".part":
                with suppress(FileNotFoundError):
                    size += part.stat().st_size
        return size

    def __exit__(self, *_: object) -> None:
        self.lock.release()


class Meter:
    """Bytes of all parts together and how fast they come, averaged over the last seconds; threads share it."""

    EVERY_S = 0.2
    AVERAGED_S = 5.0

    def __init__(self, show: Show) -> None:
        self.show = show
        self.guard = threading.Lock()
        self.rate = 0.0
        self.begin(0)

    def begin(self, total: int) -> None:
        self.total, self.done, self.fresh = total, 0, 0
        self.shown = time.monotonic()

    def say(self, note: str) -> None:
        """What is waited for, where no bytes come."""
        self.show(DownloadProgress(self.done, self.total, note=note))

    def add(self, count: int, resumed: bool = False) -> None:
        """`resumed`: they were here. Fewer than none are those that had to go."""
        with self.guard:
            self.done += count
            self.fresh += 0 if resumed else max(0, count)
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


def source_of(variant: Variant) -> str:
    return f"{variant.repo}/{variant.file}"


def note_path(part: Path) -> Path:
    return part.with_suffix(".json")


def move(part: Path, target: Path) -> None:
    """Put a file in another's place, from another disk as well. Raises OSError, also where a folder is in that place."""
    try:
        part.replace(target)
    except OSError as problem:
        if problem.errno != errno.EXDEV or target.is_dir():
            raise
        draft = target.with_name(f".{target.name}.new")
        shutil.move(part, draft)
        draft.replace(target)


def unwritable(problem: OSError, path: Path, setting: str) -> DownloadFailed:
    """`setting`: what names the folder."""
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return DownloadFailed(
            f"The disk is full: {path.parent}. What came is kept. Free some space and run the same command again to go on."
        )
    why = os.strerror(problem.errno or 0)
    if problem.errno in (errno.EEXIST, errno.ENOTDIR):
        why = "a file lies where a folder is needed"
    elif problem.errno == errno.EISDIR:
        why = "a folder lies where a file is needed"
    return DownloadFailed(
        f"{path} cannot be written: {why}. Move what lies there, or name another folder in {setting}."
    )

"""A file of the hub in, its bytes under a working name out: whole, and of the right hash.

Bytes are kept only if they are those that were asked for: by status, range, length and type of the reply, and by how they begin.
What is refused is asked for again, for as long as patience goes; what has the wrong hash in the end is fetched once more."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from local_swarm.errors import DownloadFailed
from local_swarm.models.file_content import POINTER
from local_swarm.models.hub import Changed, Hub, RangeRefused, Remote
from local_swarm.models.hub_replies import ENOUGH, PORTAL, WEIGHTS, is_weights, something_else
from local_swarm.models.part_file import PartFile
from local_swarm.models.patience import Passing, Patience

REFUSED_RANGES = 2  # in a row; then all of it is asked for, and the next time after twice as many
MOST_CUTS = 3  # how often what is here may turn out to differ from what comes
MOST_WASTED = 0.9  # of a file's bytes; the rest is left for what is refused afterwards
LARGEST_POINTER = 1024  # bytes, as git-lfs.com/spec has it
LATER = "Run the same command again later."
KEPT = "What came is kept: run the same command again to go on."


class PartDownload:
    """`stopped`: whether to end early; `add`: is told how many bytes more there are, and whether they were here before."""

    def __init__(
        self,
        hub: Hub,
        remote: Remote,
        path: Path,
        patience: Patience,
        add: Callable[..., object],
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self.hub, self.remote, self.patience = hub, remote, patience
        self.part = PartFile(path)
        self.add, self.stopped = add, stopped
        self.longest = 0  # bytes that there have been
        self.refused = self.wholes = 0
        self.wasted = 0  # bytes that came and are not kept
        self.doubted: bytes | None = None

    def fetch(self) -> str:
        """The hash of the whole file. Raises DownloadFailed, Changed, and OSError for the disk's faults."""
        self.take_up()
        for last in (False, True):
            self.fetch_missing()
            digest = self.part.digest.hexdigest()
            if self.remote.sha256 in (None, digest):
                return digest
            self.begin_anew()
            if not last:
                self.patience.say("the checksum is wrong; fetching the file once more")
        self.part.remove()
        raise DownloadFailed(
            f"What came as {self.remote.file} from {self.hub.host} is not the file: its checksum is wrong. It was deleted. Try "
            "again; if a mirror is set in HF_ENDPOINT, try without it."
        )

    def take_up(self) -> None:
        """What an earlier attempt left, unless it cannot be the beginning of this file."""
        self.part.take_up()
        head = self.part.head(ENOUGH)
        self.doubted = head  # that attempt has seen it come twice
        if self.part.size > self.remote.bytes or (head and self.judge(head) is not None):
            self.part.remove()
        self.add(self.part.size, True)
        self.longest = self.part.size

    def begin_anew(self) -> None:
        self.add(-self.part.size)
        self.part.cut(0)
        self.longest = 0

    def fetch_missing(self) -> None:
        """All bytes that are still missing."""
        while self.part.size < self.remote.bytes:
            try:
                self.attempt()
                trouble = Passing(f"The connection to {self.hub.host} broke off")
            except Changed:
                raise
            except Passing as problem:
                trouble = problem
            self.count(trouble)
            if self.part.size < self.remote.bytes and not self.patience.bear(trouble):
                raise DownloadFailed(self.over(trouble))

    def count(self, trouble: Passing) -> None:
        if self.part.size > self.longest:
            self.longest, self.refused = self.part.size, 0
            self.patience.progress()
        self.refused += isinstance(trouble, RangeRefused)

    def attempt(self) -> None:
        """What one connection brings. Raises Passing for what is not to be kept."""
        borne = REFUSED_RANGES * (1 if self.affordable(0) else 3)
        whole = self.refused >= borne << self.wholes
        self.wholes += whole
        self.refused = 0 if whole else self.refused
        begin = 0 if whole else self.part.size
        first = True
        with self.part:
            for offset, block in self.hub.stream(self.remote, begin):
                if first:
                    self.wasted += len(block)  # until it is known to be the file's
                    self.check_beginning(offset, block)
                    self.check_waste(offset, whole)
                    self.wasted -= len(block)
                first = False
                if self.stopped():
                    return
                self.keep(offset, block[: self.remote.bytes - offset])
                if self.part.size >= self.remote.bytes:
                    return

    def keep(self, offset: int, block: bytes) -> None:
        before = self.part.cuts
        more = self.part.write(offset, block)
        self.add(more)
        self.wasted += len(block) - more
        if self.part.cuts > before and self.part.cuts <= MOST_CUTS:
            self.longest = 0

    def check_beginning(self, offset: int, block: bytes) -> None:
        """Raises Passing where a reply that says that it begins there does not; DownloadFailed where the file itself is wrong."""
        if offset and is_weights(self.remote.file, block):
            raise RangeRefused(f"{self.hub.host} sent the beginning of the file where a later part was asked for")
        wrong = self.judge(block[:ENOUGH]) if offset == 0 else None
        if wrong:
            self.doubted = block[:ENOUGH]
        if wrong and self.remote.bytes <= LARGEST_POINTER and block.startswith(POINTER):
            raise DownloadFailed(
                f"In place of {self.remote.file}, {self.hub.host} has {wrong}. The file itself is not there. If a mirror is set "
                "in HF_ENDPOINT, try without it."
            )
        if wrong:
            raise Passing(
                f"{self.hub.host} sent {wrong} as {self.remote.file}", advice=PORTAL if "page" in wrong else ""
            )

    def check_waste(self, offset: int, whole: bool) -> None:
        """Raises RangeRefused where it is better to ask again for the rest than to take all that is here once more."""
        if not whole and offset < self.part.size and not self.affordable(offset):
            raise RangeRefused(f"{self.hub.host} sent the whole file where a part was asked for")

    def affordable(self, offset: int) -> bool:
        """Whether what is here may come once more from there on, without a file's bytes fetched in vain."""
        return self.wasted + self.part.size - offset <= self.remote.bytes * MOST_WASTED

    def judge(self, head: bytes) -> str | None:
        """What the file would be that begins in this way, None for the one that is wanted. An unknown beginning is believed where
        it comes again and a hash will vouch for it."""
        if wrong := something_else(self.remote.file, head):
            return wrong
        known = not self.remote.file.endswith(WEIGHTS) or is_weights(self.remote.file, head)
        again = head == self.doubted and len(head) >= min(ENOUGH, self.remote.bytes)
        return None if known or (again and self.remote.sha256) else "what does not begin as such a file does"

    def over(self, trouble: Passing) -> str:
        where = f"at {self.part.size} of {self.remote.bytes} bytes of {self.remote.file}"
        return f"{trouble.what} too often, {where}. {KEPT if self.part.size else LATER} {trouble.advice}".strip()

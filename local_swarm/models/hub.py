"""A repository and a file's name in, its size, hash, address and bytes out. The one file that talks to huggingface_hub.

Every wait is bounded. What may pass is borne as long as the caller's patience goes; every other refusal becomes a DownloadFailed
that says what to do.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar
from urllib.parse import quote

from local_swarm.commands import extra_command
from local_swarm.errors import DownloadFailed
from local_swarm.models.hub_replies import ENOUGH, PORTAL, is_other_type, place_of_body
from local_swarm.models.patience import Passing, Patience
from local_swarm.models.refusals import Subject, refusal
from local_swarm.models.web_client import WebClient, host_of
from local_swarm.paths import UNCOUNTED

if TYPE_CHECKING:
    from httpx2 import Response

HUB = "https://huggingface.co"
SHA256 = re.compile(r"[0-9a-f]{64}")
CONTENT_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")  # git's and LFS's
TOKEN = re.compile(r"[\x21-\x7e]+")
LARGEST_LIST = 1 << 25  # bytes of a repository's list of files
LONGEST_PATH = 1000  # characters of a file's name with its folders
NO_HEAD = (405, 501)
FACTS = ("x-repo-commit", "x-linked-etag", "x-linked-size")
T = TypeVar("T")


class RangeRefused(Passing):
    """The server does not give a part of the file, or another one than was asked for."""


class Changed(Passing):
    """Another file lies under the name than a moment ago."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A file as the hub describes it. `sha256` None for the small ones that are kept in git."""

    repo: str
    file: str
    bytes: int
    etag: str
    sha256: str | None
    revision: str
    url: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The files of a revision; `told`: those of which the hub says size and hash as well."""

    revision: str
    names: list[str]
    told: Mapping[str, Remote] = field(default_factory=dict)


class Hub:
    """The hub, or a mirror of it. `offline`: refuse at once, without a packet."""

    def __init__(self, offline: bool = False, environment: Mapping[str, str] = os.environ) -> None:
        self.endpoint = (environment.get("HF_ENDPOINT") or HUB).rstrip("/")
        self.offline = offline or environment.get("HF_HUB_OFFLINE", "") not in ("", "0")
        self.token = environment.get("HF_TOKEN") or None
        self.client = WebClient(self.endpoint, environment)

    @property
    def host(self) -> str:
        return host_of(self.endpoint)

    def look(self, repo: str, file: str, revision: str | None = None, patience: Patience | None = None) -> Remote:
        """What there is under that name, at that revision or now. Raises DownloadFailed."""
        asked = self.subject(repo, file)
        self.check_online(asked.name)
        url = self.address(repo, file, revision)
        return self.patiently(asked, patience or Patience(), lambda: self.read_facts(asked, url, revision))

    def look_at_all(
        self, repo: str, files: list[str], revision: str | None = None, patience: Patience | None = None
    ) -> list[Remote]:
        """The same for several files of a repository, with one question where the hub answers that. Raises DownloadFailed."""
        patience = patience or Patience()
        told: Mapping[str, Remote] = {}
        if len(files) > 1:
            try:
                told = self.list_files(repo, revision, patience).told
            except DownloadFailed:  # a mirror may keep no lists, and what is wrong is told better by the files
                if patience.failures:
                    raise
        return [told.get(file) or self.look(repo, file, revision, patience) for file in files]

    def list_files(self, repo: str, revision: str | None = None, patience: Patience | None = None) -> Listing:
        """The revision that there is now, or the one that is asked for, and its files. Raises DownloadFailed."""
        asked = self.subject(repo, "")
        self.check_online(repo)
        self.address(repo, "any")
        at = f"/revision/{quote(revision, safe='')}" if revision else ""
        url = f"{self.endpoint}/api/models/{repo}{at}"
        patience = patience or Patience()
        try:
            told = self.patiently(asked, patience, lambda: self.read_json(asked, f"{url}?blobs=true"))
        except DownloadFailed:
            if patience.failures:
                raise
            told = self.patiently(asked, patience, lambda: self.read_json(asked, url))  # all that some mirrors know
        return self.read_listing(repo, told, revision)

    def stream(self, remote: Remote, begin: int) -> Iterator[tuple[int, bytes]]:
        """Pieces of the file with their offsets, from `begin` on or before it, as far as one connection brings them.

        Raises `Passing` where that broke off or was not the file, and DownloadFailed where trying again would not help."""
        asked = self.subject(remote.repo, remote.file)
        headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={begin}-"} if begin else {})}
        url = self.address(remote.repo, remote.file, remote.revision)

        def is_settled(response: Response) -> bool:
            check_unchanged(response, remote)
            return False

        with self.client.ask("GET", url, headers, self.secret(), is_settled) as response:
            known = small_headers(response)
            if response.status_code == 416 and begin:
                raise RangeRefused(f"{host_of(str(response.url))} has no such part of the file (HTTP 416)")
            self.check(response, asked)
            try:
                offset = place_of_body(response.status_code, known, begin, remote.bytes)
            except ValueError as problem:
                raise RangeRefused(
                    f"In place of what was asked for, {host_of(str(response.url))} sent {problem}"
                ) from problem
            for block in blocks_of(response):
                yield offset, block
                offset += len(block)

    # -- questions

    def patiently(self, asked: Subject, patience: Patience, question: Callable[[], T]) -> T:
        """The answer to a question, asked again while its trouble may pass. Raises DownloadFailed."""
        while True:
            try:
                answer = question()
            except Passing as trouble:
                if not patience.bear(trouble):
                    raise DownloadFailed(over(trouble, asked)) from trouble
            else:
                patience.progress()
                return answer

    def read_facts(self, asked: Subject, url: str, revision: str | None) -> Remote:
        headers = {"Accept-Encoding": "identity"}
        facts: dict[str, str] = {}

        def is_settled(response: Response) -> bool:
            for name, value in small_headers(response).items():
                if name in FACTS:
                    facts.setdefault(name, value)
            return "x-linked-etag" in facts and "x-linked-size" in facts

        with self.client.ask("HEAD", url, headers, self.secret(), is_settled) as response:
            if response.status_code not in NO_HEAD:
                return self.remote_of(asked, response, facts, revision)
        with self.client.ask("GET", url, {**headers, "Range": "bytes=0-0"}, self.secret(), is_settled) as response:
            return self.remote_of(asked, response, facts, revision)

    def remote_of(self, asked: Subject, response: Response, facts: Mapping[str, str], revision: str | None) -> Remote:
        known = small_headers(response)
        if not response.has_redirect_location:
            self.check(response, asked)
        size = facts.get("x-linked-size") or size_of(response.status_code, known)
        etag = bare_etag(facts.get("x-linked-etag") or known.get("etag", ""))
        if not (size.isascii() and size.isdigit()) or not etag:
            raise DownloadFailed(
                f"{self.host} does not say how large {asked.file} is. If HF_ENDPOINT is set, it is no mirror of the hub."
            )
        return self.remote(asked, int(size), etag, facts.get("x-repo-commit") or revision or "main")

    def remote(self, asked: Subject, size: int, etag: str, revision: str) -> Remote:
        digest = etag if SHA256.fullmatch(etag) else None
        url = self.address(asked.repo, asked.file, revision)
        return Remote(asked.repo, asked.file, size, etag, digest, revision, url)

    def read_json(self, asked: Subject, url: str) -> dict[str, Any]:
        with self.client.ask("GET", url, {"Accept": "application/json"}, self.secret()) as response:
            self.check(response, asked)
            body = bytearray()
            for block in response.iter_bytes():
                body += block
                if len(body) > LARGEST_LIST:
                    raise DownloadFailed(f"{self.host} sent a list of files without an end for {asked.repo}.")
        try:
            told = json.loads(body)
        except (ValueError, RecursionError) as problem:
            raise Passing(f"{self.host} sent no list of files", advice=PORTAL) from problem
        if not isinstance(told, dict):
            raise DownloadFailed(
                f"{self.host} sent no list of files. If HF_ENDPOINT is set, it is no mirror of the hub."
            )
        return told

    def read_listing(self, repo: str, told: Mapping[str, Any], revision: str | None) -> Listing:
        """What a list says, as far as it can be read."""
        at = str(told.get("sha") or revision or "main")[:LONGEST_PATH]
        siblings = told.get("siblings")
        found = [one for one in siblings if isinstance(one, dict)] if isinstance(siblings, list) else []
        files = {name: one for one in found if is_name(name := one.get("rfilename"))}
        facts = {name: facts_of(one) for name, one in files.items()}
        known = {
            name: self.remote(self.subject(repo, name), size, etag, at)
            for name, (size, etag) in facts.items()
            if size is not None and etag
        }
        return Listing(at, list(files), known)

    def check(self, response: Response, asked: Subject) -> None:
        """Raises Passing or DownloadFailed for what is not the answer to the question."""
        host, known = host_of(str(response.url)), small_headers(response)
        if response.status_code not in (200, 206):
            raise refusal(response.status_code, known, asked, host, time.time())
        if is_other_type(asked.file, known.get("content-type", "")):
            kind = known["content-type"].split(";")[0][:50]
            raise Passing(f"In place of the file, {host} sent {kind}", advice=PORTAL)

    # -- what is asked, and for whom

    def subject(self, repo: str, file: str) -> Subject:
        shown = re.sub(r"(?<=//)[^/]*@", "", self.endpoint)
        return Subject(shown, self.host, repo, file)

    def address(self, repo: str, file: str, revision: str | None = None) -> str:
        """Raises DownloadFailed for what cannot be a name."""
        library = import_hub()
        from huggingface_hub.utils import HFValidationError, validate_repo_id  # type: ignore[attr-defined]

        try:
            validate_repo_id(repo)
        except HFValidationError as problem:
            raise DownloadFailed(
                f"{repo}/{file} is no name of a repository's file. Write it as OWNER/NAME/FILE.gguf."
            ) from problem
        return str(library.hf_hub_url(repo, file, revision=revision, endpoint=self.endpoint))

    def secret(self) -> dict[str, str]:
        """The token of the environment, else the one that `hf auth login` left, else none. Raises DownloadFailed."""
        token = (self.token or import_hub().get_token() or "").strip()
        if not token:
            return {}
        if not TOKEN.fullmatch(token):
            raise DownloadFailed("HF_TOKEN holds characters that no token has. Copy it anew, or unset it.")
        return {"Authorization": f"Bearer {token}"}

    def check_online(self, what: str) -> None:
        """Raises DownloadFailed where nothing may be asked, or nobody can be."""
        if self.offline:
            raise DownloadFailed(
                f"{what} cannot be fetched: LOCAL_SWARM_OFFLINE or HF_HUB_OFFLINE forbids it. Unset it, or put the file into the "
                "models' folder by hand."
            )
        if not re.match(r"https?://[^/]", self.endpoint):
            raise DownloadFailed(
                f"HF_ENDPOINT={self.endpoint} is no web address. Write it as https://HOST, or unset it."
            )


def over(trouble: Passing, asked: Subject) -> str:
    """What is said of a question at the end of patience."""
    wish_s = trouble.after_s or 0.0
    wish = f" and asks to wait {wish_s / 60:.0f} minutes" if wish_s > 60 else ""
    where = "" if not trouble.reached else f", so {asked.name} cannot be had"
    return f"{trouble.what}{wish}{where}. {trouble.advice}".strip()


def small_headers(response: Response) -> dict[str, str]:
    return {name.lower(): value for name, value in response.headers.items()}


def blocks_of(response: Response) -> Iterator[bytes]:
    """The pieces as they come, since larger ones would be lost where it breaks off; the first is large enough to be judged."""
    from httpx2 import TransportError

    blocks, head = response.iter_raw(), b""
    try:
        for block in blocks:
            head += block
            if len(head) >= ENOUGH:
                break
    except TransportError:
        if head:
            yield head
        raise
    yield head
    yield from blocks


def check_unchanged(response: Response, remote: Remote) -> None:
    """Raises Changed where the hub says that another content lies there now. Only hashes of contents say so."""
    etag = bare_etag(small_headers(response).get("x-linked-etag", ""))
    same_kind = CONTENT_HASH.fullmatch(etag) and len(etag) == len(remote.etag) and CONTENT_HASH.fullmatch(remote.etag)
    if same_kind and etag != remote.etag:
        raise Changed(f"{remote.file} was changed on the hub meanwhile")


def bare_etag(etag: str) -> str:
    """Without the marks of a weak one; a hash in the letters that hashes have."""
    bare = etag.strip().removeprefix("W/").strip('"')
    return bare.lower() if CONTENT_HASH.fullmatch(bare.lower()) else bare


def size_of(status: int, headers: Mapping[str, str]) -> str:
    if status == 206:
        return headers.get("content-range", "").rpartition("/")[2]
    return headers.get("content-length", "") if status == 200 else ""


def is_name(told: object) -> TypeGuard[str]:
    """Whether it can be a file's: JSON may hold halves of characters, which no address does."""
    return isinstance(told, str) and 0 < len(told) <= LONGEST_PATH and told.encode("utf-8", "ignore").decode() == told


def facts_of(sibling: Mapping[str, Any]) -> tuple[int | None, str]:
    """Size and hash of a file of a list: LFS's, or else git's."""
    large = sibling.get("lfs")
    inside = large if isinstance(large, dict) else {}
    size = inside.get("size", sibling.get("size"))
    etag = bare_etag(str(inside.get("sha256") or sibling.get("blobId") or ""))
    return (size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else None), etag


def import_hub() -> Any:
    """huggingface_hub, which a phone may do without. It is told to report nothing and to look up nothing else."""
    os.environ.update(UNCOUNTED)
    try:
        import huggingface_hub
        from huggingface_hub import constants
    except ImportError as problem:
        raise DownloadFailed(
            f"Fetching models needs the package huggingface_hub: {extra_command('hub')}. "
            "Or put a .gguf file into the models' folder by hand."
        ) from problem
    # Whoever imported it before may not have said so, and then it asks the hub which program calls it, beside what is wanted.
    constants.HF_HUB_DISABLE_TELEMETRY = True
    return huggingface_hub

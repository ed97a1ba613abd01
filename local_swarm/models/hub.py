"""A repository and a file's name in, its size, hash, address and bytes out. The one file that talks to huggingface_hub.

Every wait is bounded, and every refusal becomes a DownloadFailed that says what to do.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from local_swarm.errors import DownloadFailed
from local_swarm.paths import UNCOUNTED, extra_command, program_name

HUB = "https://huggingface.co"
PATIENCE_S = 10.0  # for an answer to begin, and between two pieces of it
SHA256 = re.compile(r"[0-9a-f]{64}")


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


class Hub:
    """The hub, or a mirror of it. `offline`: refuse at once, without a packet."""

    def __init__(self, offline: bool = False, environment: Mapping[str, str] = os.environ) -> None:
        self.endpoint = (environment.get("HF_ENDPOINT") or HUB).rstrip("/")
        self.offline = offline or environment.get("HF_HUB_OFFLINE", "") not in ("", "0")
        self.token = environment.get("HF_TOKEN") or None

    @property
    def host(self) -> str:
        return urlsplit(self.endpoint).netloc or self.endpoint

    def look(self, repo: str, file: str, revision: str | None = None) -> Remote:
        """What there is under that name, at that revision or now. Raises DownloadFailed."""
        self.check_online(f"{repo}/{file}")
        library = import_hub()
        url = library.hf_hub_url(repo, file, revision=revision, endpoint=self.endpoint)
        try:
            told = library.get_hf_file_metadata(
                url, token=self.credentials(), timeout=PATIENCE_S, endpoint=self.endpoint
            )
        except Exception as problem:
            raise self.refusal(problem, repo, file) from problem
        if told.size is None or not told.etag:
            raise DownloadFailed(
                f"{self.host} does not say how large {file} is. If HF_ENDPOINT is set, it is no mirror of the hub."
            )
        digest = told.etag if SHA256.fullmatch(told.etag) else None
        return Remote(
            repo=repo,
            file=file,
            bytes=told.size,
            etag=told.etag,
            sha256=digest,
            revision=told.commit_hash or revision or "main",
            url=url,
        )

    def list_files(self, repo: str) -> tuple[str, list[str]]:
        """The revision that there is now, and the names of its files. Raises DownloadFailed."""
        self.check_online(repo)
        library = import_hub()
        api = library.HfApi(endpoint=self.endpoint, token=self.credentials())
        try:
            told = api.model_info(repo, timeout=PATIENCE_S)
        except Exception as problem:
            raise self.refusal(problem, repo, "") from problem
        return told.sha or "main", [one.rfilename for one in told.siblings or ()]

    def stream(self, remote: Remote, begin: int) -> Iterator[bytes]:
        """The bytes from `begin` on, as far as one connection brings them: it ends early where that breaks off.

        Raises DownloadFailed where trying again would not help."""
        from httpx2 import HTTPError, TransportError
        from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status  # type: ignore[attr-defined]

        pinned = import_hub().hf_hub_url(remote.repo, remote.file, revision=remote.revision, endpoint=self.endpoint)
        headers = {**build_hf_headers(token=self.credentials()), "Accept-Encoding": "identity"}
        if begin:
            headers["Range"] = f"bytes={begin}-"
        try:
            with get_session().stream(
                "GET", pinned, headers=headers, timeout=PATIENCE_S, follow_redirects=True
            ) as response:
                if response.status_code in (408, 429) or response.status_code >= 500:
                    return
                hf_raise_for_status(response)
                skip = 0 if response.status_code == 206 else begin  # a server without ranges sends all of it again
                for block in response.iter_raw():  # as they come: larger pieces would be lost when it breaks off
                    skipped = min(skip, len(block))
                    skip -= skipped
                    if skipped < len(block):
                        yield block[skipped:]
        except TransportError:
            return
        except HTTPError as problem:
            raise self.refusal(problem, remote.repo, remote.file) from problem

    def credentials(self) -> str | bool | None:
        """The token of the environment, else the one that `hf auth login` left, else none."""
        return self.token or import_hub().get_token() or False

    def check_online(self, what: str) -> None:
        if self.offline:
            raise DownloadFailed(
                f"{what} cannot be fetched: LOCAL_SWARM_OFFLINE or HF_HUB_OFFLINE forbids it. Unset it, or put the file into the "
                "models' folder by hand."
            )

    def refusal(self, problem: Exception, repo: str, file: str) -> DownloadFailed:
        from httpx2 import TransportError
        from huggingface_hub import errors

        name = f"{repo}/{file}".rstrip("/")
        page = f"{self.endpoint}/{repo}"
        if isinstance(problem, errors.GatedRepoError):
            return DownloadFailed(
                f"{repo} is gated: accept its licence at {page}, make a token at {self.endpoint}/settings/tokens, put it into "
                "HF_TOKEN and run the same command again."
            )
        if isinstance(problem, errors.RepositoryNotFoundError) or status_of(problem) == 401:
            return DownloadFailed(
                f"{self.host} has no repository {repo}, or it is private and HF_TOKEN does not open it. Look at {page}; another "
                f"source of a model can be added with: {program_name()} models add REPO/FILE.gguf"
            )
        if isinstance(problem, (errors.EntryNotFoundError, errors.RevisionNotFoundError)):
            return DownloadFailed(
                f"{name} is gone: it was renamed or removed. Look at {page}, then: {program_name()} models add {repo}/FILE.gguf"
            )
        if isinstance(problem, (TransportError, errors.OfflineModeIsEnabled)):
            return DownloadFailed(
                f"{self.host} cannot be reached. Check the connection; a mirror can be set in HF_ENDPOINT. Models that are here "
                "already, and the starter model, run without it."
            )
        if isinstance(problem, errors.HFValidationError):
            return DownloadFailed(f"{name} is no name of a repository's file. Write it as OWNER/NAME/FILE.gguf.")
        return DownloadFailed(f"{self.host} refuses {name}{code(problem)}. Try again later.")


def status_of(problem: Exception) -> int | None:
    response = getattr(problem, "response", None)
    return getattr(response, "status_code", None)


def code(problem: Exception) -> str:
    status = status_of(problem)
    return f" (HTTP {status})" if status else f" ({type(problem).__name__})"


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

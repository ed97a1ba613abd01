"""A status of the hub in, what it means out: a trouble that may pass, or a sentence that says what to do. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from local_swarm.commands import command
from local_swarm.errors import DownloadFailed
from local_swarm.models.hub_replies import PORTAL, wished_wait
from local_swarm.models.patience import Passing

MAY_PASS = (408, 425, 429)  # beside all faults of servers
LOGIN_WANTED = 511  # RFC 6585: by this network


@dataclass(frozen=True, slots=True)
class Subject:
    """What is asked for. `file` "" for the repository as a whole."""

    endpoint: str
    host: str
    repo: str
    file: str

    @property
    def name(self) -> str:
        return f"{self.repo}/{self.file}".rstrip("/")

    @property
    def page(self) -> str:
        return f"{self.endpoint}/{self.repo}"


def refusal(status: int, headers: Mapping[str, str], asked: Subject, host: str, now: float) -> Passing | DownloadFailed:
    """For any status but 200 and 206. `host`: who answered; where that is not the hub, it judges the link and not the user.

    `headers` in small letters."""
    code = headers.get("x-error-code", "")
    if status == LOGIN_WANTED:
        return Passing(f"{host} wants a login (HTTP 511)", advice=PORTAL)
    if status >= 500 or status < 400 or status in MAY_PASS:
        return Passing(f"{host} answers HTTP {status}", wished_wait(headers, now), advice="Try again later.")
    if host != asked.host and not code:
        return Passing(f"{host} does not accept the link (HTTP {status})", advice="Try again later.")
    return DownloadFailed(sentence(status, code, asked))


def sentence(status: int, code: str, asked: Subject) -> str:
    host, repo, page = asked.host, asked.repo, asked.page
    if code == "GatedRepo":
        return (
            f"{repo} is gated: accept its licence at {page}, make a token at {asked.endpoint}/settings/tokens, put it into "
            "HF_TOKEN and run the same command again."
        )
    if code in ("EntryNotFound", "RevisionNotFound") or (
        status in (404, 410) and code != "RepoNotFound" and asked.file
    ):
        add = command("models", "add", f"{repo}/FILE.gguf")
        return f"{asked.name} is gone: it was renamed or removed. Look at {page}, then: {add}"
    if code == "RepoNotFound" or status in (401, 404):
        add = command("models", "add", "REPO/FILE.gguf")
        return (
            f"{host} has no repository {repo}, or it is private and HF_TOKEN does not open it. Look at {page}; another source of "
            f"a model can be added with: {add}"
        )
    if status == 451:
        return f"{host} may not give out {asked.name} for legal reasons (HTTP 451). Choose another model."
    if status == 403:
        return (
            f"{host} does not give out {asked.name} (HTTP 403): HF_TOKEN lacks the right, or the repository is closed. Look at "
            f"{page}, or try again later."
        )
    return f"{host} refuses {asked.name} (HTTP {status}). Try again later."

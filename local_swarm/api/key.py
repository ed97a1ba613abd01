"""The address and the keys of the users' door: one for callers, made once, and one for this user's own commands, made at every
start. Both lie in the swarm's home for its owner alone."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from local_swarm.api.middleware import is_loopback
from local_swarm.config import ServerConfig
from local_swarm.errors import WrongUse
from local_swarm.paths import PRIVATE, home, keep, program_name

CONTROL = "x-swarm-control"  # the header that carries the token of this user's commands
CONTROL_FILE = "control.token"


def control_token(folder: Path | None = None) -> str | None:
    """That of the daemon of this home, or another one, if there is one and we may read it."""
    try:
        return ((folder or home()) / CONTROL_FILE).read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeError):
        return None


def page_token(control: str) -> str:
    """What the page's address carries: enough to read, not to command."""
    return hashlib.sha256(b"page" + control.encode()).hexdigest()[:20]


def key_file() -> Path:
    return home() / "api_key"


def stored_key() -> str | None:
    try:
        return key_file().read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def ensure_key(anew: bool = False) -> str:
    """The key, after making one where there is none yet."""
    key = None if anew else stored_key()
    if key is None:
        key = "ls-" + secrets.token_urlsafe(24)
        keep(key_file(), key + "\n", PRIVATE)
    return key


def required_key(server: ServerConfig) -> str | None:
    """The key that callers must know: one that was set, and on any address beyond this machine the stored one. Raises WrongUse
    where there is none."""
    if server.key or is_loopback(server.host):
        return server.key
    if key := stored_key():
        return key
    raise WrongUse(
        f"Whoever can reach {server.host} could use this swarm, so it needs a key. Make one: {program_name()} key"
    )


def key_to_send(server: ServerConfig) -> str | None:
    """The key to send, where one is known here."""
    return server.key or stored_key()


def key_headers(key: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"} if key else {}


def base_url(server: ServerConfig) -> str:
    """Where this machine itself reaches the door."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(server.host, server.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{server.port}"

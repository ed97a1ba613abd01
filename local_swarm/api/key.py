"""Server settings in, the address and the keys of the API out.

The API key is for callers and is made once. The control token is for this user's own commands and is made at every start. Both
lie in the swarm's home, readable by its owner alone.
"""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from local_swarm.api.middleware import is_loopback
from local_swarm.commands import command
from local_swarm.config import ServerConfig
from local_swarm.errors import UsageError
from local_swarm.paths import PRIVATE, home, keep

CONTROL = "x-swarm-control"  # the header that carries the token of this user's commands
RUNNING = "running"  # the folder of the home with files for each port that a swarm of this home serves


def control_file(port: int, folder: Path | None = None) -> Path:
    """Where the daemon on `port` keeps the token; each has its own, since one home may have several."""
    return (folder or home()) / RUNNING / f"{port}.token"


def control_token(port: int, folder: Path | None = None) -> str | None:
    """The token of the daemon on `port`, of this home or another one; None where there is none or we may not read it."""
    try:
        return control_file(port, folder).read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeError):
        return None


def page_token(control: str) -> str:
    """The token in the page's address. It lets its holder read, not command."""
    return hashlib.sha256(b"page" + control.encode()).hexdigest()[:20]


def key_file() -> Path:
    return home() / "api_key"


def stored_key() -> str | None:
    try:
        return key_file().read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def ensure_key(anew: bool = False) -> str:
    """The API key, which is made if there is none yet, or `anew`."""
    key = None if anew else stored_key()
    if key is None:
        key = "ls-" + secrets.token_urlsafe(24)
        keep(key_file(), key + "\n", PRIVATE)
    return key


def required_key(server: ServerConfig) -> str | None:
    """The key that callers must send: the configured one, or the stored one if other machines can reach the server.

    None where no key is needed. Raises UsageError where one is needed and there is none."""
    if server.key or is_loopback(server.host):
        return server.key
    if key := stored_key():
        return key
    raise UsageError(
        f"Whoever can reach {server.host} could use this swarm, so it needs a key. Make one: {command('key')}"
    )


def key_to_send(server: ServerConfig) -> str | None:
    """The key that a client on this machine sends, None where it knows none."""
    return server.key or stored_key()


def key_headers(key: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"} if key else {}


def base_url(server: ServerConfig) -> str:
    """Where this machine itself reaches the API."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(server.host, server.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{server.port}"

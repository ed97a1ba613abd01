"""The name of an environment variable or of an entry in the system's keyring in, a server's key out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec

from local_swarm.errors import WrongUse
from local_swarm.paths import extra_command


def read_key(variable: str | None, keyring: str | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """The key, None where neither is named. `keyring` is `service/user`. Raises WrongUse where the key is not there."""
    if variable:
        if key := environment.get(variable):
            return key
        raise WrongUse(f"The environment variable {variable} has no key.")
    return read_keyring(keyring) if keyring else None


def read_keyring(entry: str) -> str:
    """Raises WrongUse."""
    if not find_spec("keyring"):
        raise WrongUse(f"Reading keys from the keyring needs it: {extra_command('keyring')}")
    import keyring as system

    service, _, user = entry.partition("/")
    if key := system.get_password(service, user):
        return str(key)
    raise WrongUse(f"The keyring has no key for {entry}.")

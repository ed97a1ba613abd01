"""The name of an environment variable or of an entry in the system's keyring in, a server's key out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec

from local_swarm.commands import extra_command
from local_swarm.errors import UsageError


def read_key(variable: str | None, keyring: str | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """The key, None where neither is named. `keyring` is `service/user`. Raises UsageError where the key is not there."""
    if variable:
        if key := environment.get(variable):
            return key
        raise UsageError(f"The environment variable {variable} has no key.")
    return read_keyring(keyring) if keyring else None


def read_keyring(entry: str) -> str:
    """Raises UsageError."""
    if not find_spec("keyring"):
        raise UsageError(f"Reading keys from the keyring needs it: {extra_command('keyring')}")
    service, _, user = entry.partition("/")
    try:
        import keyring as system

        key = system.get_password(service, user)
    except Exception as problem:  # each system's keyring has errors of its own
        raise UsageError(
            f"The keyring cannot be read: {' '.join(str(problem).split()) or type(problem).__name__}."
        ) from problem
    if key:
        return str(key)
    raise UsageError(f"The keyring has no key for {entry}.")

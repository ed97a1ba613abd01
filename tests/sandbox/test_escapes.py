"""Hostile programs behind every kind of wall that this machine has, as whoever runs the tests and as an ordinary user."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.attempts import ATTEMPTS

ROOT = Path(__file__).parents[2]
SECONDS = 60

# Makes the interpreter and this checkout readable for everybody, in a mount namespace of its own, and becomes nobody.
AS_NOBODY = """
import ctypes, os, sys
python, code, folder, *command = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
def checked(result):
    if result: raise OSError(ctypes.get_errno(), "mount")
checked(libc.unshare(0x20000))
checked(libc.mount(b"none", b"/", None, 16384 | (1 << 18), None))
for name, source in (("python", python), ("code", code)):
    os.mkdir(f"{folder}/{name}", 0o755)
    checked(libc.mount(source.encode(), f"{folder}/{name}".encode(), None, 4096 | 16384, None))
os.chdir("/tmp")
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
interpreter = f"{folder}/python/bin/python{sys.version_info[0]}.{sys.version_info[1]}"
os.execv(interpreter, [interpreter, f"{folder}/code/tests/sandbox/attempts.py", *command])
"""

WALLS = [(tier, user) for tier in ("namespaces", "landlock", "bubblewrap") for user in ("self", "nobody")]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the walls tried here are Linux's")


@pytest.fixture(scope="module", autouse=True)
def forgotten() -> Iterator[None]:
    yield
    told.cache_clear()


@cache
def told(tier: str, user: str) -> dict[str, Any]:
    """What came of all attempts behind these walls."""
    slow = ["--thorough"] if (tier, user) == ("namespaces", "self") else []
    command = [str(ROOT / "tests/sandbox/attempts.py"), tier, *slow]
    folder = Path(tempfile.mkdtemp(prefix="sandbox-"))
    if user == "nobody":
        folder.chmod(0o755)
        command = ["-c", AS_NOBODY, sys.base_prefix, str(ROOT), str(folder), *command[1:]]
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=SECONDS, check=False, cwd="/"
    )
    shutil.rmtree(folder, ignore_errors=True)
    if user == "nobody" and "mount" in done.stderr:
        return {"reason": "this container does not let us become somebody else"}
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def behind(tier: str, user: str) -> dict[str, Any]:
    if user == "nobody" and os.geteuid() != 0:
        pytest.skip("only root can become an ordinary user; as one, everything was tried as oneself")
    found = told(tier, user)
    if "reason" in found:
        pytest.skip(str(found["reason"]))
    assert found["user"] == (65534 if user == "nobody" else os.getuid())
    return found


@pytest.mark.parametrize(("tier", "user"), WALLS)
@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda one: one.name)
def test_there_is_no_way_out(attempt: Any, tier: str, user: str) -> None:
    found = behind(tier, user)
    if attempt.slow and attempt.name not in found["outcomes"]:
        pytest.skip("takes seconds, and was tried behind other walls")
    outcomes = found["outcomes"][attempt.name]
    assert len(outcomes) == len(attempt.calls)
    looked_at = outcomes[:-1] if attempt.marked else outcomes
    assert [outcome for outcome in looked_at if not outcome.startswith(attempt.may)] == []


@pytest.mark.parametrize(("tier", "user"), WALLS)
def test_nothing_outside_was_touched(tier: str, user: str) -> None:
    found = behind(tier, user)
    assert (found["reached"], found["marker"], found["left"]) == (False, "untouched", [])


@pytest.mark.parametrize(("tier", "user"), WALLS)
def test_the_server_survives_and_others_are_not_disturbed(tier: str, user: str) -> None:
    found = behind(tier, user)
    honest = ["=4", "='aa'", "=[1,1,]"]
    assert found["same"] and [told for told in found["honest"] if told != honest] == []


@pytest.mark.parametrize(("tier", "user"), WALLS)
def test_values_cannot_pretend_to_be_others(tier: str, user: str) -> None:
    assert behind(tier, user)["liar"] == ["=3", "=<Evil{}>", "='3'", "=[3,]"]


def test_there_are_walls_on_linux() -> None:
    assert any("reason" not in told(tier, "self") for tier in ("namespaces", "landlock", "bubblewrap"))

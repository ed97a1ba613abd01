"""A checkout in, its `.venv` out: what is installed there, and programs run in it with their output watched and kept."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from local_swarm.environment.package_index import explain_index
from local_swarm.environment.pip_errors import NO_SPACE, Scene, explain
from local_swarm.environment.progress import SetupProgress
from local_swarm.errors import SetupFailed
from local_swarm.paths import home, keep

CHECK_S = 120
TOO_LITTLE_BYTES = 64 << 20  # of free disk: less than a package may need while it is installed
# Variables that make Python find other packages, or pip put them elsewhere: meant for other environments than this.
ELSEWHERE = ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_DRY_RUN", "PIP_PYTHON")
THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def engine_for_graphics(root: Path | None) -> bool:
    """Whether the engine that was set up can use a graphics card; yes where nobody knows."""
    return root is None or Environment(root).last_setup().get("engine") not in ("cpu", "llama-server")


class Environment:
    """The `.venv` of a checkout. `compiler`: the command that installs a C++ compiler on this machine."""

    def __init__(self, root: Path, progress: SetupProgress | None = None, compiler: str = "") -> None:
        self.root = root.resolve()
        self.folder = self.root / ".venv"
        self.stamp = self.folder / "local-swarm.json"
        self.log = self.folder / "setup.log"
        self.progress = progress or SetupProgress()
        self.compiler = compiler
        self.renewed = False  # whether something was installed since this object was made

    @property
    def python(self) -> Path:
        return self.folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

    @property
    def active(self) -> bool:
        return Path(sys.prefix).resolve() == self.folder.resolve()

    def last_setup(self) -> Mapping[str, object]:
        """What the stamp says of the last set-up; nothing where there was none."""
        try:
            found = json.loads(self.stamp.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) and self.python.exists() else {}

    def was_set_up(self) -> bool:
        """Whether a set-up has come to its end here; one that was stopped leaves a stamp without an engine."""
        return self.last_setup().get("engine") is not None

    def write_stamp(self, fingerprint: str, extras: Sequence[str], engine: str | None) -> None:
        stamp = {"fingerprint": fingerprint, "extras": list(extras), "engine": engine, "folder": str(self.folder)}
        keep(self.stamp, json.dumps({**stamp, "python": self.version()}))

    def version(self) -> str | None:
        """Of the Python that it was made with, such as `3.11`: what is installed serves no other."""
        try:
            settings = (self.folder / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        found = re.search(r"^version(?:_info)? *= *(\d+\.\d+)", settings, re.MULTILINE)
        return found[1] if found else None

    def in_place(self) -> bool:
        """Whether it lies where it was made, and its Python is still of the version it was made with. Paths in it are whole, so
        that a copy would run what lies at the old place."""
        made = self.last_setup()
        moved = made.get("folder", str(self.folder)) != str(self.folder)
        return not moved and (not self.active or self.version() in (None, THIS_PYTHON))

    @staticmethod
    def variables() -> dict[str, str]:
        """The variables for programs of the environment, without those that would make Python or pip look elsewhere."""
        return {name: value for name, value in os.environ.items() if name.upper() not in ELSEWHERE}

    def requirements(self) -> Mapping[str, Any]:
        """The `project` table of the checkout's pyproject.toml: the one place where versions stand."""
        text = (self.root / "pyproject.toml").read_text(encoding="utf-8")
        found: Mapping[str, Any] = tomllib.loads(text)["project"]
        return found

    def fingerprint(self) -> str:
        """Changes when what must be installed changes."""
        project = self.requirements()
        wanted = [project.get("dependencies"), project.get("optional-dependencies")]
        return hashlib.sha256(repr(wanted).encode()).hexdigest()

    # -- running things

    def pip(self, *arguments: str, settings: Mapping[str, str] | None = None, check: bool = True) -> bool:
        command = [str(self.python), "-m", "pip", "--disable-pip-version-check", *arguments]
        return self.call(command, settings, check)

    def output(self, *arguments: str) -> str | None:
        """What the environment's Python prints, run so; None where it fails, be it by the crash of a binary made for another
        machine."""
        try:
            done = subprocess.run(
                [str(self.python), *arguments], cwd=self.root, stdin=subprocess.DEVNULL, capture_output=True,
                timeout=CHECK_S, check=False, env=self.variables(),
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return None
        if done.returncode:
            self._keep(arguments, f"{done.stderr.decode('utf-8', 'replace')}exit code {done.returncode}")
            return None
        return done.stdout.decode("utf-8", "replace")

    def call(self, command: Sequence[str], settings: Mapping[str, str] | None = None, check: bool = True) -> bool:
        """Run a program, show what it does, keep what it prints. Raises SetupFailed with a remedy if it must not fail."""
        lines: list[str] = []
        code = self._run(command, {**self.variables(), "PIP_USER": "0", **(settings or {})}, lines)
        self.progress.clear()
        if code < 0:
            lines.append(f"ended by signal {-code}")
        output = "".join(lines)
        self._keep(command, output)
        if code and (check or NO_SPACE.search(output)):  # without room whatever is tried next fails as well
            raise SetupFailed(explain(output, self._scene()))
        return code == 0

    def _run(self, command: Sequence[str], variables: Mapping[str, str], lines: list[str]) -> int:
        """The exit code; `lines` receives what it prints."""
        try:
            with subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True, encoding="utf-8",
                errors="replace", env=variables,
            ) as process:  # fmt: skip
                assert process.stdout
                for line in process.stdout:
                    lines.append(line)
                    self.progress.feed(line)
        except OSError as problem:
            lines.append(str(problem))
            return 1
        return process.returncode

    def _scene(self) -> Scene:
        def ask_index() -> str:
            return explain_index(self.output("-m", "pip", "config", "list") or "", self.variables())

        return Scene(self.compiler, str(self.log), full_place(self.places()), ask_index)

    def places(self) -> list[Path]:
        """Folders in which setting up writes. Python passes over a folder for temporary files that is full, and pip may not."""
        named = [Path(os.environ[name]) for name in ("TMPDIR", "TEMP", "TMP") if os.environ.get(name)]
        return [self.root, *named, Path(tempfile.gettempdir()), home()]

    def _keep(self, command: Sequence[str], output: str) -> None:
        """A disk that is full has no room for it either, and what is told does not depend on it."""
        with contextlib.suppress(OSError):
            if self.folder.is_dir():
                with self.log.open("a", encoding="utf-8", errors="replace") as log:
                    log.write(f"$ {' '.join(command)}\n{output}\n")


def full_place(places: Sequence[Path]) -> str:
    """The first whose disk has too little room to work with; nothing where all have some."""
    for place in places:
        there = next((folder for folder in (place, *place.parents) if folder.exists()), place)
        with contextlib.suppress(OSError):
            if shutil.disk_usage(there).free < TOO_LITTLE_BYTES:
                return str(place)
    return ""

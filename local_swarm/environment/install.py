"""A checkout in, an environment that can run it out. Standard library only; every failure is a SetupFailed with a remedy."""

from __future__ import annotations

import platform
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from local_swarm.commands import program_name
from local_swarm.environment.engine import computes, install_engine
from local_swarm.environment.install_plan import (
    FROM_SYSTEM,
    HUB_NEEDS,
    NEED_BINDINGS,
    NEED_TORCH,
    SERVER,
    InstallPlan,
    compiler_hint,
    plan_installation,
)
from local_swarm.environment.lock import exclusive
from local_swarm.environment.progress import SetupProgress
from local_swarm.environment.venv import Environment, full_place
from local_swarm.errors import SetupFailed
from local_swarm.hardware import detector, processor
from local_swarm.hardware.profile import System
from local_swarm.python_version import DOWNLOADS
from local_swarm.units import memory_size

# Of disk when all is done, with and without PyTorch; measured on Linux on 2026-11-30.
TAKES_FULL_BYTES, TAKES_MINIMAL_BYTES = 1_500_000_000, 500_000_000

NEEDED = ("ssl", "ctypes", "zlib")

__all__ = ["Environment", "Installer", "SetupOptions", "ensure"]


@dataclass(frozen=True, slots=True)
class SetupOptions:
    """`keep`: be content with whatever is installed already, as a plain start is; else the engine is tried out as well.
    `constraints`: a file with the versions to install, in pip's own form; without it any that pyproject.toml allows."""

    minimal: bool = False
    dev: bool = False
    keep: bool = True
    constraints: Path | None = None


def ensure(root: Path, wish: SetupOptions) -> Environment:
    """The environment, made or brought up to date first where it must be. Does nothing, in milliseconds, where it is current.

    Raises SetupFailed, and OSError where the machine refuses something."""
    os_name = detector.system()
    environment = Environment(root, SetupProgress(), compiler_hint(os_name, shutil.which))
    if is_current(environment, wish):
        return environment
    waiting = "Another process is setting this up. Waiting for it ..."
    with exclusive(environment.root / "pyproject.toml", lambda: environment.progress.step(waiting)):
        if not is_current(environment, wish):
            check_python()
            installer(environment, wish, os_name).install()
            environment.renewed = True
    return environment


def is_current(environment: Environment, wish: SetupOptions) -> bool:
    return satisfies(environment, wish) and (
        wish.keep or computes(environment, str(environment.last_setup().get("engine")))
    )


def check_python(needed: Sequence[str] = NEEDED, bits: int = sys.maxsize.bit_length() + 1) -> None:
    """Raises SetupFailed where the running Python cannot make an environment that would do. `needed`: modules of the standard
    library that some builds of Python are without."""
    if bits < 64:
        raise SetupFailed(
            f"Local Swarm needs a Python for 64 bits; {sys.executable} is for {bits}. Get one: {DOWNLOADS}"
        )
    for module in needed:
        try:
            import_module(module)
        except ImportError as problem:
            lack = f"Its module {module} cannot be loaded: {problem}."
            raise SetupFailed(f"{sys.executable} is no whole Python. {lack} Use another: {DOWNLOADS}") from problem


def installer(environment: Environment, wish: SetupOptions, os_name: System) -> Installer:
    """What was installed before stays wanted."""
    had = environment.last_setup().get("extras", [])
    assert isinstance(had, list)
    minimal = wish.minimal or (wish.keep and bool(had) and "embeddings" not in had)
    pins = environment.requirements()["optional-dependencies"]
    what = plan_installation(
        os_name,
        detector.accelerators(os_name),
        pins,
        minimal=minimal,
        dev=wish.dev or "dev" in had,
        which=shutil.which,
        machine=platform.machine(),
    )
    return Installer(environment, what, pins, wish.constraints)


def satisfies(environment: Environment, wish: SetupOptions) -> bool:
    now = environment.last_setup()
    extras = now.get("extras")
    if now.get("fingerprint") != environment.fingerprint() or not isinstance(extras, list):
        return False
    if not environment.in_place():
        return False
    return ("dev" in extras or not wish.dev) and ("embeddings" in extras or wish.minimal or wish.keep)


class Installer:
    def __init__(
        self,
        environment: Environment,
        what: InstallPlan,
        pins: Mapping[str, Sequence[str]],
        constraints: Path | None = None,
    ) -> None:
        self.environment, self.what, self.pins = environment, what, pins
        self.constraints = ("-c", str(constraints)) if constraints else ()
        self.progress = environment.progress

    def install(self) -> None:
        """All steps; the stamp is written last, so that a broken set-up is taken up again."""
        cores = processor.usable_cores() or 1
        self.check_disk()
        self.announce(self.what.builds[0].minutes(cores), cores)
        self.progress.step("[1/3] The environment, which holds all that is installed ...")
        self.make_environment()
        self.environment.write_stamp("incomplete", self.what.extras, None)
        self.progress.step("[2/3] llama.cpp, which runs the models ...")
        build = install_engine(self.environment, self.what.builds, self.pins["llamacpp"][0], cores)
        self.progress.step(f"[3/3] {'PyTorch and the rest' if self.what.torch else 'The rest'} ...")
        extras = self.install_rest(build.kind != SERVER.kind)
        self.environment.write_stamp(self.environment.fingerprint(), extras, build.kind)
        self.progress.step("Set up.")

    def announce(self, minutes: int, cores: int) -> None:
        """What is going to happen, for people who know none of its parts."""
        size = memory_size(TAKES_FULL_BYTES if self.what.torch else TAKES_MINIMAL_BYTES)
        words = (
            f"Local Swarm is set up once, in {self.environment.folder}. It takes {size} of disk and some minutes: about "
            f"{minutes} on {cores} cores where llama.cpp must be compiled for {self.what.builds[0].name}, and the downloads."
        )
        self.progress.step(
            "\n".join(textwrap.wrap(words, self.progress.columns, break_long_words=False, break_on_hyphens=False))
        )

    def check_disk(self) -> None:
        free = shutil.disk_usage(self.environment.root).free
        if free < self.what.bytes_needed:
            again = f", or leave out PyTorch: {program_name()} --minimal" if self.what.torch else " and run this again."
            raise SetupFailed(
                f"Setting up needs {memory_size(self.what.bytes_needed)} of disk and there are {memory_size(free)} free in "
                f"{self.environment.root}. Free some space{again}"
            )

        if full := full_place(self.environment.places()):
            raise SetupFailed(f"The disk of {full} is full. Free some space and run this again.")

    def make_environment(self) -> None:
        if self.environment.python.exists() and self.environment.output("-c", "import pip") is not None:
            return
        extra = ["--system-site-packages"] if self.what.system_packages else []
        # That of the environment itself may be what is broken.
        python = getattr(sys, "_base_executable", "") or sys.executable
        self.environment.call([python, "-m", "venv", "--clear", *extra, str(self.environment.folder)])

    def install_rest(self, bindings: bool) -> list[str]:
        """The extras that were installed: without PyTorch the swarm runs as well, and compares answers by structure."""
        extras = [extra for extra in self.what.extras if bindings or extra not in NEED_BINDINGS]
        if self.what.torch and not self.install_torch(*self.what.torch):
            extras = [extra for extra in extras if extra not in NEED_TORCH]
            self.leave_out("PyTorch")
        binary = ["--only-binary", ",".join(FROM_SYSTEM)] if self.what.system_packages else []
        self.environment.pip("install", *binary, *self.constraints, "-e", self.with_extras(extras))
        if self.what.system_packages:
            self.environment.pip("install", "--no-deps", *self.pins["hub"], *HUB_NEEDS, check=False)
        return extras + [extra for extra in self.what.optional if self.install_optional(extra)]

    def with_extras(self, extras: Sequence[str]) -> str:
        return f"{self.environment.root}[{','.join(extras)}]"

    def install_optional(self, extra: str) -> bool:
        found = self.environment.pip("install", *self.constraints, "-e", self.with_extras([extra]), check=False)
        if not found:
            self.leave_out(f"The extra {extra!r}")
        return found

    def leave_out(self, what: str) -> None:
        self.progress.step(f"    {what} cannot be had now and is left out. To try again later: {program_name()} setup")

    def install_torch(self, requirement: str, index: str | None) -> bool:
        """By itself, for what it depends on stands in the usual index and must not be looked for in this one."""
        where = ["--extra-index-url", index] if index else []
        return self.environment.pip("install", "--no-deps", "--retries", "2", *where, requirement, check=False)

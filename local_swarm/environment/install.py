"""A checkout in, an environment that can run it out. Standard library only; every failure is a SetupFailed with a remedy."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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
from local_swarm.environment.progress import SetupProgress
from local_swarm.environment.venv import Environment
from local_swarm.errors import SetupFailed
from local_swarm.hardware import detector, processor
from local_swarm.paths import program_name
from local_swarm.units import memory_size

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
    """The environment, made or brought up to date first where it must be. Does nothing, in milliseconds, where it is current."""
    os_name = detector.system()
    environment = Environment(root, SetupProgress(), compiler_hint(os_name, shutil.which))
    current = satisfies(environment, wish)
    if current and (wish.keep or computes(environment, str(environment.last_setup().get("engine")))):
        return environment
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
    )
    Installer(environment, what, pins, wish.constraints).install()
    return environment


def satisfies(environment: Environment, wish: SetupOptions) -> bool:
    now = environment.last_setup()
    extras = now.get("extras")
    if now.get("fingerprint") != environment.fingerprint() or not isinstance(extras, list):
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
        best = self.what.builds[0]
        self.check_disk()
        self.progress.step(
            f"Local Swarm is set up in {self.environment.folder}, once: the engine llama.cpp for {best.name} (about "
            f"{best.minutes(cores)} minutes on {cores} cores where it must be built), then {', '.join(self.what.extras)}."
        )
        self.progress.step("[1/3] Making the environment ...")
        self.make_environment()
        self.environment.write_stamp("incomplete", self.what.extras, None)
        self.progress.step("[2/3] The engine ...")
        build = install_engine(self.environment, self.what.builds, self.pins["llamacpp"][0], cores)
        self.progress.step("[3/3] Everything else ...")
        extras = self.install_rest(build.kind != SERVER.kind)
        self.environment.write_stamp(self.environment.fingerprint(), extras, build.kind)
        self.progress.step("Set up.")

    def check_disk(self) -> None:
        free = shutil.disk_usage(self.environment.root).free
        if free < self.what.bytes_needed:
            less = f", or leave out PyTorch: {program_name()} --minimal" if self.what.torch else " and run this again."
            raise SetupFailed(
                f"Setting up needs {memory_size(self.what.bytes_needed)} of disk and there are {memory_size(free)} free in "
                f"{self.environment.root}. Free some space{less}"
            )

    def make_environment(self) -> None:
        if self.environment.python.exists() and self.environment.output("-c", "import pip") is not None:
            return
        extra = ["--system-site-packages"] if self.what.system_packages else []
        self.environment.call([sys.executable, "-m", "venv", "--clear", *extra, str(self.environment.folder)])

    def install_rest(self, bindings: bool) -> list[str]:
        """The extras that were installed: without PyTorch the swarm runs as well, and compares answers by structure."""
        extras = [extra for extra in self.what.extras if bindings or extra not in NEED_BINDINGS]
        if self.what.torch and not self.install_torch(*self.what.torch):
            extras = [extra for extra in extras if extra not in NEED_TORCH]
            self.progress.step(
                f"    PyTorch cannot be had now and is left out. To try again later: {program_name()} setup"
            )
        binary = ["--only-binary", ",".join(FROM_SYSTEM)] if self.what.system_packages else []
        everything = f"{self.environment.root}[{','.join(extras)}]"
        self.environment.pip("install", *binary, *self.constraints, "-e", everything)
        if self.what.system_packages:
            self.environment.pip("install", "--no-deps", *self.pins["hub"], *HUB_NEEDS, check=False)
        return extras

    def install_torch(self, requirement: str, index: str | None) -> bool:
        """By itself, for what it depends on stands in the usual index and must not be looked for in this one."""
        where = ["--extra-index-url", index] if index else []
        return self.environment.pip("install", "--no-deps", "--retries", "2", *where, requirement, check=False)

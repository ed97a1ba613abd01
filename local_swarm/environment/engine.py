"""Builds of llama.cpp to try in, the best one that computes on this machine installed out.

A build that loads need not run: processors of virtual machines announce instructions that they do not have, drivers are older
than a build wants. So every build must answer for itself, by loading the starter model and computing with it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from local_swarm.backends.process.messages import Load, Loaded, decode_report
from local_swarm.environment.install_plan import CMAKE_FILE, SERVER, EngineBuild, has_compiler
from local_swarm.environment.venv import Environment
from local_swarm.errors import SetupFailed
from local_swarm.hardware import detector, processor
from local_swarm.hardware.run import run
from local_swarm.models import starter
from local_swarm.paths import home, make_folder

PACKAGE = "llama-cpp-python"


def install_engine(environment: Environment, builds: Sequence[EngineBuild], pin: str, cores: int) -> EngineBuild:
    """The best of the builds that can be had here: installed already, ready-made, built before, or built now. Where none can,
    llama.cpp's own server will do, if that is here. Raises SetupFailed."""
    try:
        return best_build(environment, builds, pin, cores)
    except SetupFailed:
        if not shutil.which(SERVER.kind):
            raise
        environment.progress.step(f"    the engine cannot be built here; {SERVER.name} is used instead.")
        return SERVER


def best_build(environment: Environment, builds: Sequence[EngineBuild], pin: str, cores: int) -> EngineBuild:
    if has_version(environment, pin) and computes(environment, builds[0].kind):
        return builds[0]
    for build in builds:
        if build.wheels and ready_made(environment, build, pin):
            return build
        last = build is builds[-1]
        if (last or all(shutil.which(tool) for tool in build.needs)) and build_engine(
            environment, build, pin, cores, last
        ):
            return build
    raise SetupFailed(f"The engine was built but does not compute on this machine. Details: {environment.log}")


def has_version(environment: Environment, pin: str) -> bool:
    found = environment.output("-c", f"from importlib.metadata import version; print(version({PACKAGE!r}))")
    return found is not None and pin.endswith("==" + found.strip())


def computes(environment: Environment, kind: str) -> bool:
    """Whether the installed engine loads the starter model and runs it, on the device that a build of this kind is for. A server
    that stands in for it is somebody else's, and computes if it is there."""
    if kind == SERVER.kind:
        return shutil.which(kind) is not None
    trial = Load(
        str(starter.PATH),
        context=256,
        answer_tokens=64,
        cells=256,
        sequences=2,
        threads=1,
        gpu_layers=0 if kind == "cpu" else 999,
    )
    said = environment.output("-m", "local_swarm.backends.llamacpp.child", json.dumps(asdict(trial)))
    try:
        reports = [decode_report(line.encode()) for line in (said or "").splitlines()]
    except ValueError:
        return False
    return any(isinstance(report, Loaded) and (report.on_gpu or kind == "cpu") for report in reports)


def ready_made(environment: Environment, build: EngineBuild, pin: str) -> bool:
    """Install a prebuilt wheel; False where there is none, or none that computes on this machine."""
    environment.progress.step(f"    looking for a ready-made build for {build.name} ...")
    quick = ("--retries", "0", "--timeout", "10", "--only-binary", PACKAGE, "--extra-index-url", str(build.wheels))
    return environment.pip("install", *quick, pin, check=False) and keep_if_it_computes(environment, build)


def build_engine(environment: Environment, build: EngineBuild, pin: str, cores: int, must: bool) -> bool:
    """Install a wheel that was built for this machine, now or before. Raises SetupFailed where it `must` be and cannot."""
    shelf = make_folder(wheel_shelf(build, pin))
    for wheel in shelf.glob("*.whl"):
        if install_wheel(environment, wheel, pin) and keep_if_it_computes(environment, build):
            return True
        wheel.unlink()
    if not has_compiler(detector.system(), shutil.which, os.environ):
        raise SetupFailed(
            f"Building the engine needs a C++ compiler. Install one and run this again: {environment.compiler}"
        )
    environment.progress.step(
        f"    building llama.cpp for {build.name}: about {build.minutes(cores)} minutes on {cores} cores ..."
    )
    settings = {"CMAKE_BUILD_PARALLEL_LEVEL": str(cores)}
    # Not by the variable CMAKE_ARGS, which is split at spaces, and paths have some.
    defined = [f"--config-settings=cmake.define.{definition}" for definition in build.definitions]
    # Not pip's own cache: it does not tell one set of CMAKE_ARGS from another.
    source = ("-v", "--no-deps", "--no-cache-dir", "--no-binary", PACKAGE, "-w", str(shelf), *defined, pin)
    return (
        environment.pip("wheel", *source, settings=settings, check=must)
        and all(install_wheel(environment, wheel, pin) for wheel in shelf.glob("*.whl"))
        and keep_if_it_computes(environment, build)
    )


def install_wheel(environment: Environment, wheel: Path, pin: str) -> bool:
    """The wheel itself, then what it depends on."""
    return environment.pip("install", "--force-reinstall", "--no-deps", str(wheel), check=False) and environment.pip(
        "install", pin, check=False
    )


def keep_if_it_computes(environment: Environment, build: EngineBuild) -> bool:
    """Whether it computes; an engine that does not is taken out again."""
    if computes(environment, build.kind):
        return True
    environment.progress.step(f"    that build for {build.name} does not run here.")
    environment.pip("uninstall", "-y", PACKAGE, check=False)
    return False


def wheel_shelf(build: EngineBuild, pin: str) -> Path:
    """Where wheels built for this machine are kept, outside the checkout for the next one: a native build runs only on
    processors like the one it was made on."""
    cpu = processor.probe(detector.system(), run)
    recipe = (pin, build.cmake, CMAKE_FILE.read_bytes(), cpu.name, cpu.features, os.name)
    return home() / "wheels" / f"{build.kind}-{hashlib.sha256(repr(recipe).encode()).hexdigest()[:12]}"

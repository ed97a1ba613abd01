from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

import pytest

from local_swarm.environment.install_plan import (
    CPU,
    FROM_SYSTEM,
    HUB_NEEDS,
    TORCH_CPU,
    InstallPlan,
    compiler_hint,
    cuda,
    engine_builds,
    has_compiler,
    plan_installation,
)
from local_swarm.environment.venv import engine_for_graphics
from local_swarm.hardware.profile import Accelerator, System, Vendor

ROOT = Path(__file__).parent.parent.parent
PINS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]


def card(vendor: Vendor, driver: str | None = None) -> Accelerator:
    return Accelerator(vendor, "a card", 1 << 34, 1 << 34, "dedicated", driver)


def no_tools(_name: str) -> str | None:
    return None


def all_tools(name: str) -> str | None:
    return f"/usr/bin/{name}"


def kinds(os: System, *cards: Accelerator, tools: bool = True) -> list[str]:
    return [build.kind for build in engine_builds(os, cards, all_tools if tools else no_tools)]


def of(os: System, *cards: Accelerator, minimal: bool = False, dev: bool = False) -> InstallPlan:
    return plan_installation(os, cards, PINS, minimal, dev, no_tools)


def test_the_best_build_for_the_card_comes_first_and_the_processor_last() -> None:
    assert kinds("linux") == ["cpu"]
    assert kinds("linux", card("nvidia", "550.1")) == ["cuda", "vulkan", "cpu"]
    assert kinds("linux", card("amd")) == ["hip", "vulkan", "cpu"]
    assert kinds("windows", card("intel")) == ["vulkan", "cpu"]
    assert kinds("darwin", card("apple")) == ["metal", "cpu"]
    assert kinds("darwin") == ["cpu"]
    assert kinds("android", card("qualcomm")) == ["cpu"]


def test_every_package_is_installed() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["packages"]
    folders = (ROOT / "local_swarm", ROOT / "scripts" / "local_swarm_benchmarks")
    there = {
        ".".join(path.parent.relative_to(folder.parent).parts)
        for folder in folders
        for path in folder.rglob("__init__.py")
    }
    assert set(listed) - {"local_swarm.data"} == there


def test_in_a_checkout_plain_set_up_brings_what_benchmarks_need_and_a_small_one_does_not() -> None:
    assert "bench" in of("linux").extras and any(pin.startswith("gguf") for pin in PINS["bench"])
    assert "bench" not in of("linux", minimal=True).extras and "bench" not in of("android").extras


def test_an_engine_for_the_processor_alone_uses_no_card(tmp_path: Path) -> None:
    folder = tmp_path / ".venv"
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    python.parent.mkdir(parents=True)
    python.touch()
    for engine, uses in (("cpu", False), ("cuda", True), ("metal", True)):
        (folder / "local-swarm.json").write_text(json.dumps({"engine": engine}), encoding="utf-8")
        assert engine_for_graphics(tmp_path) is uses
    assert engine_for_graphics(None) and engine_for_graphics(tmp_path / "elsewhere")


def test_nothing_is_built_for_graphics_that_are_not_used() -> None:
    integrated = Accelerator("intel", "Intel Iris Xe", None, None, "shared")
    assert [build.kind for build in engine_builds("linux", [integrated], all_tools)] == ["cpu"]


def test_on_android_pip_may_not_build_what_needs_rust() -> None:
    assert of("android").system_packages and {"pydantic-core", "rpds-py", "cryptography"} <= set(FROM_SYSTEM)
    needed = (ROOT / "requirements-termux.txt").read_text(encoding="utf-8")
    assert all(name in needed for name in (*FROM_SYSTEM, *HUB_NEEDS, PINS["hub"][0]))
    packages = (ROOT / "scripts" / "install-termux.sh").read_text(encoding="utf-8")
    assert all(f"python-{name}" in packages and f"python-{name}" in needed for name in FROM_SYSTEM)


def test_what_can_neither_be_had_nor_built_is_not_tried() -> None:
    assert kinds("linux", card("amd"), tools=False) == ["cpu"]
    assert kinds("linux", card("nvidia", "550.1"), tools=False) == ["cuda", "cpu"]
    assert kinds("linux", card("nvidia", "390.1"), tools=False) == ["cpu"]


@pytest.mark.parametrize(
    ("driver", "tag"),
    [("570.86", "cu125"), ("550.54", "cu124"), ("545.1", "cu123"), ("535.1", "cu122"), ("470.1", None), (None, None)],
)
def test_the_drivers_version_decides_which_cuda(driver: str | None, tag: str | None) -> None:
    wheels = cuda(driver).wheels
    assert (wheels.rsplit("/", 1)[-1] if wheels else None) == tag


def test_torch_comes_without_cuda_where_there_is_no_nvidia_card() -> None:
    assert of("linux").torch == ("torch==2.13.0+cpu", TORCH_CPU)
    assert of("linux", card("amd")).torch == ("torch==2.13.0+cpu", TORCH_CPU)
    assert of("linux", card("nvidia", "550.1")).torch == ("torch==2.13.0", None)
    assert of("darwin", card("apple")).torch == ("torch==2.13.0", None)


def test_minimal_and_phones_leave_torch_out() -> None:
    assert of("linux", minimal=True).torch is None and of("linux", minimal=True).extras == ("llamacpp",)
    assert of("android").extras == ("llamacpp",) and of("android").system_packages
    assert of("linux").extras == ("llamacpp", "embeddings", "bench")
    assert of("linux", minimal=True, dev=True).extras == ("llamacpp", "embeddings", "bench", "transformers", "dev")


def test_mlx_is_set_up_beside_llama_cpp_on_apples_chips_and_may_fail() -> None:
    def on(os: System, machine: str, minimal: bool = False) -> tuple[str, ...]:
        plan = plan_installation(os, [], PINS, minimal=minimal, dev=False, which=no_tools, machine=machine)
        assert "mlx" not in plan.extras
        return plan.optional

    assert on("darwin", "arm64") == ("mlx",) and all(name in PINS for name in ("mlx",))
    assert on("darwin", "arm64", minimal=True) == on("darwin", "x86_64") == on("linux", "arm64") == ()
    assert "mlx" in (ROOT / "requirements-macos.txt").read_text(encoding="utf-8")


def test_what_is_not_used_is_not_built() -> None:
    assert "LLAVA_BUILD=OFF" in CPU.definitions and any("llama_cpp.cmake" in one for one in CPU.definitions)
    assert "GGML_CUDA=ON" in cuda("550").definitions and not any(one.startswith("-") for one in cuda("550").definitions)


def test_an_estimate_is_never_nothing() -> None:
    assert CPU.minutes(2) == 3 and CPU.minutes(64) == 1 and cuda("550").minutes(8) > CPU.minutes(8)


@pytest.mark.parametrize(
    ("os", "tool", "words"),
    [
        ("linux", "apt-get", "apt-get install build-essential"),
        ("linux", "dnf", "dnf install"),
        ("linux", "pacman", "pacman -S"),
        ("android", "pkg", "pkg install clang"),
        ("darwin", "brew", "xcode-select --install"),
        ("windows", "winget", "BuildTools"),
        ("linux", "none", "package manager"),
    ],
)
def test_the_compilers_command_is_that_of_the_system(os: System, tool: str, words: str) -> None:
    assert words in compiler_hint(os, lambda name: name if name == tool else None)


def test_a_compiler_is_found_by_name_or_by_wish() -> None:
    assert not has_compiler("linux", no_tools, {})
    assert has_compiler("linux", lambda name: name if name == "clang++" else None, {})
    assert has_compiler("linux", no_tools, {"CXX": "/opt/c++"})
    assert has_compiler("windows", no_tools, {})

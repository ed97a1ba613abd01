"""A machine in, what must be installed on it out. Pure; standard library only, since nothing is installed yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local_swarm.hardware.makers import worthwhile
from local_swarm.hardware.profile import Accelerator, System

WHEELS = "https://abetlen.github.io/llama-cpp-python/whl"  # the engine's own index of prebuilt wheels
NEED_BINDINGS = ("llamacpp", "bench")  # extras that are of no use beside llama.cpp's own server
NEED_TORCH = ("embeddings", "transformers")  # extras that bring the wrong PyTorch where the right one is not installed
TORCH_CPU = "https://download.pytorch.org/whl/cpu"  # PyTorch's own index of builds without CUDA
COMPILE_CORE_SECONDS = 400  # measured on a 2.5 GHz core without graphics; llama.cpp of llama-cpp-python 0.3.36
FULL_BYTES, MINIMAL_BYTES = 3 << 30, 1 << 30  # of disk while installing, with and without PyTorch
# What Termux has as packages of its own: pip must use those and not build others, which would need Rust and half an hour.
FROM_SYSTEM = ("numpy", "psutil", "cryptography", "pydantic-core", "rpds-py")
# huggingface_hub asks for hf-xet, which has no build for Android and can be done without; so it comes without what it asks for.
HUB_NEEDS = ("click", "fsspec", "packaging", "tqdm")
CMAKE_FILE = Path(__file__).with_name("llama_cpp.cmake")

Which = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class EngineBuild:
    """How to get llama.cpp. `wheels`: where it may be had ready-made. `needs`: programs without which it cannot be built."""

    kind: str
    name: str
    cmake: tuple[str, ...] = ()
    wheels: str | None = None
    needs: tuple[str, ...] = ()
    times: int = 1  # a graphics build takes so many times as long as a plain one

    def minutes(self, cores: int) -> int:
        return max(1, round(COMPILE_CORE_SECONDS * self.times / max(1, cores) / 60))

    @property
    def definitions(self) -> tuple[str, ...]:
        """CMake's variables, as NAME=VALUE; leaves out what the swarm never uses."""
        return ("LLAVA_BUILD=OFF", f"CMAKE_PROJECT_INCLUDE={CMAKE_FILE.as_posix()}", *self.cmake)


CPU = EngineBuild("cpu", "this processor", wheels=f"{WHEELS}/cpu")
METAL = EngineBuild("metal", "Apple's Metal", ("GGML_METAL=ON",), f"{WHEELS}/metal", times=2)
VULKAN = EngineBuild("vulkan", "Vulkan", ("GGML_VULKAN=ON",), needs=("glslc",), times=3)
SERVER = EngineBuild("llama-server", "llama.cpp's own server")  # the program of that name, which somebody else built
HIP = EngineBuild("hip", "AMD ROCm", ("GGML_HIP=ON",), needs=("hipcc",), times=8)


def cuda(driver: str | None) -> EngineBuild:
    """For NVIDIA: the newest ready-made build that the driver can run, by NVIDIA's table of drivers and CUDA versions."""
    major = int(driver.split(".")[0]) if driver and driver.split(".")[0].isdigit() else 0
    version = next(
        (tag for least, tag in ((560, "cu125"), (550, "cu124"), (545, "cu123"), (525, "cu122")) if major >= least), None
    )
    return EngineBuild(
        kind="cuda",
        name="NVIDIA CUDA",
        cmake=("GGML_CUDA=ON",),
        wheels=f"{WHEELS}/{version}" if version else None,
        needs=("nvcc",),
        times=12,
    )


def engine_builds(os_name: System, accelerators: Sequence[Accelerator], which: Which) -> tuple[EngineBuild, ...]:
    """The builds to try, the best first; the last one always is the processor's."""
    cards = worthwhile(accelerators)
    vendors = {one.vendor for one in cards if one.memory_kind != "shared"}  # nothing runs on integrated graphics
    if os_name == "darwin":
        return (METAL, CPU) if "apple" in vendors else (CPU,)
    found: list[EngineBuild] = []
    if "nvidia" in vendors:
        found.append(cuda(next((one.driver for one in accelerators if one.vendor == "nvidia" and one.driver), None)))
    if "amd" in vendors:
        found.append(HIP)
    if vendors & {"nvidia", "amd", "intel"} and os_name != "android":
        found.append(VULKAN)
    possible = [build for build in found if build.wheels or all(which(tool) for tool in build.needs)]
    return (*possible, CPU)


@dataclass(frozen=True, slots=True)
class InstallPlan:
    """All that setting up does. `torch` is the requirement and the index for PyTorch, None where it is left out. `optional`:
    extras without which the program runs as well, so that none of them may end a set-up."""

    extras: tuple[str, ...]
    builds: tuple[EngineBuild, ...]
    torch: tuple[str, str | None] | None
    system_packages: bool
    bytes_needed: int
    optional: tuple[str, ...] = ()


def plan_installation(
    os_name: System,
    accelerators: Sequence[Accelerator],
    pins: Mapping[str, Sequence[str]],
    minimal: bool,
    dev: bool,
    which: Which,
    machine: str = "",
) -> InstallPlan:
    """`pins`: the optional dependencies of pyproject.toml, by extra. `machine`: the processor's kind, as `platform.machine()`."""
    phone = os_name == "android"
    small = (minimal or phone) and not dev
    extras = ("llamacpp", *(() if small else ("embeddings", "bench")), *(("transformers", "dev") if dev else ()))
    torch = None if small else torch_source(os_name, accelerators, pins)
    return InstallPlan(
        extras,
        engine_builds(os_name, accelerators, which),
        torch,
        phone,
        MINIMAL_BYTES if small else FULL_BYTES,
        optional_extras(os_name, machine) if not small else (),
    )


def optional_extras(os_name: System, machine: str) -> tuple[str, ...]:
    """MLX runs on Apple's own chips. It is set up there, but `auto` stays with llama.cpp until both were measured on one."""
    return ("mlx",) if os_name == "darwin" and machine == "arm64" else ()


def torch_source(
    os_name: System, accelerators: Sequence[Accelerator], pins: Mapping[str, Sequence[str]]
) -> tuple[str, str | None]:
    """On Linux the plain package brings gigabytes of CUDA: without an NVIDIA card take the build that says `+cpu`."""
    pin = next(one for one in pins["embeddings"] if one.startswith("torch=="))
    if os_name == "linux" and not any(one.vendor == "nvidia" for one in accelerators):
        return f"{pin}+cpu", TORCH_CPU
    return pin, None


def compiler_hint(os_name: System, which: Which) -> str:
    """The command that installs a C++ compiler here."""
    if os_name == "darwin":
        return "xcode-select --install"
    if os_name == "windows":
        tools = "--add Microsoft.VisualStudio.Workload.VCTools --passive"
        return f'winget install Microsoft.VisualStudio.2022.BuildTools --override "{tools}"'
    commands = {
        "pkg": "pkg install clang cmake ninja",
        "apt-get": "sudo apt-get install build-essential",
        "dnf": "sudo dnf install gcc-c++ make",
        "pacman": "sudo pacman -S base-devel",
        "zypper": "sudo zypper install gcc-c++ make",
        "apk": "sudo apk add build-base linux-headers",
    }
    return next(
        (command for tool, command in commands.items() if which(tool)),
        "g++ and make, from the package manager of your system",
    )


def has_compiler(os_name: System, which: Which, environment: Mapping[str, str]) -> bool:
    """Whether C++ can be compiled. On Windows Visual Studio is found by CMake itself and on no path."""
    return (
        os_name == "windows" or bool(environment.get("CXX")) or any(which(name) for name in ("c++", "g++", "clang++"))
    )

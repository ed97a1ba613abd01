"""Builds llama.cpp's own server and benchmark from the sources inside llama-cpp-python: python scripts/build_llama_server.py

Prints the server's path, for `python main.py bench engine --llama-server PATH`; the benchmark lies beside it and is found there.
Takes about ten minutes on two cores.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from local_swarm.environment.install_plan import CMAKE_FILE
from local_swarm.environment.venv import Environment
from local_swarm.hardware.processor import usable_cores
from local_swarm.paths import home

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ("llama-server", "llama-bench")
OPTIONS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",
    "-DLLAMA_OPENSSL=OFF",
    f"-DCMAKE_PROJECT_INCLUDE={CMAKE_FILE.as_posix()}",
    "-DLLAMA_BUILD_COMMON=ON",
)


def main() -> None:
    folder = home() / "bench" / "llama.cpp"
    pin = Environment(ROOT).requirements()["optional-dependencies"]["llamacpp"][0]
    end = ".exe" if sys.platform == "win32" else ""
    built = [folder / "build" / "bin" / f"{name}{end}" for name in PROGRAMS]
    if not all(program.exists() for program in built):
        source = sources(folder, pin)
        run("cmake", "-S", str(source), "-B", str(folder / "build"), *OPTIONS)
        run("cmake", "--build", str(folder / "build"), "--target", *PROGRAMS, "-j", str(usable_cores() or 1))
    print(built[0])


def sources(folder: Path, pin: str) -> Path:
    """llama.cpp as llama-cpp-python brings it."""
    folder.mkdir(parents=True, exist_ok=True)
    run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "-d", str(folder), pin)
    with tarfile.open(next(folder.glob("llama_cpp_python-*.tar.gz"))) as packed:
        packed.extractall(folder, filter="data")
    return next(folder.glob("llama_cpp_python-*/vendor/llama.cpp"))


def run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=sys.stderr)


if __name__ == "__main__":
    main()

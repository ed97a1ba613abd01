"""Builds llama.cpp's own server from the sources inside llama-cpp-python, to compare with: python scripts/build_llama_server.py

Prints the program's path, for `python main.py bench engine --llama-server PATH`. Takes about ten minutes on two cores.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from local_swarm.environment.recipe import CMAKE_FILE
from local_swarm.environment.venv import Environment
from local_swarm.hardware.processor import usable_cores
from local_swarm.places import home

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = (
    "-DCMAKE_BUILD_TYPE=Release", "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF", "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF", "-DLLAMA_OPENSSL=OFF", f"-DCMAKE_PROJECT_INCLUDE={CMAKE_FILE.as_posix()}",
    "-DLLAMA_BUILD_COMMON=ON",
)  # fmt: skip


def main() -> None:
    folder = home() / "bench" / "llama.cpp"
    pin = Environment(ROOT).requirements()["optional-dependencies"]["llamacpp"][0]
    built = folder / "build" / "bin" / ("llama-server.exe" if sys.platform == "win32" else "llama-server")
    if not built.exists():
        source = sources(folder, pin)
        run("cmake", "-S", str(source), "-B", str(folder / "build"), *OPTIONS)
        run("cmake", "--build", str(folder / "build"), "--target", "llama-server", "-j", str(usable_cores() or 1))
    print(built)


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

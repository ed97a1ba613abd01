"""What an installer printed in, one sentence that says what to do out. Pure; standard library only."""

from __future__ import annotations

import re
import sys

MOST_OUTPUT = 200_000  # characters looked at, from the end


def any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


NETWORK = any_of(
    r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError|ConnectionResetError",
    r"Max retries exceeded|Failed to establish a new connection|Could not fetch URL|nodename nor servname",
    r"Temporary failure in name resolution|Network is unreachable",
)
NO_SPACE = any_of(r"No space left on device|Errno 28|There is not enough space on the disk|disk quota exceeded")
NO_COMPILER = any_of(
    r"No CMAKE_C(XX)?_COMPILER could be found|CMAKE_C(XX)?_COMPILER not set|is not able to compile a simple test program",
    r"could not find any instance of Visual Studio",
)
NO_VENV = any_of(r"ensurepip is not available|No module named '?(venv|ensurepip)")
NO_MEMORY = any_of(r"Killed signal terminated program|out of memory|cannot allocate memory|std::bad_alloc")
DENIED = any_of(r"Permission denied|Errno 13|Access is denied")
NOT_FOUND = any_of(r"No matching distribution found for (\S+)")


def explain(output: str, compiler: str, log: str) -> str:
    """The likeliest cause. `compiler` is the command that installs one, `log` where the whole output stands."""
    output = output[-MOST_OUTPUT:]
    if NO_SPACE.search(output):
        return "The disk is full. Free some space and run this again; what is installed already stays."
    if NO_VENV.search(output):
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return f"This Python has no `venv` module. Install it and run this again: sudo apt-get install python{version}-venv"
    if NO_COMPILER.search(output):
        return f"Building the engine needs a C++ compiler. Install one and run this again: {compiler}"
    if NETWORK.search(output):
        return (
            "The package index cannot be reached. Connect to the internet (or set HTTPS_PROXY or PIP_INDEX_URL) "
            "and run this again."
        )
    if NO_MEMORY.search(output):
        return "Memory ran out while building. Close other programs and run this again, with CMAKE_BUILD_PARALLEL_LEVEL=1 set."
    if DENIED.search(output):
        return f"Something here may not be written. Give yourself the rights to this folder and run this again. Details: {log}"
    if missing := NOT_FOUND.search(output):
        return (
            f"The package index has no {missing[1]} for this Python ({sys.version.split()[0]}) and system. "
            f"Try another Python version. Details: {log}"
        )
    last = next((line.strip() for line in reversed(output.splitlines()) if "error" in line.lower()), "no reason given")
    return f"Installing failed: {last[:200]}. Details: {log}"

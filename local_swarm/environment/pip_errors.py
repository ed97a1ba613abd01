"""What an installer printed in, one sentence that says what to do out. Pure; standard library only."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass

from local_swarm.terminal import line

MOST_OUTPUT = 200_000  # characters looked at, from the end
AGAIN = "and run this again"


def any_of(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Scene:
    """Where it happened. `compiler`: the command that installs one; `log`: where the whole output stands; `no_room`: a folder
    whose disk is full; `ask_index`: what stands between here and the package index, nothing where nothing does."""

    compiler: str = ""
    log: str = ""
    no_room: str = ""
    ask_index: Callable[[], str] = str


NETWORK = any_of(
    r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError|ConnectionResetError",
    r"Max retries exceeded|Failed to establish a new connection|Could not fetch URL|nodename nor servname",
    r"Temporary failure in name resolution|Network is unreachable|TLS CA certificate bundle|ssl certificate",
    r"Proxy URL had|SOCKS support|ask_input|HTTP error \d|4\d\d Client Error|5\d\d Server Error|IncompleteRead",
    r"connection (broken|aborted|timed out)|\(from versions: none\)",
)
NOT_FOUND = any_of(r"No matching distribution found for (\S{1,200})")
NO_SPACE = any_of(r"No space left on device|Errno 28|There is not enough space on the disk|quota exceeded|Errno 122")
CONFIGURATION = any_of(r"Configuration file (?:could not be loaded|contains)[^'\"]{0,200}['\"]?([^'\"\n]{0,200})")
SENTENCES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        any_of(r"ssl module (in Python )?is not available|No module named '?_?ssl"),
        "This Python was built without TLS, so it can fetch nothing. Use another one: https://www.python.org/downloads/",
    ),
    (
        any_of(r"ensurepip is not available|No module named '?(venv|ensurepip)"),
        "This Python has no `venv` module. Install it {again}: sudo apt-get install python{version}-venv "
        "(or the like, from the package manager of your system)",
    ),
    (
        any_of(
            r"No CMAKE_C(XX)?_COMPILER could be found|CMAKE_C(XX)?_COMPILER not set",
            r"is not able to compile a simple test program|could not find any instance of Visual Studio",
            r"Microsoft Visual C\+\+ [\d.]+ or greater is required|unable to execute '?(gcc|g\+\+|cc|c\+\+|clang)",
            r"command '?[\w./+-]{0,99}(?:cc|\+\+|clang)[\w.+-]{0,20}'? failed: No such file",
        ),
        "Building the engine needs a C++ compiler. Install one {again}: {compiler}",
    ),
    (
        any_of(r"can't find Rust compiler|cargo[\w.:'`]{0,9} (is )?not (found|installed)|Rust toolchain"),
        "A package must be built here, which needs Rust. Install it {again}: https://rustup.rs",
    ),
    (
        any_of(
            r"Killed signal terminated program|out of memory|cannot allocate memory|std::bad_alloc|ended by signal 9"
        ),
        "Memory ran out. Close other programs {again}, with CMAKE_BUILD_PARALLEL_LEVEL=1 set.",
    ),
    (
        any_of(r"Too many open files|Errno 24"),
        "Too many files are open. Allow more {again}, for example: ulimit -n 4096",
    ),
    (
        any_of(r"Read-only file system|Errno 30"),
        "This folder may only be read. Copy the checkout to one of your own {again}. Details: {log}",
    ),
    (
        any_of(r"Permission denied|Errno 13|Access is denied|Operation not permitted"),
        "Something here may not be written. Give yourself the right to this folder {again}. Details: {log}",
    ),
    (
        any_of(r"do not match the hashes|BadZipFile|not a valid wheel|invalid wheel|CRC-32"),
        "A package arrived damaged. Run this again; if it stays so, empty pip's cache first: {python} -m pip cache purge",
    ),
    (
        any_of(r"ResolutionImpossible|conflicting dependencies|Cannot install [^\n]{1,300} because"),
        "Packages exclude each other. If PIP_CONSTRAINT or pip's configuration demands versions, take that out {again}. "
        "Details: {log}",
    ),
)


def explain(output: str, scene: Scene) -> str:
    """The likeliest cause."""
    output = output[-MOST_OUTPUT:]
    if NO_SPACE.search(output):
        where = f"The disk of {scene.no_room} is full" if scene.no_room else "The disk is full, or your share of it"
        return f"{where}. Free some space {AGAIN}; what is installed already stays."
    if found := CONFIGURATION.search(output):
        return f"Pip's configuration cannot be read{f' ({line(found[1])})' if found[1] else ''}. Correct it {AGAIN}."
    for pattern, sentence in SENTENCES:
        if pattern.search(output):
            version = f"{sys.version_info.major}.{sys.version_info.minor}"
            words = {"again": AGAIN, "version": version, "python": sys.executable}
            return sentence.format(compiler=scene.compiler, log=scene.log, **words)
    return explain_network(output, scene) or last_error(output, scene)


def explain_network(output: str, scene: Scene) -> str:
    """What the index itself says counts more than what pip says of it."""
    missing, broken = NOT_FOUND.search(output), NETWORK.search(output)
    if not missing and not broken:
        return ""
    if obstacle := scene.ask_index():
        return obstacle
    if missing:
        return (
            f"The package index has no {missing[1]} for this Python ({sys.version.split()[0]}) and system. "
            f"Try another Python version. Details: {scene.log}"
        )
    return f"The connection to the package index broke, but it answers now. Run this again. Details: {scene.log}"


def last_error(output: str, scene: Scene) -> str:
    found = next((one.strip() for one in reversed(output.splitlines()) if "error" in one.lower()), "no reason given")
    return f"Installing failed: {line(found)[:200]}. Details: {scene.log}"

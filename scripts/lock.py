"""The development environment in, the versions that are installed in it out: scripts/constraints.txt, from which CI installs.

Run it there after an update: .venv/bin/python scripts/lock.py. The versions hold for the system and the Python that they come
from. They bind no other, and not plain set-up, which takes the newest that pyproject.toml allows.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

TARGET = Path(__file__).with_name("constraints.txt")
EXTRAS = ("llamacpp", "embeddings", "bench", "transformers", "dev")  # what `scripts/test.py` sets up
HEAD = "# Made by scripts/lock.py. CI and scripts/test.py install these versions; plain set-up does not.\n"


def versions(name: str, extras: Iterable[str]) -> dict[str, str]:
    """Versions by package: all that is installed for a package and its extras, itself left out. Of a version such as
    `2.13.0+cpu` the public part, which other builds of it share."""
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(canonicalize_name(name), frozenset(extras))]
    while waiting:
        package, wanted = waiting.pop()
        for extra in ("", *wanted):
            if (package, extra) in seen:
                continue
            seen.add((package, extra))
            for line in distribution(package).requires or ():
                needed = Requirement(line)
                if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                    waiting.append((canonicalize_name(needed.name), frozenset(needed.extras)))
        found[package] = Version(distribution(package).version).public
    del found[canonicalize_name(name)]
    return found


def lines(found: dict[str, str], marker: str) -> list[str]:
    return [f"{name}=={version} ; {marker}" for name, version in sorted(found.items())]


def marker() -> str:
    """This system and this Python, as pip reads it."""
    python = ".".join(map(str, sys.version_info[:2]))
    return f"sys_platform == '{sys.platform}' and platform_machine == '{platform.machine()}' and python_version == '{python}'"


def main() -> int:
    try:
        found = versions("local-swarm", EXTRAS)
    except PackageNotFoundError as problem:
        print(f"error: {problem.name} is not installed here. First: python scripts/test.py --quick", file=sys.stderr)
        return 1
    TARGET.write_text(HEAD + "\n".join(lines(found, marker())) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

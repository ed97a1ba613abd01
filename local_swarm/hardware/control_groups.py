"""What the kernel says of this process's control groups in, the folders whose limits hold for it out: its own and all above."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from local_swarm.hardware.files import read

GROUPS = Path("/sys/fs/cgroup")
PROCESS = Path("/proc/self")
UNIFIED = ("", "unified")  # where version 2 is mounted: alone, or beside version 1
CONTROLLERS = ("memory", "cpu")  # those of version 1 that limit what we ask for
MOST_LINES = 64
LONGEST_PATH = 4096  # characters, the kernel's own bound


def limiting_folders(groups: Path = GROUPS, process: Path = PROCESS) -> tuple[Path, ...]:
    """Folders of both versions of control groups. A limit in any of them holds, so the smallest counts."""
    return folders(groups, read(process / "cgroup"), read(process / "mountinfo"))


def folders(groups: Path, membership: str, mounts: str) -> tuple[Path, ...]:
    """`membership`: lines `0::/user.slice/a.scope` (version 2) and `4:memory:/docker/ab` (version 1), see cgroups(7). What a
    container does not see of its path is the root of its mount, see `mount_roots`."""
    roots = mount_roots(mounts)
    found = {
        folder: None for controllers, path in groups_of(membership) for folder in up(groups, controllers, path, roots)
    }
    found |= {groups / name: None for name in (*UNIFIED, *CONTROLLERS)}
    return tuple(found)


def groups_of(text: str) -> Iterator[tuple[str, str]]:
    """(controllers, path) of every group that can limit memory or processor time."""
    for line in text.split("\n", MOST_LINES)[:MOST_LINES]:
        parts = line[: LONGEST_PATH + 100].split(":", 2)
        if len(parts) == 3 and (not parts[1] or set(CONTROLLERS) & set(parts[1].split(","))):
            yield parts[1], parts[2][:LONGEST_PATH]


def mount_roots(text: str) -> tuple[str, ...]:
    """Which part of the tree is mounted, of lines like `31 23 0:28 /docker/ab /sys/fs/cgroup/memory ro - cgroup ...`."""
    lines = re.finditer(r"^\d+ \d+ \S+ (\S+) /sys/fs/cgroup\S* ", text, re.MULTILINE)
    return tuple({line[1]: None for line in lines if line[1] != "/"})[:MOST_LINES]


def up(groups: Path, controllers: str, path: str, roots: tuple[str, ...]) -> Iterator[Path]:
    """The group's folder and those above it, wherever its version and controllers may be mounted."""
    parts = seen_parts(path, roots)
    for name in (controllers, *controllers.split(",")) if controllers else UNIFIED:
        for depth in range(len(parts), -1, -1):
            yield groups.joinpath(name, *parts[:depth])


def seen_parts(path: str, roots: tuple[str, ...]) -> list[str]:
    """The parts of a path below what is mounted; none where the group lies outside of it (`/../other`)."""
    root = next((root for root in roots if path == root or path.startswith(root + "/")), "")
    parts = [part for part in path[len(root) :].split("/") if part and part != "."]
    return [] if ".." in parts or len(parts) > MOST_LINES else parts

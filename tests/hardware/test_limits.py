"""The limits of control groups: the own one's and those above it, however they are mounted, the smallest counts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local_swarm.hardware import memory, processor
from local_swarm.hardware.control_groups import folders

GIB = 1 << 30


def lay(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")


def limit(root: Path, files: dict[str, str], own: str, mounts: str = "") -> int | None:
    lay(
        root,
        {
            "process/cgroup": own,
            "process/mountinfo": mounts,
            **{f"groups/{name}": text for name, text in files.items()},
        },
    )
    found = memory.probe(root / "groups", process=root / "process").limit_bytes
    return found // GIB if found else found


TWO, FOUR = str(2 * GIB), str(4 * GIB)
V2 = "0::/system.slice/swarm.service"
DOCKER_V1 = "4:memory:/docker/ab12\n3:cpu,cpuacct:/docker/ab12"
MOUNTED = "40 39 0:35 /docker/ab12 /sys/fs/cgroup/memory ro,nosuid - cgroup cgroup rw,memory"


@pytest.mark.parametrize(
    ("own", "files", "found"),
    [
        (V2, {"system.slice/swarm.service/memory.max": TWO}, 2),
        (V2, {"system.slice/memory.max": TWO, "system.slice/swarm.service/memory.max": "max"}, 2),
        (V2, {"system.slice/memory.max": TWO, "system.slice/swarm.service/memory.max": FOUR}, 2),
        (V2, {"system.slice/memory.max": FOUR, "system.slice/swarm.service/memory.max": TWO}, 2),
        (V2, {"system.slice/swarm.service/memory.high": TWO}, 2),
        (V2, {"memory.max": TWO}, 2),
        (V2, {"user.slice/memory.max": TWO, "system.slice/other.service/memory.max": TWO}, None),
        ("0::/", {"memory.max": FOUR}, 4),
        ("0::/../other", {"memory.max": FOUR, "other/memory.max": TWO}, 4),
        ("", {"memory.max": TWO}, 2),
        ("0::/kubepods.slice/pod1.slice/cri-9.scope", {"kubepods.slice/pod1.slice/memory.max": TWO}, 2),
        (
            "0::/system.slice/slurmstepd.scope/job_7/step_0/user/task_0",
            {"system.slice/slurmstepd.scope/job_7/memory.max": TWO},
            2,
        ),
        ("4:memory:/user/job\n0::/", {"memory/user/memory.limit_in_bytes": TWO}, 2),
        ("4:memory:/slurm/uid_1/job_7/step_0", {"memory/slurm/uid_1/job_7/memory.limit_in_bytes": TWO}, 2),
        ("9:cpu,memory:/a", {"cpu,memory/a/memory.limit_in_bytes": TWO}, 2),
        ("4:memory:/a\n0::/b", {"unified/b/memory.max": TWO, "memory/a/memory.limit_in_bytes": FOUR}, 2),
        ("4:memory:/", {"memory/memory.stat": f"cache 1\nhierarchical_memory_limit {TWO}"}, 2),
        ("4:memory:/", {"memory/memory.limit_in_bytes": "9223372036854771712"}, None),
        (DOCKER_V1, {"memory/memory.limit_in_bytes": TWO}, 2),
        ("5:pids:/a\n1:name=systemd:/a", {"a/memory.max": TWO}, None),
        ("nonsense\n::::\n0:", {"memory.max": TWO}, 2),
    ],
)
def test_the_smallest_limit_up_the_tree_counts(
    tmp_path: Path, own: str, files: dict[str, str], found: int | None
) -> None:
    assert limit(tmp_path, files, own) == found


def test_a_container_sees_its_path_below_what_is_mounted(tmp_path: Path) -> None:
    assert limit(tmp_path, {"memory/sub/memory.limit_in_bytes": TWO}, "4:memory:/docker/ab12/sub", MOUNTED) == 2


def test_what_is_left_is_the_least_that_any_group_leaves(tmp_path: Path) -> None:
    files = {
        "a/memory.max": FOUR,
        "a/memory.current": str(3 * GIB),
        "a/memory.stat": f"inactive_file {GIB // 2}",
        "a/b/memory.max": FOUR,
        "a/b/memory.current": str(GIB),
    }
    lay(tmp_path, {"p/cgroup": "0::/a/b", **{f"g/{name}": text for name, text in files.items()}})
    found = memory.probe(tmp_path / "g", process=tmp_path / "p")
    assert (found.limit_bytes, found.available_bytes) == (4 * GIB, GIB + GIB // 2)


@pytest.mark.parametrize(
    ("own", "files", "cores"),
    [
        ("0::/a/b", {"a/cpu.max": "100000 100000", "a/b/cpu.max": "max 100000"}, 1),
        ("0::/a/b", {"a/b/cpu.max": "150000 100000"}, 1),
        (
            "3:cpu,cpuacct:/a/b",
            {"cpu,cpuacct/a/cpu.cfs_quota_us": "100000", "cpu,cpuacct/a/cpu.cfs_period_us": "100000"},
            1,
        ),
        ("3:cpu:/a", {"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 1),
        ("0::/a", {"a/cpu.max": "max 100000"}, None),
    ],
)
def test_the_smallest_share_of_time_up_the_tree_counts(
    tmp_path: Path, own: str, files: dict[str, str], cores: int | None
) -> None:
    lay(tmp_path, {"p/cgroup": own, **{f"g/{name}": text for name, text in files.items()}})
    expected = cores or len(os.sched_getaffinity(0))
    assert processor.usable_cores(tmp_path / "g", tmp_path / "p") == expected


def test_a_path_of_any_length_is_looked_up_in_few_steps(tmp_path: Path) -> None:
    assert len(folders(tmp_path, "0::" + "/a" * 100_000 + "\n" + "0::/b/c\n" * 10_000, MOUNTED * 1000)) < 20


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_a_bound_on_the_address_space_is_a_limit() -> None:
    code = "from local_swarm.hardware import memory; print(memory.probe().limit_bytes)"
    script = f"ulimit -v 3145728 && exec {sys.executable} -c '{code}'"
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, timeout=30)
    assert 0 < int(done.stdout) <= 3 * GIB

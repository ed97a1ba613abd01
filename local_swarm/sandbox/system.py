"""What the kernel of this machine can take from a process: limits, system calls, files, namespaces. Standard library alone.

Seccomp and Landlock as in the kernel's documentation (userspace-api/seccomp_filter, userspace-api/landlock); nothing here is
undone again: what a process gave up, it and its children lack for good. Raises OSError where the kernel refuses.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
from collections.abc import Sequence

libc = ctypes.CDLL(None, use_errno=True)

NOBODY = 65534
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 1, 24, 38, 22
CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
NAMESPACES = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 32, 16384, 1 << 18
MNT_DETACH = 2
CLONE_THREAD = 0x10000

LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446  # the same on every processor
LANDLOCK_EXECUTE, LANDLOCK_READ_FILE, LANDLOCK_READ_DIR = 1 << 0, 1 << 2, 1 << 3
O_PATH = 0o10000000

# System calls by number: (x86-64, arm64); None where the processor does not have one of that name.
CALLS: dict[str, tuple[int | None, int | None]] = {
    "read": (0, 63),
    "write": (1, 64),
    "close": (3, 57),
    "fstat": (5, 80),
    "lseek": (8, 62),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "munmap": (11, 215),
    "brk": (12, 214),
    "rt_sigreturn": (15, 139),
    "mremap": (25, 216),
    "madvise": (28, 233),
    "sched_yield": (24, 124),
    "nanosleep": (35, 101),
    "getpid": (39, 172),
    "gettid": (186, 178),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "gettimeofday": (96, 169),
    "getrusage": (98, 165),
    "times": (100, 153),
    "time": (201, None),
    "futex": (202, 98),
    "restart_syscall": (219, 128),
    "clock_gettime": (228, 113),
    "clock_getres": (229, 114),
    "clock_nanosleep": (230, 115),
    "getrandom": (318, 278),
    "getuid": (102, 174),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getegid": (108, 177),
    "getppid": (110, 173),
    # beyond computing, for programs that are still to be started; what has to do with signals and timers comes first, since a
    # program that may block signals or stop its timer is out of reach of the clock within
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "setitimer": (38, 103),
    "getitimer": (36, 102),
    "sigaltstack": (131, 132),
    "pread64": (17, 67),
    "readv": (19, 65),
    "writev": (20, 66),
    "pwrite64": (18, 68),
    "access": (21, None),
    "dup": (32, 23),
    "dup2": (33, None),
    "dup3": (292, 24),
    "openat": (257, 56),
    "open": (2, None),
    "stat": (4, None),
    "lstat": (6, None),
    "newfstatat": (262, 79),
    "statx": (332, 291),
    "statfs": (137, 43),
    "fstatfs": (138, 44),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "getdents64": (217, 61),
    "getcwd": (79, 17),
    "chdir": (80, 49),
    "fcntl": (72, 25),
    "ioctl": (16, 29),
    "poll": (7, None),
    "ppoll": (271, 73),
    "select": (23, None),
    "pselect6": (270, 72),
    "epoll_create1": (291, 20),
    "epoll_ctl": (233, 21),
    "epoll_wait": (232, None),
    "epoll_pwait": (281, 22),
    "eventfd2": (290, 19),
    "pipe": (22, None),
    "pipe2": (293, 59),
    "clone": (56, 220),
    "execve": (59, 221),
    "set_tid_address": (218, 96),
    "set_robust_list": (273, 99),
    "get_robust_list": (274, 100),
    "rseq": (334, 293),
    "arch_prctl": (158, None),
    "prlimit64": (302, 261),
    "getrlimit": (97, 163),
    "uname": (63, 160),
    "sysinfo": (99, 179),
    "sched_getaffinity": (204, 123),
    "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120),
    "sched_get_priority_max": (146, 125),
    "sched_get_priority_min": (147, 126),
    "membarrier": (324, 283),
    "capget": (125, 90),
    "prctl": (157, 167),
    "pkey_alloc": (330, 289),
    "pkey_mprotect": (329, 288),
    "umask": (95, 166),
    "mincore": (27, 232),
    "wait4": (61, 260),
    "get_mempolicy": (239, 236),
    "getpgrp": (111, None),
    "getpgid": (121, 155),
    "getsid": (124, 156),
    "getpriority": (140, 141),
    "setpriority": (141, 140),
}
COMPUTING = tuple(CALLS)[: tuple(CALLS).index("getppid") + 1]
STARTING = tuple(CALLS)
CLONE3 = 435  # says "not there", so that libraries fall back to `clone`, whose flags a filter can read
ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7), "arm64": (1, 0xC00000B7)}


def check_result(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def no_new_privileges() -> None:
    check_result(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")


def die_with_parent() -> None:
    check_result(libc.prctl(PR_SET_PDEATHSIG, 9, 0, 0, 0), "parent death signal")


def limits(memory_bytes: int | None, cpu_s: int, files: int, data_bytes: int | None = None) -> None:
    """Hard limits, not to be raised again. `memory_bytes`: of address space, `data_bytes`: of memory that can be written."""
    bounds = [
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, files),
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_DATA, data_bytes),
    ]
    for name, bound in bounds:
        if bound is not None:
            resource.setrlimit(name, (bound, bound))


def address_space() -> int:
    """Bytes that this process has mapped; a guess where that cannot be read."""
    try:
        with open("/proc/self/statm", encoding="ascii") as told:  # noqa: PTH123  pathlib is not loaded in there
            return int(told.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 256 << 20


# ------------------------------------------------------------------------------------------------- seccomp


def only(names: Sequence[str]) -> None:
    """From now on only these system calls; all others fail with EPERM. Needs `no_new_privileges`. Raises OSError."""
    program = filter_program(names, platform.machine())
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HL", len(program) // 8, ctypes.addressof(buffer))
    check_result(libc.prctl(PR_SET_SECCOMP, 2, ctypes.create_string_buffer(header, len(header)), 0, 0), "seccomp")


def filter_program(names: Sequence[str], machine: str) -> bytes:
    """Classic BPF. `clone` is allowed for threads only. Raises OSError for a processor whose numbers are not known."""
    if machine not in ARCHITECTURES:
        raise OSError(f"seccomp: the system calls of {machine} are not known here")
    column, audit = ARCHITECTURES[machine]
    load, equal, at_least, all_bits, give = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, deny, absent, kill = 0x7FFF0000, 0x50000 | 1, 0x50000 | 38, 0x80000000
    numbers = [number for name in names if name != "clone" and (number := CALLS[name][column]) is not None]
    lines = [(load, 0, 0, 4), (equal, 1, 0, audit), (give, 0, 0, kill), (load, 0, 0, 0)]
    lines += [(at_least, 0, 1, 0x40000000), (give, 0, 0, deny), (equal, 0, 1, CLONE3), (give, 0, 0, absent)]
    for number in numbers:
        lines += [(equal, 0, 1, number), (give, 0, 0, allow)]
    if "clone" in names:
        lines += [(equal, 0, 3, CALLS["clone"][column] or 0), (load, 0, 0, 16), (all_bits, 0, 1, CLONE_THREAD)]
        lines += [(give, 0, 0, allow)]
    lines.append((give, 0, 0, deny))
    return b"".join(struct.pack("HBBI", *line) for line in lines)


# ------------------------------------------------------------------------------------------------ Landlock


def landlock_version() -> int:
    """0 where the kernel has none."""
    return max(0, int(libc.syscall(LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))))


def no_files(readable: Sequence[str] = (), programs: Sequence[str] = ()) -> None:
    """From now on no file can be opened, made, changed or run, no TCP port used and nobody outside signalled, but for reading
    `readable` and what lies below it and running `programs`. Needs `no_new_privileges`. Raises OSError."""
    version = landlock_version()
    if version < 1:
        raise OSError("Landlock: not in this kernel")
    files = (1 << (13 + (version >= 2) + (version >= 3) + (version >= 5))) - 1
    attribute = struct.pack("QQQ", files, 3 if version >= 4 else 0, 3 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = check_result(libc.syscall(LANDLOCK_CREATE, attribute, ctypes.c_size_t(size), 0), "Landlock")
    try:
        for path in readable:
            folder = LANDLOCK_READ_DIR if os.path.isdir(path) else 0  # noqa: PTH112
            admit(rules, path, LANDLOCK_READ_FILE | folder)
        for path in programs:
            admit(rules, path, LANDLOCK_READ_FILE | LANDLOCK_EXECUTE)
        check_result(libc.syscall(LANDLOCK_RESTRICT, rules, 0), "Landlock")
    finally:
        os.close(rules)


def admit(rules: int, path: str, access: int) -> None:
    opened = os.open(path, O_PATH)
    try:
        rule = struct.pack("=Qi", access, opened)
        check_result(libc.syscall(LANDLOCK_ADD, rules, 1, rule, 0), f"Landlock {path}")
    finally:
        os.close(opened)


# ---------------------------------------------------------------------------------------------- namespaces


def unshare() -> None:
    """Processes, network, mounts, IPC and names of its own for the *children* of this process (the first is their init).

    The administrator needs no user namespace; where it may not do without, and for everybody else, there is one. Raises OSError.
    """
    user, group = os.getuid(), os.getgid()
    if user == 0 and libc.unshare(NAMESPACES) == 0:
        return
    check_result(libc.unshare(NAMESPACES | CLONE_NEWUSER), "namespaces")
    for name, line in (("setgroups", "deny"), ("uid_map", f"{NOBODY} {user} 1"), ("gid_map", f"{NOBODY} {group} 1")):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write(line)


def empty_root(place: str) -> None:
    """Replace all files by an empty folder that cannot be written. `place`: any folder there is. Raises OSError."""
    plain = MS_NOSUID | MS_NODEV | MS_NOEXEC
    check_result(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None), "private mounts")
    check_result(libc.mount(b"none", os.fsencode(place), b"tmpfs", plain, b"size=4k,mode=555"), "empty folder")
    os.chdir(place)
    check_result(libc.syscall({0: 155, 1: 41}[ARCHITECTURES[platform.machine()][0]], b".", b"."), "pivot_root")
    check_result(libc.umount2(b".", MNT_DETACH), "old root")
    os.chdir("/")
    check_result(libc.mount(b"none", b"/", None, MS_REMOUNT | MS_RDONLY | plain, None), "read-only root")


def drop_privileges() -> None:
    """Whoever is administrator, here or in a namespace of its own, becomes an ordinary user without any capability."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # refused where there is nothing to drop
    none = struct.pack("IIIIII", 0, 0, 0, 0, 0, 0)
    check_result(libc.capset(struct.pack("Ii", 0x20080522, 0), none), "capabilities")

"""Seatbelt: how a process on macOS gives up everything but computing. Thin, since it can be tried on a Mac only."""

from __future__ import annotations

import ctypes
import resource

PROFILE = b"(version 1)(deny default)"


def seal(cpu_s: int) -> None:
    """Limits, and a profile that denies every file, program, process, signal and connection. Raises OSError.

    `sandbox_init` of libSystem: deprecated since 10.8, and still what `sandbox-exec` and browsers use.
    """
    for name, bound in ((resource.RLIMIT_CPU, cpu_s), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(name, (bound, bound))
    library = ctypes.CDLL(None)
    problem = ctypes.c_char_p()
    if library.sandbox_init(PROFILE, ctypes.c_uint64(0), ctypes.byref(problem)) != 0:
        raise OSError(f"sandbox_init: {(problem.value or b'refused').decode('utf-8', 'replace')}")

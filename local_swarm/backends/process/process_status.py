"""The id of an engine's process in, whether it is stopped and how much memory it uses out."""

from __future__ import annotations

import psutil


def is_stopped(pid: int | None) -> bool:
    """Whether a process is suspended, from which nothing here would wake it."""
    try:
        return bool(pid) and psutil.Process(pid).status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return False


def resident_bytes(pid: int | None) -> int | None:
    """Memory that a process uses; None where that cannot be known."""
    try:
        return int(psutil.Process(pid).memory_info().rss) if pid else None
    except psutil.Error:
        return None

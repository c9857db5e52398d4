"""What this machine has for a model: processors and memory.

A container's limits do not show in the system's own numbers, and are read from its control group (cgroup v2).
"""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def cores() -> int:
    """The processors that this process may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = (_CGROUP / "cpu.max").read_text().split()
        cores = min(cores, math.ceil(int(quota) / int(period)))
    return cores


def total_memory() -> int | None:
    """The bytes of memory that this process may have at most; None where the system does not say."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None
    with suppress(OSError, ValueError):
        total = min(total, int((_CGROUP / "memory.max").read_text()))
    return total


def free_memory() -> int | None:
    """The bytes of memory that are free now, those of the system's cache among them; None where it does not say."""
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
        with suppress(OSError, ValueError):
            free = min(free, int((_CGROUP / "memory.max").read_text()) - _anonymous_memory())
        return free
    return None


def _anonymous_memory() -> int:
    """The bytes of this container's memory that cannot be given up, as its file cache can."""
    lines = (_CGROUP / "memory.stat").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.split()[0] in ("anon", "shmem", "kernel"))

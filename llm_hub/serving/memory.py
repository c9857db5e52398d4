"""Gives memory back that is no longer used.

What a request needs (a body, the pieces of a stream, a page) is freed when it is over, but glibc keeps it for the next
one: in up to eight heaps a core, and with every wave of other sizes in further holes of them. A hub grew by 13 % in a
quarter of an hour, with no more in use. Elsewhere than on Linux with glibc none of this is done.
"""

from __future__ import annotations

import asyncio
import ctypes
import sys
from contextlib import suppress

MAX_HEAPS = 2
"""Heaps that threads share. The hub's threads seldom allocate at the same time."""
MIN_MAPPED_BYTES = 128 * 1024
"""What is as large gets memory of its own, which goes back at once. By itself glibc raises that to 32 MB."""
TRIM_INTERVAL = 30.0
"""Seconds between two returns of what is free within the heaps: some milliseconds, in a thread."""
_ARENA_MAX, _MMAP_THRESHOLD = -8, -3
"""The names of two settings in malloc.h."""


def bound_heaps() -> None:
    """Has freed memory stay in few places. To be called before there are threads."""
    with suppress(OSError, AttributeError):
        if sys.platform == "linux":
            libc = ctypes.CDLL(None)
            libc.mallopt(_ARENA_MAX, MAX_HEAPS)
            libc.mallopt(_MMAP_THRESHOLD, MIN_MAPPED_BYTES)


def trim() -> None:
    """Gives the system what is free. Blocks."""
    with suppress(OSError, AttributeError):
        if sys.platform == "linux":
            ctypes.CDLL(None).malloc_trim(0)


async def trim_forever() -> None:
    """Trims every so many seconds, for as long as the hub runs."""
    while True:
        await asyncio.sleep(TRIM_INTERVAL)
        await asyncio.to_thread(trim)

"""The process' memory: what is garbage is looked for seldom, what is free goes back to the system, and what stays lies
in large pages.

What a request needs (a body, the pieces of a stream, a page) is freed when it is over, but glibc keeps it for the next
one: in up to eight heaps a core, and with every wave of other sizes in further holes of them. A hub grew by 13 % in a
quarter of an hour, with no more in use. Elsewhere than on Linux with glibc none of this is done.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import sys
from contextlib import suppress
from pathlib import Path

MAX_HEAPS = 2
"""Heaps that threads share. The hub's threads seldom allocate at the same time."""
MIN_MAPPED_BYTES = 128 * 1024
"""What is as large gets memory of its own, which goes back at once. By itself glibc raises that to 32 MB."""
TRIM_INTERVAL = 30.0
"""Seconds between two returns of what is free within the heaps: some milliseconds, in a thread."""
GC_THRESHOLD = 10_000
"""New objects after which Python looks for cycles among them. With its own 700 it looks at each request, which is a
tenth of the request's time, and hardly ever finds any."""
_ARENA_MAX, _MMAP_THRESHOLD = -8, -3
"""The names of two settings in malloc.h."""
_MADV_COLLAPSE = 25
"""The name of an advice in Linux' mman.h, since 6.1."""


def bound_heaps() -> None:
    """Has freed memory stay in few places. To be called before there are threads."""
    with suppress(OSError, AttributeError):
        if sys.platform == "linux":
            libc = ctypes.CDLL(None)
            libc.mallopt(_ARENA_MAX, MAX_HEAPS)
            libc.mallopt(_MMAP_THRESHOLD, MIN_MAPPED_BYTES)


def collect_seldom() -> None:
    """Has Python look for garbage seldom, but not never: the process would keep most of the memory that it took."""
    gc.set_threshold(GC_THRESHOLD)


async def settle() -> None:
    """Call it once all is started: nearly all that there is by then lives as long as the process."""
    gc.collect()
    gc.freeze()  # no collection need go through it again
    trim()
    await asyncio.to_thread(use_large_pages)


def use_large_pages() -> None:
    """Moves what there is into pages of 2 MB, where Linux can (6.1 and later); some 4 MB more are in use then. Blocks.

    A call reads some megabytes of objects from all over the heap, and in pages of 4 KB the processor looks up where
    most of them are: a tenth of a call's time, and more of that of a token that comes alone.
    """
    with suppress(OSError, AttributeError):
        madvise = ctypes.CDLL(None).madvise
        madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        for region in Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines():
            place, rights, _, _, _, *name = region.split(maxsplit=5)
            if rights == "rw-p" and name in ([], ["[heap]"]):  # no file's
                start, end = (int(edge, 16) for edge in place.split("-"))
                madvise(start, end - start, _MADV_COLLAPSE)


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

"""What starting leaves in memory: little of it is garbage, and what is goes back to the system."""

from __future__ import annotations

import ctypes
import gc
from contextlib import suppress

GC_THRESHOLD = 10_000
"""New objects after which Python looks for cycles among them. With its own 700 it looks at each request, which is a
tenth of the request's time, and hardly ever finds any."""


def collect_seldom() -> None:
    """Has Python look for garbage seldom, but not never: the process would keep most of the memory that it took."""
    gc.set_threshold(GC_THRESHOLD)


def settle() -> None:
    """Call it once all is started: nearly all that there is by then lives as long as the process."""
    gc.collect()
    gc.freeze()  # no collection need go through it again
    with suppress(TypeError, AttributeError):  # another C library than glibc, or another system
        ctypes.CDLL(None).malloc_trim(0)  # by itself glibc keeps 5 MB that starting took and freed

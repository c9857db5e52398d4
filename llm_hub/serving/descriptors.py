"""How many requests may be open at once, so that the system's limit of open files is never reached.

Each connection is an open file to the system, and a process may have only so many: often 256 or 1024, where nobody has
raised that. Without one left nothing can be connected, read, or even refused.
"""

from __future__ import annotations

import sys

RESERVED = 64
"""Open files for what is no connection of a client or to a provider."""
ENOUGH = 65_536
"""What the limit is raised to where the system allows as many."""


def raise_limit() -> None:
    """Raises this process's limit as far as the system allows."""
    if sys.platform == "win32":  # has no such limit
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = ENOUGH if hard == resource.RLIM_INFINITY else min(ENOUGH, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):  # macOS allows fewer than it says; there the limit stays as it is
        return


def max_open_requests() -> int:
    """Requests that may be answered at once: a third of the open files that are left, at least one."""
    return max(1, _left() // 3)


def max_connections() -> int:
    """Clients that may be connected at once: those that are answered, and as many that wait or are being refused. A
    third of the open files is for the connections to providers."""
    return 2 * max_open_requests()


def _left() -> int:
    if sys.platform == "win32":
        return sys.maxsize
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if limit == resource.RLIM_INFINITY else limit - RESERVED

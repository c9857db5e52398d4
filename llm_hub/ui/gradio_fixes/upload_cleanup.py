"""Removes what is left of uploads that failed.

Gradio 6.31.0 keeps the file of an upload that was cut off, was too large, or has a field that it does not know, and
never removes it: somebody who sends many such uploads would fill the disk. May go when:
tests/security/test_uploads.py::test_what_gradio_leaves_of_an_upload_is_removed fails where it counts the files.
"""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import suppress
from pathlib import Path

SWEEP_INTERVAL = 600.0
"""Seconds between two sweeps of the folder."""

MAX_LEFTOVER_AGE = 3600.0
"""Seconds since the last byte: an upload that still arrives is younger. One that arrives whole is renamed at once."""

_TEMPORARY_NAME = re.compile(r"tmp[a-z0-9_]{8}")
"""The names that Python gives temporary files."""


async def sweep_forever(every: float = SWEEP_INTERVAL) -> None:
    """Removes leftovers again and again, for as long as the hub runs."""
    while True:
        await asyncio.sleep(every)
        await asyncio.to_thread(sweep, time.time())


def sweep(now: float) -> None:
    """Removes the leftovers that are too old at the time `now`, in seconds since 1970."""
    from gradio.utils import get_upload_folder  # slow to load: the page has, when this is first asked

    for file in Path(get_upload_folder()).glob("tmp*"):
        with suppress(OSError):  # it is somebody else's, or gone
            if (
                _TEMPORARY_NAME.fullmatch(file.name)
                and file.is_file()
                and file.lstat().st_mtime < now - MAX_LEFTOVER_AGE
            ):
                file.unlink()

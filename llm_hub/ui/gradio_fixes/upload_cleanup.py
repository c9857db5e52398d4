"""What is left of uploads that came to nothing.

Gradio keeps what it has of one that was cut off, or was too much, or has a field that it does not know, and never looks
at it again: whoever sends many such would fill the disk.
"""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import suppress
from pathlib import Path

EVERY = 600.0
"""Seconds."""
MAX_LEFTOVER_AGE = 3600.0
"""Seconds since the last byte. A file that arrives whole is given another name at once."""
_NAME = re.compile(r"tmp[a-z0-9_]{8}")
"""As Python names temporary files."""


async def tend(every: float = EVERY) -> None:
    """Removes them for as long as the hub runs."""
    while True:
        await asyncio.sleep(every)
        await asyncio.to_thread(sweep, time.time())


def sweep(now: float) -> None:
    """Removes them from the folder of uploads."""
    from gradio.utils import get_upload_folder  # slow to load: the page has, when this is first asked

    for file in Path(get_upload_folder()).glob("tmp*"):
        with suppress(OSError):  # another's, or gone
            if _NAME.fullmatch(file.name) and file.is_file() and file.lstat().st_mtime < now - MAX_LEFTOVER_AGE:
                file.unlink()

"""The process' memory, as Linux reports it."""

from __future__ import annotations

import mmap
import re
import sys
from pathlib import Path

import pytest

from llm_hub.serving.memory import use_large_pages

BYTES = 32 * 2**20
MADV_COLLAPSE = 25


def test_what_there_is_lies_in_large_pages() -> None:
    if not _can_collapse():
        pytest.skip("This system has no large pages that a process can ask for.")
    block = bytearray(BYTES)
    block[:: mmap.PAGESIZE] = b"x" * (BYTES // mmap.PAGESIZE)
    before = _bytes_in_large_pages()
    use_large_pages()
    assert _bytes_in_large_pages() - before > BYTES * 3 // 4
    assert block.count(b"x") == BYTES // mmap.PAGESIZE


def _can_collapse() -> bool:
    if sys.platform != "linux":
        return False
    with mmap.mmap(-1, BYTES, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as block:
        block.write(b"x" * BYTES)
        try:
            block.madvise(MADV_COLLAPSE)
        except OSError:
            return False
    return True


def _bytes_in_large_pages() -> int:
    rollup = Path("/proc/self/smaps_rollup").read_text()
    found = re.search(r"AnonHugePages: +(\d+) kB", rollup)
    assert found is not None
    return int(found[1]) * 1024

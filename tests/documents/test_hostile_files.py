"""Hostile files: a clear sentence for each, no crash, bounded memory and time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from llm_hub.documents.limits import MAX_READER_BYTES, MAX_READER_SECONDS
from llm_hub.errors import InvalidRequest
from llm_hub.ui import uploads
from tests.documents.hostile import HOSTILE

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("case", HOSTILE)
async def test_a_hostile_file_is_told_or_read(case: str, tmp_path: Path) -> None:
    name, make, told = HOSTILE[case]
    file = tmp_path / name.replace("/", "_")
    file.write_bytes(make())
    began = time.monotonic()
    try:
        (part,) = await uploads.read([str(file)])
        said = "" if getattr(part, "text", "") else "has no text"
    except InvalidRequest as error:
        said = error.message + " " + error.hint
        assert "Traceback" not in said
        assert len(said) < 400
    assert (told in said) if told else (said == ""), said
    assert time.monotonic() - began < MAX_READER_SECONDS + 10


def test_no_reader_took_more_memory_than_it_may() -> None:
    resource = pytest.importorskip("resource")
    assert len(HOSTILE) >= 64
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 < MAX_READER_BYTES  # of Linux: kilobytes

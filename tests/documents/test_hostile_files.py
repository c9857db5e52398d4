"""Hostile files: a clear sentence for each, no crash, bounded memory and time."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from llm_hub.documents.limits import MAX_READER_SECONDS
from llm_hub.errors import InvalidRequest
from llm_hub.ui import uploads
from tests.documents.hostile import HOSTILE

ROOT = Path(__file__).parents[2]


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


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not bound a process's memory")
def test_a_reader_gets_no_more_memory_than_it_may_have() -> None:
    code = "from llm_hub.documents import reader_process as p; p._bound_itself(); bytearray(p.MAX_READER_BYTES)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.strip().endswith("MemoryError")


def test_there_are_as_many_as_were_promised() -> None:
    assert len(HOSTILE) >= 64

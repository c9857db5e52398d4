"""The process that reads one PDF or DOCX: bytes in, a JSON object out. It is started by reader.py.

It takes its bounds from the operating system before it looks at a byte: memory, time, and no file written. Windows has
no such bounds, and macOS none of memory; the time is kept by whoever started it there.
"""

from __future__ import annotations

import json
import sys
import zipfile
import zlib
from contextlib import suppress

from llm_hub.documents.docx import read_docx
from llm_hub.documents.limits import MAX_READER_BYTES, MAX_READER_SECONDS
from llm_hub.documents.pdf import read_pdf
from llm_hub.documents.unreadable import Unreadable

_DAMAGED = "It may be damaged. Save it again, and attach that."


def main(kind: str) -> None:
    """Reads standard input, and writes `{"text", "pages"}` or `{"problem", "hint"}` to standard output."""
    _bound_itself()
    try:
        answer = _read(kind, sys.stdin.buffer.read())
    except MemoryError:
        answer = {"problem": "needs too much memory to be read.", "hint": "Attach the part that matters."}
    sys.stdout.buffer.write(json.dumps(answer).encode())


def _read(kind: str, data: bytes) -> dict[str, object]:
    try:
        text, pages = read_pdf(data) if kind == "pdf" else (read_docx(data), 0)
    except Unreadable as error:
        return {"problem": error.problem, "hint": error.hint}
    except (MemoryError, ImportError):
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError):  # the last: packed as zipfile cannot unpack
        return {"problem": "is broken.", "hint": _DAMAGED}
    except Exception:  # noqa: BLE001  # pypdf raises whatever it comes upon in a broken file
        return {"problem": "cannot be read.", "hint": _DAMAGED}
    return {"text": "".join(char if char >= " " or char in "\t\n" else " " for char in text), "pages": pages}


def _bound_itself() -> None:
    try:
        import resource
    except ImportError:
        return
    seconds = MAX_READER_SECONDS
    for what, most in (
        (resource.RLIMIT_AS, MAX_READER_BYTES),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
    ):
        with suppress(ValueError, OSError):
            resource.setrlimit(what, (most, most))

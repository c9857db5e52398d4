"""Reads attached files: text at once, PDF and DOCX in a process of their own that cannot hang or fill the hub.

One of those is read at a time. Such a process is started without the hub's environment, so that it knows no key, takes
its bounds from reader_process.py, and is ended when its time is over.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import subprocess
import sys
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from llm_hub.chat import Document
from llm_hub.documents.kinds import DOCX_TYPE, PDF_TYPE, clean_name
from llm_hub.documents.limits import (
    MAX_DOCUMENT_BYTES,
    MAX_KEPT_TEXTS,
    MAX_READER_SECONDS,
    MAX_WAITING,
)
from llm_hub.documents.text_file import read_text
from llm_hub.errors import InvalidRequest
from llm_hub.redaction import shorten

if TYPE_CHECKING:
    from llm_hub.documents.kinds import Kind

log = logging.getLogger(__name__)

_INHERITED = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT")
"""What an interpreter may need of the environment to start at all."""
_TYPES = {"pdf": PDF_TYPE, "docx": DOCX_TYPE, "text": "text/plain"}
_ROOT = str(Path(__file__).parents[2])
_START = "import sys; sys.path[:] = sys.argv[2:]; from llm_hub.documents.reader_process import main; main(sys.argv[1])"


async def read_document(name: str, kind: Kind, data: bytes) -> Document:
    """The document in a file's bytes, with its text. Raises `InvalidRequest` in words for whoever attached it."""
    name = clean_name(name)
    if kind == "text":
        return Document(name, _TYPES[kind], await asyncio.to_thread(read_text, name, data))
    if len(data) > MAX_DOCUMENT_BYTES:
        raise InvalidRequest(
            f"{name} is too large: it has {len(data) / 2**20:.1f} MB.",
            hint=f"A file may have {MAX_DOCUMENT_BYTES // 2**20} MB at most.",
        )
    return await with_text(Document(name, _TYPES[kind], None, data))


async def with_text(document: Document) -> Document:
    """The document with the text that is in its bytes. Raises `InvalidRequest`."""
    if document.text is not None or document.url:
        return document
    text, pages = await _READER.read(document)
    return replace(document, text=text, pages=pages)


class _Reader:
    """Reads one file after the other, and remembers the last texts."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None
        self._waiting = 0
        self._texts: OrderedDict[tuple[str, bytes], tuple[str, int]] = OrderedDict()

    async def read(self, document: Document) -> tuple[str, int]:
        key = document.media_type, hashlib.sha256(document.data).digest()
        if key not in self._texts:
            if self._waiting >= MAX_WAITING:
                raise InvalidRequest("Too many files are being read just now.", hint="Try again in a moment.")
            self._threads = self._threads or ThreadPoolExecutor(1, thread_name_prefix="documents")
            self._waiting += 1
            try:
                loop = asyncio.get_running_loop()
                self._texts[key] = await loop.run_in_executor(self._threads, _read_in_process, document)
            finally:
                self._waiting -= 1
            while len(self._texts) > MAX_KEPT_TEXTS:
                self._texts.popitem(last=False)
        self._texts.move_to_end(key)
        return self._texts[key]


_READER = _Reader()


def _read_in_process(document: Document) -> tuple[str, int]:
    kind = "pdf" if document.is_pdf else "docx"
    command = [sys.executable, "-I", "-S", "-X", "utf8", "-c", _START, kind, _ROOT, *filter(None, sys.path)]
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter, and nothing of the file's in the command
            command, input=document.data, capture_output=True, timeout=MAX_READER_SECONDS, env=environment, check=False
        )
    except OSError as error:
        log.warning("No process to read a file could be started: %s", error)
        raise InvalidRequest(f"{document.name} cannot be read just now.", hint="Try again in a moment.") from None
    except subprocess.TimeoutExpired:
        raise _too_much(document, "takes too long to read.") from None
    try:
        answer = json.loads(done.stdout)
    except ValueError:  # the process was ended by the bound of its time, or had no memory left to say so
        if done.returncode == 1:
            log.warning("The process that reads files failed: %s", shorten(done.stderr[-1000:]))
        raise _too_much(document, "needs too much memory or time to be read.") from None
    if "problem" in answer:
        raise InvalidRequest(f"{document.name} {answer['problem']}", hint=answer["hint"])
    return answer["text"], answer["pages"]


def _too_much(document: Document, problem: str) -> InvalidRequest:
    return InvalidRequest(f"{document.name} {problem}", hint="Attach the part that matters.")

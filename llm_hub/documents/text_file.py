"""Files that are text: prose, code, tables of values between commas."""

from __future__ import annotations

import codecs

from llm_hub.documents.limits import MAX_TEXT_BYTES, MAX_TEXT_CHARS
from llm_hub.errors import InvalidRequest

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
"""Byte order marks; the longer ones come first, since one of UTF-32 begins as one of UTF-16 does."""
_BREAKS = frozenset("\t\n\r\f\v\x1b\x08")
"""The control characters that texts have: some logs and terminals write the last two."""


def read_text(name: str, data: bytes) -> str:
    """The text of a file. Raises `InvalidRequest` where it is none, or is too long."""
    if len(data) > MAX_TEXT_BYTES:
        raise too_long(name, f"{len(data) / 2**20:.1f} MB, and a text may have {MAX_TEXT_BYTES // 2**20} MB")
    text = _decode(data)
    if text is None:
        raise InvalidRequest(
            f"{name} is not text.", hint="Attach PDF, DOCX, text, code, CSV, or an image (PNG, JPEG, GIF or WebP)."
        )
    if not text.strip():
        raise InvalidRequest(f"{name} has nothing but white space.", hint="Attach a file that has something in it.")
    if len(text) > MAX_TEXT_CHARS:
        raise too_long(name, f"{len(text):,} characters, and a file may have {MAX_TEXT_CHARS:,}")
    return text.replace("\r\n", "\n")


def too_long(name: str, much: str) -> InvalidRequest:
    return InvalidRequest(f"{name} is too long: it has {much}.", hint="Attach the part that matters.")


def _decode(data: bytes) -> str | None:
    """The text in its own encoding; None: it is no text. One without a mark is UTF-8, or else what Windows wrote."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _checked(data[len(mark) :], encoding)
    return _checked(data, "utf-8") or _checked(data, "cp1252")


def _checked(data: bytes, encoding: str) -> str | None:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    return None if any(char < " " and char not in _BREAKS for char in set(text)) else text

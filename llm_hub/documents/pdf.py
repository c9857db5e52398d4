"""The text of a PDF, by pypdf. It runs in a process of its own: see reader.py. Nothing here looks at pictures."""

from __future__ import annotations

import io
import logging
from contextlib import suppress

from llm_hub.documents.limits import MAX_PAGES, MAX_TEXT_CHARS
from llm_hub.documents.unreadable import Unreadable


def read_pdf(data: bytes) -> tuple[str, int]:
    """The text, page by page, and the number of pages. Raises `Unreadable`, and whatever pypdf raises."""
    from pypdf import PasswordType, PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    reader = PdfReader(io.BytesIO(data), strict=False)
    if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
        raise Unreadable("is locked with a password.", "Save it without one, and attach that.")
    count = len(reader.pages)
    if count > MAX_PAGES:
        raise Unreadable(f"has {count:,} pages; {MAX_PAGES} are most.", "Attach the pages that matter.")
    if not count:
        raise Unreadable("has no pages.", "It may be damaged. Save it again, and attach that.")
    texts, length = [], 0
    for number, page in enumerate(reader.pages, 1):
        text = ""
        with suppress(ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
            text = page.extract_text().strip()  # a page that is broken is as good as one without text
        if text:
            texts.append(f"[page {number}]\n{text}")
            length += len(text)
        if length > MAX_TEXT_CHARS:
            raise Unreadable(f"has more than {MAX_TEXT_CHARS:,} characters of text.", "Attach the pages that matter.")
    return "\n\n".join(texts), count

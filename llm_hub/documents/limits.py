"""How large an attached file may be, and how long it may take to read."""

from __future__ import annotations

MAX_DOCUMENT_BYTES = 10 * 2**20
"""Bytes of a PDF or a DOCX. OpenAI and Anthropic take some 32 MB in a request, of which base64 takes a third."""
MAX_TEXT_BYTES = 4 * 2**20
"""Bytes of a file that is text."""
MAX_TEXT_CHARS = 1_000_000
"""Characters of the text in one file: some 250,000 tokens, which few models read."""
MAX_PAGES = 600
"""Pages of a PDF: as many as Anthropic takes."""
MAX_FILES = 8
"""Files in one prompt, images among them."""
MAX_XML_BYTES = 50 * 2**20
"""Bytes of a DOCX's text with its markup, once it is unpacked."""
MAX_READER_BYTES = 300 * 2**20
"""Bytes of memory that the process may take that reads a PDF or a DOCX."""
MAX_READER_SECONDS = 20
"""Seconds that it may take."""
MAX_WAITING = 8
"""Files that wait until others are read: one is read at a time, so that all together take no more than one may."""
MAX_KEPT_TEXTS = 8
"""Texts that are kept in memory, since a file is read when it is chosen, and asked for again when it is sent."""

"""The text of a Word document: paragraphs, tables and notes. It runs in a process of its own: see reader.py.

A DOCX is a ZIP archive of XML. It is unpacked and parsed piece by piece, so that no more of it is in memory than its
text. One with a document type is refused, since it could define entities that grow into gigabytes.
"""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING
from xml.parsers import expat

from llm_hub.documents.limits import MAX_TEXT_CHARS, MAX_XML_BYTES
from llm_hub.documents.unreadable import Unreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

_PARTS = ("word/document.xml", "word/footnotes.xml", "word/endnotes.xml")
_PIECE = 2**16
"""Bytes that are unpacked at once."""
_SPACE = " "
"""Between the name of a namespace and that of an element, as expat writes them."""
_WORD = ("/wordprocessingml/main", "/wordprocessingml/2006/main")
"""The ends of the names of Word's namespaces, old and strict."""
_BREAKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_ENDS = {"p": "\n", "tc": "\t", "tr": "\n"}
_BROKEN = "It may be damaged. Save it again, and attach that."


def read_docx(data: bytes) -> str:
    """The text. Raises `Unreadable`, and whatever the archive's reader raises."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = set(archive.namelist())
        if _PARTS[0] not in names:
            raise Unreadable("is not a Word document.", "Give it the ending of what it is.")
        if any(archive.getinfo(name).flag_bits & 1 for name in _PARTS if name in names):
            raise Unreadable("is locked with a password.", "Save it without one, and attach that.")
        words = _Words()
        for name in _PARTS:
            if name in names:
                words.read(archive, name)
    lines = "".join(words.pieces).split("\n")
    text = "\n".join(line.rstrip() for line in lines).strip()
    if not text:
        raise Unreadable("has no text.", "Save it as PDF, and attach that.")
    return text


class _Words:
    """Collects the words of a document's parts."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._chars = 0
        self._bytes = 0
        self._in_text = False

    def read(self, archive: zipfile.ZipFile, name: str) -> None:
        parser = expat.ParserCreate(namespace_separator=_SPACE)
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = _refuse_document_type
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._add_text
        try:
            with archive.open(name) as part:
                while piece := part.read(_PIECE):
                    self._bytes += len(piece)
                    if self._bytes > MAX_XML_BYTES:
                        raise Unreadable("unpacks to more than a document has.", "Attach the part that matters.")
                    parser.Parse(piece)
            parser.Parse(b"", True)
        except expat.ExpatError:
            raise Unreadable("is a Word document that is broken.", _BROKEN) from None
        self.pieces.append("\n")

    def _start(self, name: str, _: Mapping[str, str]) -> None:
        element = _word_element(name)
        self._in_text = element == "t"
        if element in _BREAKS:
            self.pieces.append(_BREAKS[element])

    def _end(self, name: str) -> None:
        element = _word_element(name)
        self._in_text = False
        if element in _ENDS:
            if element == "tc" and self.pieces and self.pieces[-1] == "\n":
                self.pieces.pop()  # the last paragraph of a cell ends with it
            self.pieces.append(_ENDS[element])

    def _add_text(self, text: str) -> None:
        if not self._in_text:
            return
        self._chars += len(text)
        if self._chars > MAX_TEXT_CHARS:
            raise Unreadable(f"has more than {MAX_TEXT_CHARS:,} characters of text.", "Attach the part that matters.")
        self.pieces.append(text)


def _word_element(name: str) -> str:
    """The element's name, if it is one of Word's."""
    namespace, _, element = name.rpartition(_SPACE)
    return element if namespace.endswith(_WORD) else ""


def _refuse_document_type(*_: object) -> None:
    raise Unreadable("has a document type in its XML, as no Word document has.", _BROKEN)

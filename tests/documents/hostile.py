"""Files that are meant to do harm, or that are not what they seem, each with what is said of it.

`HOSTILE` has the name that it is attached under, the file itself, and words of the refusal; "" where it is read after
all, as what it is. Each is made when it is needed: one of them unpacks to gigabytes.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

from tests.documents.files import WORD, archive, docx, pdf, pdf_of

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R >>"
PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(
        f'<!ENTITY {after} "{f"&{before};" * 10}">' for before, after in zip("abcdefghi", "bcdefghij", strict=True)
    )
    + "]>"
)


def _stream(data: bytes, more: bytes = b"") -> bytes:
    return b"<< /Length %d %s>>\nstream\n%s\nendstream" % (len(data), more, data)


def _flate_bomb(levels: int = 1) -> bytes:
    data = bytes(300 * 2**20)
    for _ in range(levels):
        data = zlib.compress(data, 9)
    return data


def _pdf_bomb(levels: int = 1) -> bytes:
    filters = b"/Filter [" + b"/FlateDecode " * levels + b"]"
    return pdf_of([CATALOG, PAGES, PAGE, _stream(_flate_bomb(levels), filters)])


def _object_stream_bomb() -> bytes:
    more = b"/Type /ObjStm /N 1000000 /First 10 /Filter /FlateDecode "
    return pdf_of([CATALOG, PAGES, PAGE, _stream(_flate_bomb(), more)])


def _xref_stream_loop() -> bytes:
    body = b"%PDF-1.7\n1 0 obj\n" + _stream(b"", b"/Type /XRef /Prev 9 /Size 1 /W [1 1 1] /Root 1 0 R ") + b"\nendobj\n"
    return body + b"startxref\n9\n%%EOF"


def _zip_bomb() -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as made, made.open("word/document.xml", "w") as part:
        part.write(f'<w:document xmlns:w="{WORD}"><w:body><w:p>'.encode())
        for _ in range(200):
            part.write(b" " * 2**20)
    return written.getvalue()


def _many_entries() -> bytes:
    return archive({f"{number}": b"" for number in range(50_000)})


def _overlapping() -> bytes:
    """An archive whose directory has one entry a thousand times."""
    once = docx("<w:p/>" * 10)
    start = once.index(b"PK\x01\x02")
    end = once.index(b"PK\x05\x06")
    entry = once[start:end]
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1000, 1000, len(entry) * 1000, start, 0)
    return once[:start] + entry * 1000 + tail


def _encrypted_pdf() -> bytes:
    from pypdf import PdfReader, PdfWriter

    writer = PdfWriter(PdfReader(io.BytesIO(pdf())))
    writer.encrypt("secret", algorithm="AES-256")
    written = io.BytesIO()
    writer.write(written)
    return written.getvalue()


def _locked_docx() -> bytes:
    data = bytearray(docx())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    return bytes(data)


def _with(objects: list[bytes], **changes: bytes) -> bytes:
    return pdf_of([changes.get(f"_{number}", text) for number, text in enumerate(objects, 1)])


PLAIN = [CATALOG, PAGES, PAGE, _stream(b"BT (Harbour) Tj ET")]
NOT_PDF, NOT_TEXT, NO_WORD = "is not a PDF", "is not text", "is not a Word document"

HOSTILE: dict[str, tuple[str, Callable[[], bytes], str]] = {
    # Nothing at all, or next to it.
    "empty text": ("notes.txt", lambda: b"", "is empty"),
    "empty PDF": ("report.pdf", lambda: b"", "is empty"),
    "empty DOCX": ("letter.docx", lambda: b"", "is empty"),
    "empty image": ("photo.png", lambda: b"", "is empty"),
    "white space": ("notes.txt", lambda: b" \n\t\n", "has nothing but white space"),
    "a mark alone": ("notes.txt", lambda: b"\xff\xfe", "has nothing but white space"),
    "head of a PDF alone": ("report.pdf", lambda: b"%PDF-1.7\n", "cannot be read"),
    "head of an archive alone": ("letter.docx", lambda: b"PK\x03\x04", "is broken"),
    # Not what they seem.
    "image as PDF": ("report.pdf", lambda: b"\x89PNG\r\n\x1a\n" + bytes(50), "is not a PDF, but an image"),
    "text as PDF": ("report.pdf", lambda: b"Harbour", NOT_PDF),
    "archive as PDF": ("report.pdf", lambda: archive({"a": b"b"}), "is not a PDF, but a ZIP archive"),
    "PDF as text": ("notes.txt", pdf, "is not text, but a PDF"),
    "PDF as image": ("photo.png", pdf, "is not an image that models read, but a PDF"),
    "PDF as DOCX": ("letter.docx", pdf, "is not a Word document, but a PDF"),
    "archive as DOCX": ("letter.docx", lambda: archive({"a": b"b"}), NO_WORD),
    "spreadsheet as DOCX": ("letter.docx", lambda: archive({"xl/workbook.xml": b"<x/>"}), NO_WORD),
    "old Word as DOCX": ("letter.docx", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "of old Microsoft"),
    "program as text": ("notes.txt", lambda: b"\x7fELF" + bytes(500), "is not text, but a program"),
    "program as CSV": ("rows.csv", lambda: b"MZ" + bytes(500), "is not text, but a program"),
    "binary as text": ("notes.txt", lambda: bytes(range(256)) * 40, NOT_TEXT),
    "zeros as text": ("notes.txt", lambda: bytes(10_000), NOT_TEXT),
    "binary without an ending": ("notes", lambda: b"\x00\x01\x02", NOT_TEXT),
    "text as image": ("photo.jpg", lambda: b"Harbour", "is not an image"),
    "HEIC": ("photo.heic", lambda: b"\0\0\0\x18ftypheic" + bytes(50), "Save it as JPEG or PNG"),
    "HEIC as JPEG": ("photo.jpg", lambda: b"\0\0\0\x18ftypheic" + bytes(50), "an image in HEIC, or a video"),
    "SVG with a script": ("logo.svg", lambda: b"<svg><script>x()</script></svg>", ""),
    "spreadsheet": ("rows.xlsx", lambda: archive({"xl/workbook.xml": b"<x/>"}), "Save it as CSV"),
    "archive": ("all.zip", lambda: archive({"a": b"b"}), "Unpack it"),
    "link of Windows": ("report.pdf.lnk", lambda: b"L\0\0\0", "is only a link"),
    "link of a browser": ("report.url", lambda: b"[InternetShortcut]\nURL=file:///etc/passwd", "is only a link"),
    "ending in capitals": ("PHOTO.HEIC", lambda: b"\0\0\0\x18ftypheic", "Save it as JPEG or PNG"),
    # Too much.
    "10,000 pages": ("report.pdf", lambda: pdf(10_000), "has 10,000 pages"),
    "large PDF": ("report.pdf", lambda: b"%PDF-1.7\n" + bytes(11 * 2**20), "is too large"),
    "large DOCX": ("letter.docx", lambda: b"PK\x03\x04" + bytes(11 * 2**20), "is too large"),
    "large image": ("photo.png", lambda: b"\x89PNG\r\n\x1a\n" + bytes(6 * 2**20), "is too large"),
    "huge CSV": ("rows.csv", lambda: b"1,2,3\n" * 10**6, "is too long"),
    "one long line": ("notes.txt", lambda: b"a" * 1_000_001, "is too long"),
    "text of a PDF": ("report.pdf", lambda: pdf(30, "x" * 40_000), "has more than 1,000,000 characters"),
    "text of a DOCX": ("letter.docx", lambda: docx(f"<w:p><w:r><w:t>{'x' * 1_100_000}</w:t></w:r></w:p>"), "has more"),
    # Bombs.
    "bomb in a PDF": ("report.pdf", _pdf_bomb, "has no text"),
    "bomb in a bomb in a PDF": ("report.pdf", lambda: _pdf_bomb(2), "has no text"),
    "bomb of objects": ("report.pdf", _object_stream_bomb, "has no text"),
    "bomb in a DOCX": ("letter.docx", _zip_bomb, "unpacks to more"),
    "many entries": ("letter.docx", _many_entries, NO_WORD),
    "one entry many times": ("letter.docx", _overlapping, "letter.docx"),  # empty; broken, for newer Pythons
    "billion laughs": (
        "letter.docx", lambda: archive({"word/document.xml": f"{LAUGHS}<x>&j;</x>".encode()}), "has a document type",
    ),
    "entity of a file": (
        "letter.docx",
        lambda: archive({"word/document.xml": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'}),
        "has a document type",
    ),
    "laughs in UTF-16": (
        "letter.docx", lambda: archive({"word/document.xml": f"{LAUGHS}<x>&j;</x>".encode("utf-16")}), "has a document",
    ),
    "deep XML": ("letter.docx", lambda: docx("<w:p>" * 200_000 + "</w:p>" * 200_000), "has no text"),
    "broken XML": ("letter.docx", lambda: archive({"word/document.xml": b"<a><b></a>"}), "is a Word document that is"),
    # Loops and lies.
    "page that is its own parent": (
        "report.pdf", lambda: _with(PLAIN, _2=b"<< /Type /Pages /Kids [2 0 R] >>"), "cannot be read",
    ),
    "pages in a ring": (
        "report.pdf", lambda: _with(PLAIN, _3=b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 9 /Parent 2 0 R >>"),
        "cannot be read",
    ),
    "table that is its own predecessor": ("report.pdf", _xref_stream_loop, "cannot be read"),
    "no pages": ("report.pdf", lambda: _with(PLAIN, _2=b"<< /Type /Pages /Kids [] /Count 0 >>"), "has no pages"),
    "no catalogue": ("report.pdf", lambda: pdf().replace(b"/Root 1 0 R", b"/Info 1 0 R"), ""),
    "count of pages that is a lie": ("report.pdf", lambda: pdf().replace(b"/Count 1", b"/Count 99999999"), ""),
    "length that is a lie": ("report.pdf", lambda: pdf().replace(b"/Length 5", b"/Length 99999995"), "cannot be read"),
    "cut in the middle": ("report.pdf", lambda: pdf(40)[:4000], "cannot be read"),
    # Locked.
    "locked PDF": ("report.pdf", _encrypted_pdf, "is locked with a password"),
    "locked DOCX": ("letter.docx", _locked_docx, "is locked with a password"),
    # Names, and texts in other encodings, which are read.
    "name that runs backwards": ("report\u202efdp.exe.txt", lambda: b"Harbour", ""),
    "name of a thousand letters": ("a" * 200 + ".txt", lambda: b"Harbour", ""),
    "name with tags": ("<img src=x onerror=alert(1)>.txt", lambda: b"Harbour", ""),
    "UTF-16": ("notes.txt", lambda: "Häfen".encode("utf-16"), ""),
    "Windows' own letters": ("notes.txt", lambda: "Häfen".encode("cp1252"), ""),
}  # fmt: skip

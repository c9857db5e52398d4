"""Files as people attach them, made here: none of them is kept in the repository."""

from __future__ import annotations

import io
import zipfile

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def pdf(pages: int = 1, words: str = "Harbour report, page {}", *, ballast: int = 0) -> bytes:
    """A PDF with one line of text on each page; with no `words`, one without text. `ballast` is added to its bytes."""
    font = 3 + 2 * pages
    kids = " ".join(f"{3 + 2 * page} 0 R" for page in range(pages))
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", f"<< /Type /Pages /Kids [{kids}] /Count {pages} >>"]
    for page in range(pages):
        drawn = f"BT /F1 12 Tf 72 720 Td ({words.format(page + 1)}) Tj ET" if words else ""
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {4 + 2 * page} 0 R "
            f"/Resources << /Font << /F1 {font} 0 R >> >> >>"
        )
        objects.append(f"<< /Length {len(drawn)} >>\nstream\n{drawn}\nendstream")
    objects.append("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
    if ballast:
        objects.append(f"<< /Length {ballast} >>\nstream\n{' ' * ballast}\nendstream")
    return pdf_of([text.encode() for text in objects])


def pdf_of(objects: list[bytes], *, trailer: bytes = b"/Root 1 0 R") -> bytes:
    """A PDF of these objects, which are numbered from 1."""
    parts, places, length = [b"%PDF-1.7\n"], [], 9
    for number, text in enumerate(objects, 1):
        places.append(length)
        parts.append(b"%d 0 obj\n%s\nendobj\n" % (number, text))
        length += len(parts[-1])
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    parts.append(b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table))
    parts.append(b"trailer << /Size %d %s >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, trailer, length))
    return b"".join(parts)


def docx(body: str = "<w:p><w:r><w:t>Harbour</w:t></w:r></w:p>", **parts: bytes) -> bytes:
    """A Word document. `parts` are more of its files, by their names in `word/`."""
    document = f'<?xml version="1.0"?><w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>'
    return archive({"word/document.xml": document.encode(), **{f"word/{name}.xml": xml for name, xml in parts.items()}})


def archive(files: dict[str, bytes]) -> bytes:
    """A ZIP archive."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files.items():
            made.writestr(name, data)
    return written.getvalue()

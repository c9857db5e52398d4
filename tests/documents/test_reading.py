"""Files as people attach them: what is read out of each kind, and what a provider is sent."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from llm_hub.chat import ChatRequest, Document, Image, Message, Role, Text
from llm_hub.documents import reader
from llm_hub.documents.kinds import DOCX_TYPE, PDF_TYPE, clean_name
from llm_hub.documents.limits import MAX_WAITING
from llm_hub.documents.reader import read_document, with_text
from llm_hub.documents.sending import prepare
from llm_hub.errors import InvalidRequest, NotOffered
from tests.documents.files import docx, pdf

if TYPE_CHECKING:
    from llm_hub.documents.kinds import Kind


async def test_a_pdf_is_read_page_by_page() -> None:
    document = await read_document("report.pdf", "pdf", pdf(40))
    assert (document.name, document.media_type, document.pages) == ("report.pdf", PDF_TYPE, 40)
    assert document.text is not None
    assert document.text.startswith("[page 1]\nHarbour report, page 1\n\n[page 2]\n")
    assert document.text.endswith("Harbour report, page 40")


async def test_a_word_documents_paragraphs_tables_and_notes_are_read() -> None:
    def paragraph(text: str) -> str:
        return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"

    row = f"<w:tr><w:tc>{paragraph('Hamburg')}</w:tc><w:tc>{paragraph('3')}</w:tc></w:tr>"
    notes = b'<w:footnotes xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:p><w:r><w:t>Seen'
    body = f"{paragraph('Ports &amp; ships')}<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t></w:r></w:p><w:tbl>{row}</w:tbl>"
    data = docx(body, footnotes=notes + b"</w:t></w:r></w:p></w:footnotes>")
    document = await read_document("letter.docx", "docx", data)
    assert document.media_type == DOCX_TYPE
    assert document.text == "Ports & ships\na\tb\nHamburg\t3\n\nSeen"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
async def test_a_text_is_read_in_its_encoding(encoding: str) -> None:
    document = await read_document("häfen.csv", "text", "Hafen,Größe\r\nHamburg,groß\r\n".encode(encoding))
    assert document == Document("häfen.csv", "text/plain", "Hafen,Größe\nHamburg,groß\n")


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\a\\report.pdf", "report.pdf"),
        ("a\0b.txt", "b.txt"),
        ("report\u202efdp.exe", "report fdp.exe"),
        ('a"b<i>.txt', "a'b(i).txt"),
        ("line\nbreak.txt", "line break.txt"),
        ("...", "file"),
        ("a" * 300 + ".pdf", "a" * 95 + "….pdf"),
    ],
)
def test_a_name_is_shown_without_what_could_mislead(name: str, clean: str) -> None:
    assert clean_name(name) == clean


def asked(*parts: Text | Image | Document) -> ChatRequest:
    return ChatRequest((Message(Role.USER, parts),), "a-model")


PDF = Document("report.pdf", PDF_TYPE, "Harbour", pdf(), 1)
LETTER = Document("letter.docx", DOCX_TYPE, "Dear harbour", b"PK")


async def test_only_a_pdf_goes_as_it_is_and_only_where_it_is_taken() -> None:
    picture = Image(b"\x89PNG")
    request, files = await prepare(asked(picture, PDF, LETTER, Text("What?")), takes_pdf=True)
    letter = Text('<file name="letter.docx">\nDear harbour\n</file>')
    assert request.messages[0].content == (picture, PDF, letter, Text("What?"))
    assert files == ("report.pdf: sent as it is", "letter.docx: as text")
    request, files = await prepare(asked(picture, PDF, LETTER, Text("What?")), takes_pdf=False)
    report = Text('<file name="report.pdf">\nHarbour\n</file>')
    assert request.messages[0].content == (picture, report, letter, Text("What?"))
    assert files == ("report.pdf: as text, 1 page", "letter.docx: as text")


async def test_a_document_that_nobody_has_read_is_read_when_its_text_is_needed() -> None:
    request, files = await prepare(asked(Document("report.pdf", PDF_TYPE, None, pdf(2))), takes_pdf=False)
    assert "Harbour report, page 2" in request.messages[0].text
    assert files == ("report.pdf: as text, 2 pages",)


async def test_a_scan_is_not_offered_where_text_is_all_that_is_taken() -> None:
    scan = await with_text(Document("scan.pdf", PDF_TYPE, None, pdf(1, "")))
    request, files = await prepare(asked(scan), takes_pdf=True)
    assert (request.messages[0].documents, files) == ((scan,), ("scan.pdf: sent as it is",))
    with pytest.raises(NotOffered, match="its pages are pictures") as caught:
        await prepare(asked(scan), takes_pdf=False)
    assert caught.value.falls_back


async def test_a_file_that_cannot_be_read_is_told_by_its_name() -> None:
    kinds: tuple[tuple[str, Kind], ...] = (("report.pdf", "pdf"), ("letter.docx", "docx"))
    for name, kind in kinds:
        with pytest.raises(InvalidRequest, match=f"^{name} "):
            await read_document(name, kind, b"%PDF- PK nothing")


async def test_a_file_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_READER_SECONDS", 0.001)
    with pytest.raises(InvalidRequest, match=r"^slow\.pdf takes too long to read\."):
        await read_document("slow.pdf", "pdf", pdf(7, "Slow, page {}"))


async def test_no_more_files_wait_than_there_is_room_for() -> None:
    documents = [read_document("report.pdf", "pdf", pdf(1, f"File {number}, page {{}}")) for number in range(12)]
    read = await asyncio.gather(*documents, return_exceptions=True)
    refused = [each for each in read if isinstance(each, InvalidRequest)]
    assert [error.message for error in refused] == ["Too many files are being read just now."] * (12 - MAX_WAITING)
    texts = [each.text for each in read if isinstance(each, Document)]
    assert texts == [f"[page 1]\nFile {number}, page 1" for number in range(MAX_WAITING)]

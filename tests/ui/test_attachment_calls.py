"""Files that are attached in Chat and Compare, without a browser: what is told, sent, kept and taken up again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.documents.files import docx, pdf
from tests.ui.page_calls import PageCalls, TabCalls, page_calls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.ui.echo_server import EchoServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOG = "chat-log"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def page(echo_server: EchoServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PageCalls]:
    environment = {"LLM_HUB_SERVERS": f"echo={echo_server.url}", "LLM_HUB_CHAOS": "1"}
    async with page_calls(tmp_path_factory.mktemp("attachments"), environment) as page:
        yield page


@pytest.fixture
def tab(page: PageCalls) -> TabCalls:
    tab = page.open()
    tab.choose("one", provider="echo")
    return tab


@pytest.fixture
def report(tmp_path: Path) -> str:
    file = tmp_path / "report.pdf"
    file.write_bytes(pdf(12))
    return str(file)


@pytest.fixture
def letter(tmp_path: Path) -> str:
    file = tmp_path / "letter.docx"
    file.write_bytes(docx())
    return str(file)


def sent(echo_server: EchoServer) -> str:
    """The last prompt that reached the model."""
    return str(echo_server.bodies[-1]["messages"][-1]["content"])


async def test_files_are_named_in_the_prompt_and_in_the_line_under_the_answer(
    tab: TabCalls, echo_server: EchoServer, report: str, letter: str
) -> None:
    await tab.ask("What is this?", files=(report, letter))
    assert '<file name="report.pdf">\n[page 1]\nHarbour report, page 1' in sent(echo_server)
    assert '<file name="letter.docx">\nHarbour\n</file>\n\nWhat is this?' in sent(echo_server)
    assert tab.prompts(LOG) == ["report.pdfletter.docxWhat is this?"]
    assert "report.pdf: as text, 12 pages · letter.docx: as text" in tab.figures(LOG)[0]


async def test_a_file_alone_is_a_prompt(tab: TabCalls, echo_server: EchoServer, letter: str) -> None:
    await tab.ask("", files=(letter,))
    assert sent(echo_server) == '<file name="letter.docx">\nHarbour\n</file>'
    assert tab.prompts(LOG) == ["letter.docx"]
    assert tab.value("chat-opened")["shown_title"] == "letter.docx"


async def test_a_file_that_cannot_be_read_is_told_when_it_is_chosen(tab: TabCalls, report: str, tmp_path: Path) -> None:
    broken, photo = tmp_path / "broken.pdf", tmp_path / "photo.heic"
    broken.write_bytes(b"%PDF-1.7\nnothing")
    photo.write_bytes(b"anything")
    tab.set(chat_prompt={"text": "What is this?", "files": []})
    await tab.attach(str(broken), report, str(photo))
    assert "broken.pdf cannot be read." in tab.text("chat-hint")
    assert "photo.heic is an image that models do not read." in tab.text("chat-hint")
    assert tab.value("chat-prompt") == {"text": "What is this?", "files": [report]}


async def test_no_more_files_are_taken_than_a_prompt_may_have(tab: TabCalls, tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.txt" for number in range(9)]
    for file in files:
        file.write_text("Harbour")
    await tab.attach(*map(str, files))
    assert tab.text("chat-hint") == "A prompt can have at most 8 files."
    assert tab.value("chat-prompt")["files"] == [str(file) for file in files[:8]]


async def test_a_refused_file_is_not_sent_and_the_prompt_comes_back(
    tab: TabCalls, echo_server: EchoServer, tmp_path: Path
) -> None:
    file = tmp_path / "rows.xlsx"
    file.write_bytes(b"PK\x03\x04")
    before = len(echo_server.bodies)
    await tab.ask("What is this?", files=(str(file),))
    assert (
        tab.text("chat-hint")
        == "rows.xlsx is a spreadsheet, which LLM Hub cannot read. Save it as CSV, and attach that."
    )
    assert tab.value("chat-prompt")["text"] == "What is this?"
    assert len(echo_server.bodies) == before


async def test_a_document_is_there_for_a_retry_an_edit_and_the_next_question(
    tab: TabCalls, echo_server: EchoServer, report: str
) -> None:
    await tab.ask("One", files=(report,))
    await tab.use(LOG, "retry")
    assert "Harbour report, page 12" in sent(echo_server)
    await tab.use(LOG, "edit", event_data={"index": 0, "value": "Two", "previous_value": "One"})
    assert sent(echo_server).endswith("</file>\n\nTwo")
    assert "Harbour report, page 12" in sent(echo_server)
    await tab.ask("Three")
    assert sent(echo_server) == "Three"
    assert "Harbour report, page 12" in str(echo_server.bodies[-1]["messages"][0]["content"])
    assert "report.pdf: as text, 12 pages" in tab.figures(LOG)[-1]


async def test_undo_puts_the_files_back_into_the_box(tab: TabCalls, report: str, letter: str, tmp_path: Path) -> None:
    await tab.ask("One", files=(letter, report))
    await tab.use(LOG, "undo")
    box = tab.value("chat-prompt")
    assert box["text"] == "One"
    assert [file.rpartition("/")[2] for file in box["files"]] == ["letter.docx", "report.pdf"]
    await tab.use("chat-prompt", "submit")
    assert tab.prompts(LOG) == ["letter.docxreport.pdfOne"]


async def test_a_document_is_there_after_a_reload(
    page: PageCalls, tab: TabCalls, echo_server: EchoServer, report: str
) -> None:
    await tab.ask("One", files=(report,))
    again = page.open_again(tab)
    await again.use("chat-opened", "open", event_data={"id": tab.value("chat-opened")["id"]})
    assert again.prompts(LOG) == ["report.pdfOne"]
    assert "report.pdf: as text, 12 pages" in again.figures(LOG)[0]
    again.choose("two", provider="echo")
    await again.ask("Two")
    assert "Harbour report, page 12" in str(echo_server.bodies[-1]["messages"][0]["content"])


async def test_a_fallback_says_how_the_files_went_to_it(tab: TabCalls, report: str) -> None:
    tab.choose("overloaded", provider="chaos")
    await tab.use("chat-chain-add", "input", "echo/one")
    await tab.ask("What is this?", files=(report,))
    assert "took over" in tab.figures(LOG)[0]
    assert tab.figures(LOG)[0].count("report.pdf: as text, 12 pages") == 2  # in the line, and with the attempt


async def test_a_file_goes_to_every_pane_and_is_named_in_what_is_saved(
    page: PageCalls, echo_server: EchoServer, report: str
) -> None:
    tab = page.open()
    tab.set_panes("one", "two", provider="echo")
    before = len(echo_server.bodies)
    await tab.compare("What is this?", files=(report,))
    asked = [body["messages"][-1]["content"] for body in echo_server.bodies[before:]]
    assert ["Harbour report, page 12" in content for content in asked] == [True, True]
    for pane in ("compare-pane-1 past", "compare-pane-2 past"):
        assert tab.prompts(pane) == ["report.pdfWhat is this?"]
        assert "report.pdf: as text, 12 pages" in tab.figures(pane)[0]
    saved = await tab.click("compare-markdown")
    assert "*With report.pdf.*" in str(saved)


async def test_a_file_that_cannot_be_read_is_told_in_compare(page: PageCalls, tmp_path: Path) -> None:
    photo = tmp_path / "photo.heic"
    photo.write_bytes(b"anything")
    tab = page.open()
    tab.set_panes("one", "two", provider="echo")
    tab.set(compare_prompt={"text": "What is this?", "files": []})
    await tab.attach(str(photo), tab="compare")
    assert "photo.heic is an image that models do not read." in tab.text("compare-hint")
    assert tab.value("compare-prompt") == {"text": "What is this?", "files": []}
    await tab.compare("What is this?", files=(str(photo),))
    assert "photo.heic" in tab.text("compare-hint")
    assert tab.value("compare-prompt")["text"] == "What is this?"

"""Files that are attached, in the browser: chosen, told about, sent, and there again after a reload."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.documents.files import pdf
from tests.ui.chat_page import ChatPage
from tests.ui.compare_page import ComparePage
from tests.ui.conftest import new_tab, visiting
from tests.ui.line import Line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Route

    from tests.ui.echo_server import EchoServer
    from tests.ui.site import Site

PNG = b"\x89PNG\r\n\x1a\n" + bytes(100)
KEPT = "llmHub.drafts.recall('files:chat', 'sessionStorage')"
"""JavaScript: the files in the box of the Chat tab, as a reload would bring them back."""
REFUSE = "Object.defineProperty(window, store, { get() { throw new DOMException('No', 'SecurityError'); } });"
BUTTONS = {"chat": "#chat-prompt .submit-button", "compare": "#compare-run"}
SLOW = 30_000
"""Milliseconds: a PDF is read by a process of its own, and the machine may be busy."""


@pytest.fixture
def compare(browser: Browser, site: Site) -> Iterator[ComparePage]:
    with visiting(browser, ComparePage, site.url) as compare:
        yield compare


def test_a_pdf_is_named_in_the_conversation_and_there_after_a_reload(
    chat: ChatPage, echo_server: EchoServer, tmp_path: Path
) -> None:
    file = tmp_path / "report.pdf"
    file.write_bytes(pdf(3, ballast=6 * 2**20))  # larger than an image may be
    chat.choose("echo", provider="echo")
    chat.page.locator("#chat-prompt input[type=file]").set_input_files(file)
    expect(chat.page.get_by_role("listitem", name="report.pdf")).to_be_visible(timeout=SLOW)
    chat.ask("What is this?")
    sent = echo_server.bodies[-1]["messages"][-1]["content"]
    assert '<file name="report.pdf">' in sent
    assert "Harbour report, page 3" in sent
    expect(chat.prompts.locator(".attached span")).to_have_text("report.pdf")
    expect(chat.figures).to_contain_text("report.pdf: as text, 3 pages")
    chat.page.reload()
    expect(chat.prompts.locator(".attached span")).to_have_text("report.pdf", timeout=SLOW)


@pytest.mark.parametrize("tab", ["chat", "compare"])
def test_files_that_were_not_sent_are_there_again_after_a_reload(
    browser: Browser, site: Site, tmp_path: Path, tab: str
) -> None:
    note, photo = tmp_path / "note.txt", tmp_path / "photo.png"
    note.write_text("Harbour")
    photo.write_bytes(PNG)
    with visiting(browser, ChatPage if tab == "chat" else ComparePage, site.url) as opened:
        page = opened.page
        files = page.locator(f"#{tab}-prompt .thumbnail-wrapper")
        page.locator(f"#{tab}-prompt textarea").fill("What is this?")
        page.locator(f"#{tab}-prompt input[type=file]").set_input_files([note, photo])
        expect(page.get_by_role("listitem", name="photo.png")).to_be_visible(timeout=SLOW)
        for _ in range(2):
            opened.open()
            expect(files).to_have_count(2, timeout=SLOW)
            for place, name in enumerate(("note.txt", "photo.png")):
                expect(files.nth(place)).to_have_attribute("data-name", name)
            expect(page.locator(f"#{tab}-prompt textarea")).to_have_value("What is this?")
        page.locator(f"#{tab}-prompt .delete-button").first.click()
        page.wait_for_function(f"({KEPT.replace('chat', tab)}).length === 1")
        opened.open()
        expect(page.get_by_role("listitem", name="photo.png")).to_be_visible(timeout=SLOW)
        expect(files).to_have_count(1)


def test_files_that_were_sent_are_not_attached_again(chat: ChatPage, echo_server: EchoServer, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("Harbour")
    chat.choose("echo", provider="echo")
    chat.page.locator("#chat-prompt input[type=file]").set_input_files(note)
    expect(chat.page.get_by_role("listitem", name="note.txt")).to_be_visible(timeout=SLOW)
    chat.ask("What is this?")
    chat.page.reload()
    expect(chat.prompts.locator(".attached span")).to_have_text("note.txt", timeout=SLOW)
    expect(chat.page.locator("#chat-prompt .thumbnail-wrapper")).to_have_count(0)


def test_a_file_that_the_server_has_no_more_is_missed(chat: ChatPage, tmp_path: Path) -> None:
    notes = [tmp_path / "note.txt", tmp_path / "other.txt"]
    for note in notes:
        note.write_text(f"Harbour in {note.stem}")
    chat.page.locator("#chat-prompt input[type=file]").set_input_files(notes)
    expect(chat.page.get_by_role("listitem", name="other.txt")).to_be_visible(timeout=SLOW)
    Path(chat.page.evaluate(f"{KEPT}[0].path")).unlink()
    chat.page.reload()
    expect(chat.hint).to_contain_text("note.txt is not here any more. Attach it again.", timeout=SLOW)
    expect(chat.page.get_by_role("listitem", name="other.txt")).to_be_visible()
    expect(chat.page.locator("#chat-prompt .thumbnail-wrapper")).to_have_count(1)
    chat.complaints[:] = [complaint for complaint in chat.complaints if "403" not in complaint]  # it was asked for


def test_that_a_file_is_missing_is_told_once(chat: ChatPage, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("Harbour")
    chat.page.locator("#chat-prompt input[type=file]").set_input_files(note)
    expect(chat.page.get_by_role("listitem", name="note.txt")).to_be_visible(timeout=SLOW)
    Path(chat.page.evaluate(f"{KEPT}[0].path")).unlink()
    chat.page.reload()
    expect(chat.hint).to_contain_text("note.txt is not here any more.", timeout=SLOW)
    chat.page.wait_for_function(f"({KEPT}).length === 0")
    chat.complaints[:] = [complaint for complaint in chat.complaints if "403" not in complaint]  # it was asked for


def test_images_that_are_too_many_bytes_for_one_upload_are_there_again_with_their_pictures(
    chat: ChatPage, tmp_path: Path
) -> None:
    pictures = chat.page.locator("#chat-prompt .thumbnail-wrapper img")
    for number in range(1, 8):
        photo = tmp_path / f"photo{number}.png"
        photo.write_bytes(PNG + bytes([number]) * 4 * 2**20)
        chat.page.locator("#chat-prompt input[type=file]").set_input_files(photo)
        expect(pictures).to_have_count(number, timeout=SLOW)
    chat.page.reload()
    expect(pictures).to_have_count(7, timeout=SLOW)


def test_the_last_file_that_was_taken_out_after_a_reload_does_not_come_back(chat: ChatPage, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("Harbour")
    chat.page.locator("#chat-prompt input[type=file]").set_input_files(note)
    shown = chat.page.get_by_role("listitem", name="note.txt")
    expect(shown).to_be_visible(timeout=SLOW)
    chat.page.reload()
    expect(shown).to_be_visible(timeout=SLOW)
    chat.page.locator("#chat-prompt .delete-button").click()
    chat.page.wait_for_function(f"({KEPT}).length === 0")


def test_a_prompt_waits_for_its_files_after_a_reload(chat: ChatPage, echo_server: EchoServer, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("Harbour")
    chat.choose("echo", provider="echo")
    chat.prompt.fill("What is this?")
    chat.page.locator("#chat-prompt input[type=file]").set_input_files(note)
    shown = chat.page.get_by_role("listitem", name="note.txt")
    expect(shown).to_be_visible(timeout=SLOW)
    looked: list[Route] = []

    def hold(route: Route) -> None:
        looked.append(route)

    chat.page.route("**/gradio_api/file=**", hold)
    with chat.page.expect_request("**/gradio_api/file=**"):
        chat.page.reload()
    expect(chat.prompt).to_have_value("What is this?")
    chat.prompt.press("Enter")
    expect(chat.hint).to_contain_text("Its files come. Send once more.")
    for each in looked:
        each.continue_()
    chat.page.unroute("**/gradio_api/file=**", hold)
    expect(shown).to_be_visible(timeout=SLOW)
    chat.ask("What is this?")
    assert "Harbour" in echo_server.bodies[-1]["messages"][-1]["content"]


@pytest.mark.parametrize("tab", ["chat", "compare"])
@pytest.mark.parametrize("text", ["What is this?", ""])
def test_files_of_a_prompt_that_was_not_sent_are_in_the_box_again_with_it(
    browser: Browser, site: Site, echo_server: EchoServer, tmp_path: Path, tab: str, text: str
) -> None:
    note = tmp_path / "note.txt"
    note.write_text("Harbour")
    with Line(site.url) as line, new_tab(browser, line.url) as page:
        opened = ChatPage(page, line.url) if tab == "chat" else ComparePage(page, line.url)
        opened.open()
        if isinstance(opened, ComparePage):
            opened.set("one", "two", provider="echo")
        else:
            opened.choose("echo", provider="echo")
        shown = page.locator(f"#{tab}-prompt").get_by_role("listitem", name="note.txt")
        box, send = page.locator(f"#{tab}-prompt textarea"), page.locator(BUTTONS[tab])
        page.locator(f"#{tab}-prompt input[type=file]").set_input_files(note)
        expect(shown).to_be_visible(timeout=SLOW)
        box.fill(text)
        asked = len(echo_server.bodies)
        line.cut()
        send.click()
        said = page.locator("#conversations .line")
        expect(said).to_have_text("LLM Hub cannot be reached. Your prompt was not sent, it is in the box again.")
        expect(shown).to_be_visible()
        expect(box).to_have_value(text)
        line.mend()
        expect(said).to_have_text("The connection is back.")
        expect(shown).to_be_visible()
        assert len(echo_server.bodies) == asked
        send.click()
        expect(page.locator(f"#{tab} .attached span").first).to_have_text("note.txt", timeout=SLOW)
        expect(shown).to_have_count(0)
        assert "Harbour" in echo_server.bodies[-1]["messages"][-1]["content"]


def test_files_of_a_prompt_whose_reply_was_lost_are_not_attached_again(
    browser: Browser, site: Site, echo_server: EchoServer, tmp_path: Path
) -> None:
    note = tmp_path / "note.txt"
    note.write_text("Harbour")
    with Line(site.url) as line, new_tab(browser, line.url) as page:
        chat = ChatPage(page, line.url)
        chat.open()
        chat.choose("echo", provider="echo")
        page.locator("#chat-prompt input[type=file]").set_input_files(note)
        expect(page.get_by_role("listitem", name="note.txt")).to_be_visible(timeout=SLOW)
        asked = len(echo_server.bodies)
        line.lose_replies()
        chat.ask("What is this?")
        expect(chat.prompts.locator(".attached span")).to_have_text("note.txt")
        expect(page.locator("#chat-prompt .thumbnail-wrapper")).to_have_count(0)
        page.reload()
        expect(chat.prompts.locator(".attached span")).to_have_text("note.txt", timeout=SLOW)
        expect(page.locator("#chat-prompt .thumbnail-wrapper")).to_have_count(0)
        assert len(echo_server.bodies) == asked + 1


@pytest.mark.parametrize("stores", [["sessionStorage"], ["localStorage", "sessionStorage"]])
def test_files_are_attached_in_a_browser_that_keeps_nothing(
    browser: Browser, site: Site, tmp_path: Path, stores: list[str]
) -> None:
    note = tmp_path / "note.txt"
    note.write_text("Harbour")
    with new_tab(browser, site.url) as page:
        page.add_init_script(f"for (const store of {stores}) {REFUSE}")
        chat = ChatPage(page, site.url)
        chat.open()
        page.locator("#chat-prompt input[type=file]").set_input_files(note)
        expect(page.get_by_role("listitem", name="note.txt")).to_be_visible(timeout=SLOW)
        assert chat.complaints == []


def test_a_file_that_nobody_can_read_leaves_the_box_and_the_words_stay(chat: ChatPage, tmp_path: Path) -> None:
    photo, note = tmp_path / "IMG_1.HEIC", tmp_path / "note.txt"
    photo.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    note.write_text("Harbour")
    chat.prompt.fill("What is this?")
    chat.page.locator("#chat-prompt input[type=file]").set_input_files([photo, note])
    expect(chat.hint).to_contain_text("IMG_1.HEIC is an image that models do not read.", timeout=SLOW)
    expect(chat.page.locator("#chat-prompt .thumbnail-item")).to_have_count(1)
    expect(chat.prompt).to_have_value("What is this?")


@pytest.mark.parametrize("send", ["key", "button"])
def test_a_prompt_is_not_sent_without_a_refused_file_before_that_was_told(
    chat: ChatPage, echo_server: EchoServer, tmp_path: Path, send: str
) -> None:
    photo = tmp_path / "IMG_2.HEIC"
    photo.write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    chat.choose("echo", provider="echo")
    asked = len(echo_server.bodies)

    def press() -> None:
        chat.prompt.press("Enter") if send == "key" else chat.page.locator("#chat-prompt .submit-button").click()

    chat.prompt.fill("What is this?")
    chat.page.locator("#chat-prompt input[type=file]").set_input_files(photo)
    expect(chat.hint).to_contain_text("IMG_2.HEIC is an image that models do not read.", timeout=SLOW)
    expect(chat.page.locator("#chat-prompt .thumbnail-item")).to_have_count(0)
    press()
    expect(chat.hint).to_contain_text("Send once more to ask without it.")
    expect(chat.hint).to_contain_text("IMG_2.HEIC")
    expect(chat.prompt).to_have_value("What is this?")
    assert len(echo_server.bodies) == asked
    press()
    expect(chat.figures).to_have_count(1)
    assert len(echo_server.bodies) == asked + 1


def test_a_file_goes_to_every_pane(compare: ComparePage, echo_server: EchoServer, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("port,ships\nHamburg,3\n")
    compare.set("one", "two", provider="echo")
    compare.page.locator("#compare-prompt input[type=file]").set_input_files(file)
    expect(compare.page.locator("#compare-prompt .thumbnail-item")).to_have_count(1, timeout=SLOW)
    compare.compare("How many?")
    assert all("Hamburg,3" in body["messages"][-1]["content"] for body in echo_server.bodies[-2:])
    for number in (1, 2):
        expect(compare.pane(number).locator(".attached span")).to_have_text("rows.csv")
        expect(compare.line(number)).to_contain_text("rows.csv: as text")


def test_the_button_of_compare_stays_in_sight_on_a_phone(browser: Browser, site: Site) -> None:
    with visiting(browser, ComparePage, site.url, width=375, height=667) as phone:
        box = phone.page.locator("#compare-run").bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 375

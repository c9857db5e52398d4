"""From the empty page to an answer of a better embedded model, in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.providers.hugging_face import HuggingFace, serving
from tests.ui.chat_page import ChatPage
from tests.ui.conftest import visiting
from tests.ui.offered_model import BETTER, content, stand_in, write_app
from tests.ui.site import Site
from tests.ui.test_accessibility import AXE, expect_accessible

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SLOW = 30_000
"""Milliseconds: llama.cpp loads, and the machine may be busy."""


def choose_better_model(page: Page) -> None:
    page.locator("#chat-model input").click()
    page.get_by_role("option", name=f"{BETTER} (download 0.1 GB, Apache-2.0, needs 0.5 GB of memory)").click()


@pytest.mark.heavy
def test_a_newcomer_reaches_a_better_model_with_one_choice(browser: Browser, tmp_path: Path) -> None:
    """Though the file is damaged at first, and the download is stopped in the middle and taken up after a reload."""
    with (
        serving(HuggingFace(bytes(len(content())), etag=stand_in().file.sha256)) as files,
        serving(HuggingFace(b"", sends_on_to=files)) as hub,
    ):
        environment = write_app(tmp_path, stand_in()) | {"HF_ENDPOINT": hub.url}
        with (
            Site(tmp_path / "log", environment, folder=tmp_path) as site,
            visiting(browser, ChatPage, site.url) as chat,
        ):
            page, note = chat.page, chat.page.locator("#chat-download")
            expect(note).to_contain_text("is small, quick and often wrong")
            choose_better_model(page)
            start, stop = page.locator("#chat-download-start"), page.locator("#chat-download-stop")
            expect(start).to_have_text("Download 0.1 GB")
            expect(note).to_contain_text("Apache-2.0, made by Qwen, needs 0.5 GB of memory")
            assert files.ranges == []
            start.click()
            expect(note).to_contain_text("was damaged on its way, and is deleted", timeout=SLOW)
            expect(start).to_have_text("Try again: 0.1 GB")

            files.content, files.hold_at = content(), len(content()) // 3
            files.ranges.clear()
            start.click()
            expect(note).to_contain_text(f"Downloading {BETTER}: 32 of 98 MB", timeout=SLOW)
            expect(note.locator("progress")).to_be_visible()
            page.evaluate(AXE)
            expect_accessible(chat, 1440, 375)

            stop.click()
            expect(stop).to_be_hidden()
            files.go.set()
            expect(start).to_contain_text("Go on with the download")
            page.reload()  # the chosen model is remembered, and what has come of it
            expect(start).to_contain_text("Go on with the download")
            start.click()
            expect(note).to_contain_text(f"{BETTER} is downloaded", timeout=SLOW)
            assert (files.ranges[1] or "").startswith("bytes=")
            expect(page.locator("#chat-model input")).to_have_value(BETTER)

            chat.type("What is 2+2?")
            expect(chat.figures).to_contain_text(f"Embedded · {BETTER}", timeout=SLOW)
            expect(chat.answers).not_to_be_empty()

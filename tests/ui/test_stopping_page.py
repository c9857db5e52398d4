"""The page when the server is told to stop: running answers are completed, new prompts are refused."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import httpx
from playwright.sync_api import expect

from tests.ui.chat_page import ChatPage
from tests.ui.compare_page import SLOW
from tests.ui.conftest import KEY
from tests.ui.site import NO_TLS, Site

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser

    from tests.fault_server import FaultServerThread

LONG = "ok?tokens=150&page=stopping"


def test_an_answer_is_completed_and_a_new_question_told_to_wait(
    browser: Browser, fault_server: FaultServerThread, tmp_path: Path
) -> None:
    environment = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": fault_server.openai_url}
    with Site(tmp_path / "log", environment) as site:
        answered, refused = (ChatPage(browser.new_page(), site.url) for _ in range(2))
        for tab in (answered, refused):
            tab.open()
            tab.choose(LONG)
        fault_server.limit(21)
        answered.type("Hello")
        fault_server.wait_for(lambda log: any(exchange.model == LONG and exchange.tokens_sent > 20 for exchange in log))
        site.process.send_signal(signal.SIGTERM)
        with httpx.Client(trust_env=False, verify=NO_TLS) as client:
            while client.get(f"{site.url}/health").status_code != 503:
                pass  # it has not noticed the signal yet
        refused.type("Me too")
        expect(refused.log).to_contain_text("LLM Hub is being stopped and takes no new requests.", timeout=SLOW)
        fault_server.limit(None)
        site.process.wait(30)
        expect(answered.figures).to_contain_text("150 out tokens")
        expect(answered.prompts).to_have_text("Hello")
        lost = "ERR_CONNECTION_REFUSED"  # the page asks whether the hub is back, as soon as it is gone
        assert not [complaint for complaint in answered.complaints if lost not in complaint]
        answered.page.close()
        refused.page.close()
    assert site.process.returncode == 0
    assert "Traceback" not in (tmp_path / "log").read_text()

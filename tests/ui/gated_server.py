"""An OpenAI-compatible server that stops in the middle of its answers, for what happens meanwhile."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from tests.ui.compatible import Compatible, Exchange
from tests.ui.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEEPING = {"database": {}, "browser": {"LLM_HUB_ALLOWED_HOSTS": "hub.test"}}
"""Where conversations are kept, and what makes a hub keep them there."""


class GatedServer(Compatible):
    """Answers with the prompt, "begins" and "ends", and waits for `gate` before the last. `prompts` are those asked."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.prompts: list[str] = []

    def models(self) -> list[str]:
        return ["gated"]

    def answer(self, exchange: Exchange, body: dict[str, Any], prompt: str) -> None:
        self.prompts.append(prompt)
        exchange.begin_stream()
        exchange.send_text(f"{prompt} begins", model="gated")
        self.gate.wait(60)
        with suppress(OSError):  # whoever asked was killed
            exchange.send_text(" and ends", model="gated")
            exchange.end_stream(model="gated")


@contextmanager
def gated_hub(gated: GatedServer, keeping: str, log: Path) -> Iterator[Site]:
    """A hub whose one server is `gated`. Afterwards: its log has no traceback."""
    with Site(log, {"LLM_HUB_SERVERS": f"gated={gated.url}", **KEEPING[keeping]}) as hub:
        yield hub
    text = log.read_text()
    assert "Traceback" not in text, text

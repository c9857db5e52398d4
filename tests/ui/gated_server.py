"""An OpenAI-compatible server that stops in the middle of its answers, for what happens meanwhile."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any

from tests.ui.compatible import Compatible, Exchange


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

"""An OpenAI-compatible server whose model answers with the prompt's own words: for what a model might say."""

from __future__ import annotations

import threading
from typing import Any

from tests.ui.compatible import Compatible, Exchange


class EchoServer(Compatible):
    """`bodies` are those of its requests. Its list of models waits while `lists` is cleared."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.lists = threading.Event()
        self.lists.set()

    def models(self) -> list[str]:
        self.lists.wait(30)
        return ["echo"]

    def answer(self, exchange: Exchange, body: dict[str, Any], prompt: str) -> None:
        self.bodies.append(body)
        exchange.stream(prompt, model="echo")

"""How many of our own frames an event passes on its way: a chat request and an API request walk the same stairs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import llm_hub
from llm_hub.chat import ChatRequest, Done, LLMResponse, Message, Role, TextDelta
from llm_hub.conversations.coalescer import Coalescer
from llm_hub.factory import ProviderFactory
from llm_hub.gateway.gateway import Gateway
from llm_hub.hub import Hub
from llm_hub.provider import LLMProvider
from llm_hub.settings import Settings
from tests.api.conftest import served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import FrameType

    import pytest

PACKAGE = str(Path(llm_hub.__file__).parent)
MAX_FRAMES = 7
"""From the endpoint, or the page's handler, to the adapter."""


class Witness(LLMProvider):
    """An adapter that notes which functions of ours stand on the stack when it gives its second event."""

    name = "witness"
    default_model = "stack"
    frames: list[str] = []  # noqa: RUF012  # the class is what a program registers

    async def events(self, request: ChatRequest) -> AsyncIterator[Any]:  # type: ignore[override]
        yield TextDelta("Hello")
        frame: FrameType | None = sys._getframe(1)
        names = []
        while frame is not None:
            if frame.f_code.co_filename.startswith(PACKAGE):
                names.append(f"{Path(frame.f_code.co_filename).relative_to(PACKAGE)}: {frame.f_code.co_name}")
            frame = frame.f_back
        Witness.frames = names
        yield TextDelta(" world")
        yield Done(LLMResponse("Hello world", request.model or "stack", {}, "stop", self.name))

    async def models(self) -> tuple[Any, ...]:
        return ()


def a_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hub:
    monkeypatch.setitem(ProviderFactory.registered, "witness", Witness)
    return Hub(Settings.load(tmp_path / ".env"))


def check(frames: list[str], *, first: str) -> None:
    """`first` is the outermost frame that counts."""
    print("\n".join(reversed(frames)))
    names = frames[: next(number for number, name in enumerate(frames, 1) if first in name)]
    assert len(names) <= MAX_FRAMES, names
    assert "gateway/gateway.py: answer" in names


async def test_an_event_passes_seven_frames_between_endpoint_and_adapter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hub = a_hub(monkeypatch, tmp_path)
    async with served(hub, {}) as api:
        body = {"model": "witness", "messages": [{"role": "user", "content": "Hello"}], "stream": True}
        reply = await api.client.post("/v1/chat/completions", json=body)
    assert "world" in reply.text
    check(Witness.frames, first="api/replies.py: _send_pieces")  # in a task of its own
    await hub.aclose()


async def test_an_event_passes_seven_frames_between_the_pages_stream_and_adapter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hub = a_hub(monkeypatch, tmp_path)
    gateway = Gateway(hub)
    request = ChatRequest((Message(Role.USER, "Hello"),), "witness", fallback=())

    class Page:
        request = None
        session_hash: str | None = "tab"
        headers: dict[str, str] = {}  # noqa: RUF012

    snapshots = Coalescer().snapshots(gateway.answer(gateway.visitor(Page(), "chat"), request))
    assert [snapshot async for snapshot in snapshots]
    check(Witness.frames, first=Witness.frames[-1])
    await hub.aclose()

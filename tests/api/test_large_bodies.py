"""What agents send late in a long day: thousands of messages, and many images."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.api.bodies import read_image
from llm_hub.api.refusals import Refusal

if TYPE_CHECKING:
    from tests.api.conftest import Api
    from tests.fault_server import FaultServer

MESSAGES = 5000
IMAGE = base64.b64encode(bytes(range(256)) * 2**12 * 5).decode()
"""An image's data of 7 MB."""


def conversation(path: str, messages: int) -> dict[str, Any]:
    """A conversation in which every other message is the result of a tool."""
    turns: list[dict[str, Any]] = [{"role": "user", "content": "Go on."}]
    for number in range((messages - 1) // 2):
        name, text = f"call_{number}", f"The {number}th line, of some {messages}."
        if path == "/v1/messages":
            call = {"type": "tool_use", "id": name, "name": "read", "input": {"line": number}}
            turns.append({"role": "assistant", "content": [{"type": "text", "text": text}, call]})
            result = {"type": "tool_result", "tool_use_id": name, "content": [{"type": "text", "text": text}]}
            turns.append({"role": "user", "content": [result]})
        else:
            function = {"name": "read", "arguments": f'{{"line": {number}}}'}
            turns.append({"role": "assistant", "content": text,
                "tool_calls": [{"id": name, "type": "function", "function": function}]})  # fmt: skip
            turns.append({"role": "tool", "tool_call_id": name, "content": text})
    provider, limit = ("anthropic", {"max_tokens": 100}) if path == "/v1/messages" else ("openai", {})
    return {"model": f"{provider}/ok", "messages": turns, **limit}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_five_thousand_messages_arrive_as_they_were_sent(api: Api, fault_server: FaultServer, path: str) -> None:
    body = conversation(path, MESSAGES)
    reply = await api.client.post(path, json=body)
    assert reply.status_code == 200, reply.text[:500]
    assert fault_server.exchanges[-1].body["messages"] == body["messages"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_thirty_megabytes_of_images_arrive(api: Api, fault_server: FaultServer, path: str) -> None:
    if path == "/v1/messages":
        source = {"type": "base64", "media_type": "image/png", "data": IMAGE}
        body = {"model": "anthropic/ok", "max_tokens": 100, "messages": [
            {"role": "user", "content": [{"type": "image", "source": source}] * 4}]}  # fmt: skip
    else:
        part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{IMAGE}"}}
        body = {"model": "openai/ok", "messages": [{"role": "user", "content": [part] * 4}]}
    reply = await api.client.post(path, json=body)
    assert reply.status_code == 200, reply.text[:500]
    assert fault_server.exchanges[-1].body["messages"] == body["messages"]


def test_an_image_that_is_read_in_pieces_is_whole() -> None:
    data = bytes(range(251)) * 10_000
    assert read_image("image/png", base64.b64encode(data).decode(), "x").data == data
    for broken in (IMAGE[: 2**20 - 1] + "=" + IMAGE[2**20 :], IMAGE[:-1], IMAGE + "!", "=" + IMAGE[1:], IMAGE + "A==="):
        with pytest.raises(Refusal, match="not base64"):
            read_image("image/png", broken, "x")

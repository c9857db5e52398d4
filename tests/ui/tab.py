"""A browser's tab without the browser: Gradio's own protocol, for measuring many at once."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llm_hub.conversations.open_conversations import BROWSER_HEADER

if TYPE_CHECKING:
    import httpx


@dataclass
class Received:
    """A message of the event stream, and when it came."""

    kind: str
    at: float
    message: dict[str, Any] = field(repr=False)


class Tab:
    """One session on the page. `browser` is the secret of its browser, "" for one that sends none."""

    def __init__(self, client: httpx.AsyncClient, config: dict[str, Any], *, browser: str = "") -> None:
        self._client = client
        self._headers = {BROWSER_HEADER: browser} if browser else {}
        self._config = config
        self._session = uuid.uuid4().hex[:11]
        self._names = {part["id"]: part["props"].get("elem_id") or part["type"] for part in config["components"]}
        self._values = {part["id"]: part["props"].get("value") for part in config["components"]}
        events = config["dependencies"]
        self._send = next(event for event in events if event["api_name"] == "send")
        self._received: list[Received] = []
        self._has_received = asyncio.Condition()

    async def ask(self, prompt: str, **values: Any) -> list[Received]:
        """Sends a prompt and receives its answer's messages. `values` are by element id, with underscores."""
        known = {name.replace("_", "-"): value for name, value in values.items()}
        known["chat-asked"] = {"text": prompt, "files": []}
        messages = self._received = []
        call = self._call(self._send, known)
        joined = await self._client.post("/gradio_api/queue/join", json=call, headers=self._headers)
        joined.raise_for_status()
        url = f"/gradio_api/queue/data?session_hash={self._session}"
        async with self._client.stream("GET", url, timeout=60, headers=self._headers) as stream:
            async for line in stream.aiter_lines():
                if not line.startswith("data: "):
                    continue
                message = json.loads(line.removeprefix("data: "))
                async with self._has_received:
                    messages.append(Received(message["msg"], time.monotonic(), message))
                    self._has_received.notify_all()
                if message["msg"] in ("process_completed", "close_stream"):
                    return messages
        return messages

    async def wait_for_updates(self, count: int) -> None:
        """Waits until the answer that is asked for has changed the page so often. Raises `TimeoutError`."""
        async with asyncio.timeout(60), self._has_received:
            await self._has_received.wait_for(lambda: len(updates(self._received)) >= count)

    async def wait_for_text(self, text: str) -> None:
        """Waits until the answer that is asked for has brought this. Raises `TimeoutError`."""
        async with asyncio.timeout(60), self._has_received:
            await self._has_received.wait_for(lambda: any(text in json.dumps(each.message) for each in self._received))

    def _call(self, event: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
        """`values` in place of what the page begins with."""
        data = [values.get(self._names[part], self._values[part]) for part in event["inputs"]]
        return {"data": data, "fn_index": event["id"], "session_hash": self._session, "trigger_id": None}


def updates(messages: list[Received]) -> list[float]:
    """When the page was changed."""
    return [message.at for message in messages if message.kind == "process_generating"]


def opened(messages: list[Received]) -> dict[str, Any]:
    """What the page is told of the conversation that it shows."""
    first = next(each.message for each in messages if each.kind == "process_generating")
    return next(value for value in first["output"]["data"] if isinstance(value, dict) and "keeping" in value)

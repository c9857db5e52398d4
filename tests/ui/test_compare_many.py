"""Many comparisons at once, over the page's own protocol."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.ui.compare.blind_vote import MAX_VOTES_AT_ONCE
from tests.fault_server import answer_text
from tests.ui.tab import Tab

if TYPE_CHECKING:
    import httpx


pytestmark = pytest.mark.heavy


class CompareTab(Tab):
    """One session on the Compare tab."""

    def __init__(self, client: httpx.AsyncClient, config: dict[str, Any]) -> None:
        super().__init__(client, config)
        events = config["dependencies"]
        self._ask = next(event for event in events if event["api_name"] == "ask")
        after = [event for event in events if event["trigger_after"] == self._ask["id"]]
        self._panes = [event for event in after if event["queue"] is not False]
        self._refresh = next(event for event in events if event["api_name"] == "refresh")
        self._ends = [next(end for end in events if end["trigger_after"] == pane["id"]) for pane in self._panes]

    async def compare(self, prompt: str, **values: Any) -> str:
        """Everything that the server sent to this session, until its two panes are over."""
        known = {name.replace("_", "-"): value for name, value in values.items()} | {
            "compare-asked": {"text": prompt, "files": []}
        }
        sent = await self._client.post("/gradio_api/run/predict", json=self._call(self._ask, known))
        sent.raise_for_status()
        texts = [sent.text]
        for pane in self._panes[:2]:
            (await self._client.post("/gradio_api/queue/join", json=self._call(pane, {}))).raise_for_status()
        url, over = f"/gradio_api/queue/data?session_hash={self._session}", 0
        async with self._client.stream("GET", url, timeout=60) as stream:
            async for line in stream.aiter_lines():
                texts.append(line)
                if line.startswith("data: ") and json.loads(line[6:])["msg"] == "process_completed":
                    over += 1
                    if over == 2:
                        break
        calls = [self._client.post("/gradio_api/run/predict", json=self._call(end, {})) for end in self._ends[:2]]
        texts += [answer.text for answer in await asyncio.gather(*calls)]
        return "\n".join([*texts, await self._refreshed()])

    async def click(self, button: str) -> str:
        """Clicks a button that changes things at once, and returns what the server sent."""
        events = self._config["dependencies"]
        event = next(event for event in events if button in {self._names.get(part) for part, _ in event["targets"]})
        if not event["backend_fn"]:  # it only cancels: what it does follows
            event = next(other for other in events if other["trigger_after"] == event["id"])
        reply = await self._client.post("/gradio_api/run/predict", json=self._call(event, {}))
        return f"{reply.text}\n{await self._refreshed()}"

    async def begin(self) -> str:
        """Begins a new comparison, and returns what the server sent."""
        event = next(event for event in self._config["dependencies"] if self._is_opening(event))
        call = {**self._call(event, {}), "event_data": {"id": ""}}
        reply = await self._client.post("/gradio_api/run/predict", json=call)
        return f"{reply.text}\n{await self._refreshed()}"

    def _is_opening(self, event: dict[str, Any]) -> bool:
        return any(self._names.get(part) == "compare-opened" and name == "open" for part, name in event["targets"])

    async def _refreshed(self) -> str:
        """What the server shows of the comparison after an event has changed it."""
        return (await self._client.post("/gradio_api/run/predict", json=self._call(self._refresh, {}))).text


async def test_a_program_cannot_fill_the_board_with_votes(client: httpx.AsyncClient, config: dict[str, Any]) -> None:
    tab = CompareTab(client, config)
    replies: list[str] = []
    for _ in range(MAX_VOTES_AT_ONCE + 1):
        await tab.compare(
            "Hello", compare_pane_1_provider="openai", compare_pane_1_model="ok?tokens=2&fill=1",
            compare_pane_2_provider="openai", compare_pane_2_model="ok?tokens=2&fill=2", compare_blind=True,
        )  # fmt: skip
        replies.append(await tab.click("compare-tie"))
        await tab.begin()
    assert all("Thank you" in answer for answer in replies[:-1])
    assert "Thank you" not in replies[-1]
    assert "not counted" in replies[-1]


async def test_twenty_visitors_never_see_each_others_text(client: httpx.AsyncClient, config: dict[str, Any]) -> None:
    secrets = [f"secret-of-visitor-{number:02}." for number in range(20)]

    async def visit(secret: str) -> str:
        return await CompareTab(client, config).compare(
            f"{secret} {'word ' * 200}",
            compare_pane_1_provider="echo",
            compare_pane_1_model="echo",
            compare_pane_2_provider="echo",
            compare_pane_2_model="echo-2",
        )

    texts = await asyncio.gather(*(visit(secret) for secret in secrets))
    for secret, text in zip(secrets, texts, strict=True):
        assert text.count(secret) >= 4  # the prompt and the answer, in both panes
        assert not [other for other in secrets if other != secret and other in text]


async def test_no_event_of_a_blind_comparison_names_a_model(client: httpx.AsyncClient, config: dict[str, Any]) -> None:
    models = {"compare_pane_1_model": "ok?tokens=30&rate=60&raw=1", "compare_pane_2_model": "cut@mid?tokens=30&raw=2"}
    providers = {"compare_pane_1_provider": "openai", "compare_pane_2_provider": "openai"}
    text = await CompareTab(client, config).compare("Hello", **providers, **models, compare_blind=True)
    assert answer_text(30) in text
    assert "Answer A" in text
    assert "raw=" not in text
    assert "OpenAI" not in text
    named = await CompareTab(client, config).compare("Hello", **providers, **models, compare_blind=False)
    assert "raw=1" in named
    assert "OpenAI" in named


async def test_a_session_that_asked_nothing_gets_nothing(client: httpx.AsyncClient, config: dict[str, Any]) -> None:
    await CompareTab(client, config).compare(
        "Hello", compare_pane_1_provider="openai", compare_pane_1_model="ok?tokens=4",
        compare_pane_2_provider="openai", compare_pane_2_model="ok?tokens=4",
    )  # fmt: skip
    stranger = CompareTab(client, config)
    for event in config["dependencies"]:
        if event["api_name"] and event["api_name"].startswith(
            ("save", "share", "carry", "finish", "refresh", "show_difference")
        ):
            response = await client.post("/gradio_api/run/predict", json=stranger._call(event, {}))
            assert answer_text(4) not in response.text

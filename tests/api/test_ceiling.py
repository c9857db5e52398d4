"""No more than the ceiling is spent, whatever fifty clients at once do, and whatever goes wrong with their answers."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from llm_hub.chat import Image
from llm_hub.hub import Hub
from llm_hub.settings import Settings
from llm_hub.usage.file_tokens import MAX_PAGE_TOKENS
from llm_hub.usage.image_tokens import most_tokens
from llm_hub.usage.quotas import Quota
from tests.api.conftest import KEYS
from tests.api.metered import Metered, metered
from tests.documents.files import pdf
from tests.fault_server import FaultServer
from tests.fault_server.log import Exchange

pytestmark = pytest.mark.heavy
CEILING = Decimal("0.5")
PRICES = {"cheap": 100, "dear": 200}
"""US dollars for a million tokens."""
PROMPT = "Tell me all. " * 16
AT_ONCE = 50


@asynccontextmanager
async def a_shop(folder: Path, fault_server: FaultServer, limits: Quota) -> AsyncIterator[Metered]:
    """The API of an owner with a cheap server and a dear one."""
    (folder / ".env").write_text(
        f"LLM_HUB_SERVERS=cheap={fault_server.openai_url},dear={fault_server.openai_url}\nCHEAP_API_KEY=sk-cheap\nDEAR_API_KEY=sk-dear\n"
        f"LLM_HUB_PRICES={','.join(f'{name}={price}/{price}' for name, price in PRICES.items())}\n"
        "LLM_HUB_MAX_RETRIES=1\nLLM_HUB_THINKING_TIMEOUT=1\n"
    )
    hub = Hub(Settings.load(folder / ".env"))
    async with metered(hub, folder, limits) as metered_api:
        yield metered_api
    await hub.aclose()


@dataclass(frozen=True, slots=True)
class Client:
    """What each of the fifty asks for, and after how many lines of a stream it leaves."""

    model: str
    fallback: tuple[str, ...] = ()
    max_tokens: int | None = None
    stream: bool = True
    leaves: int | None = None
    bytes_a_token: int = 4
    """Of the prompt, as the provider counts it."""

    async def ask(self, metered_api: Metered) -> bool:
        """Whether a provider may have been asked."""
        body: dict[str, Any] = {
            "model": self.model,
            "fallback": self.fallback,
            "stream": self.stream,
            "messages": [{"role": "user", "content": PROMPT}],
        }
        if self.max_tokens is not None:
            body["max_tokens"] = self.max_tokens
        headers = {"authorization": f"Bearer {KEYS['alice']}"}
        async with metered_api.api.client.stream("POST", "/v1/chat", json=body, headers=headers) as reply:
            lines = 0
            async for line in reply.aiter_lines():
                lines += bool(line)
                if lines == self.leaves:
                    break
            return reply.status_code != 429

    def bill(self, exchanges: list[Exchange]) -> Decimal:
        """What the providers take, in dollars."""
        answered = (exchange for exchange in exchanges if exchange.status == 200)
        return sum(
            Decimal((len(PROMPT) // self.bytes_a_token + exchange.tokens_sent) * PRICES[_provider(exchange)])
            / 1_000_000
            for exchange in answered
        ) or Decimal(0)


def _provider(exchange: Exchange) -> str:
    return exchange.headers["authorization"].rpartition("-")[2]


RESUMED = "dear/ok?tokens=100&resume=restart"


@pytest.mark.parametrize(
    "client",
    [
        Client("cheap/ok?tokens=100", max_tokens=100, stream=False),
        Client("cheap/ok?tokens=400&rate=100", max_tokens=400, leaves=8, bytes_a_token=2),
        Client("cheap/stall@first", max_tokens=100, leaves=1, bytes_a_token=2),
        Client("cheap/no-usage?tokens=100", max_tokens=100),
        Client("cheap/cut@mid?tokens=200", (RESUMED,), max_tokens=100),
        Client("cheap/error-event@last?tokens=100", (RESUMED,), max_tokens=100, stream=False),
        Client("cheap/malformed@mid?tokens=100", max_tokens=100, leaves=30, bytes_a_token=2),
        Client("cheap/status-503", ("cheap/stall@first", "dear/ok?tokens=100"), max_tokens=100),
        Client("cheap/ok?tokens=400&rate=50", max_tokens=50),
    ],
    ids=lambda client: f"{client.model} {'left' if client.leaves else 'read'}",
)
async def test_five_waves_of_fifty_clients_spend_no_more_than_the_ceiling(
    tmp_path: Path, fault_server: FaultServer, client: Client
) -> None:
    async with a_shop(tmp_path, fault_server, Quota(money=CEILING)) as metered_api:
        passed = 0
        for _ in range(5):
            wave = sum(await asyncio.gather(*(client.ask(metered_api) for _ in range(AT_ONCE))))
            passed += wave
            if not wave:
                break
        rows = await metered_api.rows(1)
        assert 0 < client.bill(fault_server.exchanges) <= CEILING
        assert sum(row.nanodollars or 0 for row in rows) <= CEILING * 10**9
        assert passed < 5 * AT_ONCE


async def test_an_answer_that_ignores_max_tokens_is_ended_at_the_limit(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    async with a_shop(tmp_path, fault_server, Quota(money=Decimal("0.05"))) as metered_api:
        reply = await metered_api.ask("cheap/endless", fallback=[], max_tokens=50, stream=True)
        text = reply.text
    assert "The answer was ended, since it is longer than it was to be. The limit of $0.05 a day for this key" in text
    assert text.endswith("data: [DONE]\n\n")
    assert fault_server.exchanges[0].client_left


# Images, which each provider counts in its own way.


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR" + width.to_bytes(4) + height.to_bytes(4) + b"\x08\x02\x00\x00\x00"


def jpeg(width: int, height: int, before: bytes = b"\xff\xe0\x00\x04JF") -> bytes:
    return b"\xff\xd8" + before + b"\xff\xc2\x00\x0b\x08" + height.to_bytes(2) + width.to_bytes(2) + b"\x01"


@pytest.mark.parametrize(
    ("data", "model", "tokens"),
    [
        (png(10, 10), "openai/gpt-4o-mini", 48_200),
        (png(9000, 9000), "anthropic/claude-opus-5-5", 4_800),
        (png(9000, 9000), "openrouter/anthropic/claude-opus-5.5", 4_800),
        (png(100, 100), "openai/gpt-6-luna", 6_500),
        (jpeg(1600, 1200), "openai/gpt-6-luna", 58 * 43 * 3),
        (png(6000, 4000), "openai/gpt-6-luna", 25_000),
        (png(10_000, 30), "gemini/gemini-2.5-flash", 25_000),
        (png(0, 0), "openai/gpt-6-luna", 25_000),
        (b"GIF89a\x01\x00\x01\x00", "openai/gpt-6-luna", 25_000),
        (jpeg(10, 10)[:9], "openai/gpt-6-luna", 25_000),
        (jpeg(10, 10, b"\xff\xe0\x00\x02" * 1_000_000), "openai/gpt-6-luna", 25_000),
        (jpeg(10, 10, b"\xff\xe0\x00\x00"), "openai/gpt-6-luna", 25_000),
        *(
            (jpeg(10, 10, b"\xff" + bytes([bare]) + b"\x00\x02"), "openai/gpt-6-luna", 25_000)
            for bare in b"\0\1\xd0\xd8\xff"
        ),
        (b"", "openai/gpt-6-luna", 25_000),
    ],
)
def test_an_image_is_estimated_at_the_most_tokens_its_provider_may_count(data: bytes, model: str, tokens: int) -> None:
    assert most_tokens(Image(data), model) == tokens


async def test_the_most_tokens_that_an_image_may_cost_are_reserved(
    hub: Hub, fault_server: FaultServer, tmp_path: Path
) -> None:
    url = f"data:image/png;base64,{base64.b64encode(png(10, 10)).decode()}"
    image = {"type": "image_url", "image_url": {"url": url}}
    async with metered(hub, tmp_path, Quota(money=Decimal("0.01"))) as metered_api:

        async def ask(model: str, images: int) -> Any:
            messages = [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, *[image] * images]}]
            return await metered_api.ask(model, path="/v1/chat/completions", messages=messages, max_tokens=10)

        assert (await ask("openai/gpt-4o-mini", 1)).status_code == 200  # of 48,200 tokens at most: $0.0072
        refused = await ask("openai/gpt-4o-mini", 2)
        assert refused.status_code == 400
        assert "may need more than the limit of $0.01" in refused.json()["error"]["message"]
        assert (await ask("openai/gpt-6-luna", 2)).status_code == 200
    # The last model learnt that it takes no `max_tokens`: that request went out twice.
    assert [exchange.status for exchange in fault_server.exchanges] == [200, 400, 200]


async def test_the_pages_of_a_pdf_are_reserved_as_its_text_and_their_pictures(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    data = base64.b64encode(pdf(10)).decode()
    file = {"type": "file", "file": {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{data}"}}
    tokens = 10 * MAX_PAGE_TOKENS
    for limit, status in ((tokens + 100, 400), (tokens + 1000, 200)):
        async with a_shop(tmp_path, fault_server, Quota(tokens=limit)) as shop:
            messages = [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, file]}]
            fields: dict[str, Any] = {"messages": messages, "max_tokens": 100, "models": []}
            reply = await shop.ask("cheap/ok", path="/v1/chat/completions", **fields)
            assert reply.status_code == status, reply.text

"""A hub that is killed forgets no money: neither that of an answer just over, nor that of one that was running."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import httpx

from tests.fault_server import FaultServerThread
from tests.ui.site import Site

if TYPE_CHECKING:
    from pathlib import Path

KEY = "a-key-0123456789abcdef"


def body(tokens: int, max_tokens: int = 100) -> dict[str, Any]:
    """A request that may cost a cent for each token of its answer, and of its prompt, which has some 60."""
    messages = [{"role": "user", "content": "Hello"}]
    return {"model": f"openai/ok?tokens={tokens}", "messages": messages, "max_tokens": max_tokens, "stream": True}


async def test_what_was_reserved_counts_after_a_kill(tmp_path: Path) -> None:
    with FaultServerThread() as provider:
        environment = {
            "OPENAI_API_KEY": "sk-test-0123456789",
            "OPENAI_BASE_URL": provider.openai_url,
            "LLM_HUB_API_KEYS": f"owner={KEY}",
            "LLM_HUB_PRICES": "openai=10000/10000",
            "LLM_HUB_LIMIT_MONEY": "4",
        }
        site = Site(tmp_path / "log", environment)
        async with httpx.AsyncClient(
            base_url=site.url, headers={"authorization": f"Bearer {KEY}"}, trust_env=False, timeout=60
        ) as client:
            await asyncio.to_thread(site.start)
            try:
                provider.limit(3)
                async with client.stream("POST", "/v1/chat/completions", json=body(5)) as short:
                    words = short.aiter_text()
                    await anext(words)
                    async with client.stream("POST", "/v1/chat/completions", json=body(100)) as long:
                        await anext(long.aiter_text())
                        with closing(sqlite3.connect(f"{site.log}.db", isolation_level=None)) as database:
                            database.execute("BEGIN IMMEDIATE")  # no row of the ledger can be written from now on
                            provider.limit(50)
                            assert "[DONE]" in "".join([text async for text in words])
                            site.process.kill()
                            await asyncio.to_thread(site.process.wait, 60)
                site.first_ok = site.ready = 0.0
                await asyncio.to_thread(site.start)
                usage = (await client.get("/v1/usage")).json()
                assert 3 < usage["reserved"] < 4, "twice the most that one may cost"
                assert usage["today"]["requests"] == 0
                assert (await client.post("/v1/chat/completions", json=body(5))).status_code == 429
                assert (await client.post("/v1/chat/completions", json=body(5, max_tokens=1))).status_code == 200
            finally:
                await asyncio.to_thread(site.stop)
    assert "Traceback" not in site.log.read_text()

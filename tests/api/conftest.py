"""The API on a real socket, before the fault server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from llm_hub.api import router
from llm_hub.api.dialects import DIALECTS
from llm_hub.api.dialects.dialect import Dialect
from llm_hub.gateway.gateway import Gateway
from llm_hub.gateway.meter import Meter
from llm_hub.gateway.policy import Policy
from llm_hub.hub import Hub
from llm_hub.providers.catalog import PROVIDERS
from llm_hub.settings import Settings
from llm_hub.usage.quotas import Quota
from tests.fault_server import FaultServer, FaultServerThread
from tests.ui.site import NO_TLS, Site

KEYS = {"alice": "alice-0123456789abcdef", "bob": "bob-0123456789abcdef"}


def body_at(path: str, body: dict[str, Any]) -> dict[str, Any]:
    """The body with its fields named as the dialect at the path has them."""
    names = {"messages": "input", "max_tokens": "max_output_tokens"} if path == "/v1/responses" else {}
    return {names.get(name, name): value for name, value in body.items()}


@dataclass(frozen=True, slots=True)
class Api:
    """A running API: where it is, the hub behind it, and a client for it."""

    url: str
    hub: Hub
    client: httpx.AsyncClient


@asynccontextmanager
async def served(
    hub: Hub,
    keys: dict[str, str],
    meter: Meter | None = None,
    limits: Quota | None = None,
    *,
    dialects: Sequence[Dialect[Any]] = DIALECTS,
) -> AsyncIterator[Api]:
    app = router(Gateway(hub, Policy(api_keys=keys, api_quota=limits), meter=meter), dialects=dialects)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=1))
    config = server.config
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False, verify=NO_TLS) as client:
        yield Api(url, hub, client)
    await _stop(server)


async def _stop(server: uvicorn.Server) -> None:
    """As `server.shutdown` does, but waits for what is running and no fixed time: 0.2 s for each test is minutes."""
    for listening in server.servers:
        listening.close()
    for connection in list(server.server_state.connections):
        connection.shutdown()
    if running := server.server_state.tasks:
        _, late = await asyncio.wait(running, timeout=1)
        for task in late:
            task.cancel()
    await server.lifespan.shutdown()


@pytest.fixture
async def hub(fault_server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Hub]:
    for row in PROVIDERS.values():
        for name in (*row.key, *row.url):
            monkeypatch.delenv(name, raising=False)
    (tmp_path / ".env").write_text(
        f"OPENAI_API_KEY=sk-owner-secret-123\nOPENAI_BASE_URL={fault_server.openai_url}\nANTHROPIC_API_KEY=sk-ant-secret-123\n"
        f"ANTHROPIC_BASE_URL={fault_server.anthropic_url}\nOLLAMA_BASE_URL={fault_server.ollama_url}\nLLM_HUB_MAX_RETRIES=0\n"
    )
    hub = Hub(Settings.load(tmp_path / ".env"))
    yield hub
    await hub.aclose()


@pytest.fixture
async def api(hub: Hub) -> AsyncIterator[Api]:
    async with served(hub, {}) as api:
        yield api


@pytest.fixture
async def locked(hub: Hub) -> AsyncIterator[Api]:
    """The API of an owner who has given out keys."""
    async with served(hub, KEYS) as api:
        yield api


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The whole server in a process of its own, before a fault server: for clients that block."""
    folder = tmp_path_factory.mktemp("site")
    with FaultServerThread() as fault_server:
        environment = {
            "OPENAI_API_KEY": "sk-owner-secret-123",
            "OPENAI_BASE_URL": fault_server.openai_url,
            "ANTHROPIC_API_KEY": "sk-ant-secret-123",
            "ANTHROPIC_BASE_URL": fault_server.anthropic_url,
            "OLLAMA_BASE_URL": fault_server.ollama_url,
            "LLM_HUB_ROUTE": "openai/ok",
            "LLM_HUB_MAX_RETRIES": "0",
            "LLM_HUB_DATABASE_URL": f"sqlite:///{folder / 'hub.db'}",
        }
        with Site(folder / "log", environment) as site:
            yield site

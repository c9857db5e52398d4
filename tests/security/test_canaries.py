"""Canaries: the owner's keys and four visitors' keys are used, every feature is made to fail, and no key leaks.

Each key has a word in its middle that occurs nowhere else. It may stand in the authorization header of a request to its
own provider, made for its own payer, and nowhere else: in no answer, header, log or file.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from llm_hub.gateway.visitors import TAB_HEADER
from tests.fault_server import FaultServerThread
from tests.ui.site import ROOT, Site
from tests.ui.tab import Tab

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OWNER = {
    "openai": "sk-proj-canaryOWNERone-0123456789",
    "anthropic": "oddly canaryOWNERtwo shaped".replace(" ", "~"),
    "keyed": "keyed.canaryOWNERthree.0123456789",
    "api": "hub-canaryOWNERfour-0123456789",
}
VISITORS: dict[str, dict[str, str]] = {
    "anna": {"openai": "sk-canaryANNAone-0123456789"},
    "bob": {"openai": "plain!canaryBOBone!0123456789", "anthropic": "sk-ant-canaryBOBtwo-0123456789"},
    "eve": {"openai": "refused_canaryEVEone_0123456789", "keyed": "hf_canaryEVEtwo0123456789"},
    "dora": {"openai": "canaryDORAon", "keyed": "'canaryDORAtwo\\\"{0}%41&x=<1>"},
}
"""Eve's first key is one that the provider refuses, in words that echo it. Dora's have no shape at all."""
KEYS = {name: {**keys} for name, keys in (("owner", OWNER), *VISITORS.items())}
MODELS = ("key", "ok?tokens=3", "key", "key?again=1", "quota", "status-500", "status-429?retry-after=60", "unknown",
    "html", "empty", "bad-json@token-2", "cut@token-2", "error-event@token-2", "policy", "bad-request")  # fmt: skip
APP = """import logging, sys
sys.path.insert(0, {root!r})
ours = logging.getLogger("llm_hub")
ours.setLevel(logging.DEBUG)
ours.setLevel = lambda level: None  # whatever the server says
from llm_hub.serving.server import main
main()
"""


@dataclass
class Replies:
    """The text of every reply, and the request that it answers."""

    texts: list[tuple[str, str]] = field(default_factory=list)

    async def __call__(self, response: httpx.Response) -> None:
        await response.aread()
        self.texts.append((f"{response.request.method} {response.request.url}", f"{response.headers}\n{response.text}"))


class Visitor(Tab):
    """A tab of the page that has a secret, and may have keys."""

    def event(self, name: str, part: str = "") -> dict[str, Any]:
        """An event that is over at once; `part` is one that it reads."""
        events: list[dict[str, Any]] = self._config["dependencies"]
        for event in events:
            reads = {self._names[part] for part in event["inputs"]}
            if event["api_name"].startswith(name) and event["queue"] is False and (not part or part in reads):
                return event
        raise LookupError(name)

    async def run(self, event: dict[str, Any], **values: Any) -> httpx.Response:
        known = {name.replace("_", "-"): value for name, value in values.items()}
        reply = await self._client.post("/gradio_api/run/predict", json=self._call(event, known))
        assert reply.is_success, reply.text
        return reply

    async def compare(self, *targets: tuple[str, str], prompt: str, **more: Any) -> None:
        """Asks two panes, waits for both, and saves what came of it."""
        values: dict[str, Any] = {"compare_asked": {"text": prompt, "files": []}, "compare_fallback": True, **more}
        for number, (provider, model) in enumerate(targets, 1):
            values |= {f"compare_pane_{number}_provider": provider, f"compare_pane_{number}_model": model}
        for number in range(len(targets) + 1, 5):
            values |= {f"compare_pane_{number}_provider": targets[0][0], f"compare_pane_{number}_model": ""}
        ask = self.event("ask")
        await self.run(ask, **values)
        for answer in [event for event in self._config["dependencies"] if event["trigger_after"] == ask["id"]][:2]:
            await self.listen(answer)
        for name in ("save_markdown", "save_json", "share"):
            await self.run(self.event(name), **values)

    async def listen(self, event: dict[str, Any]) -> None:
        joined = await self._client.post("/gradio_api/queue/join", json=self._call(event, {}))
        assert joined.is_success
        await self._client.get(f"/gradio_api/queue/data?session_hash={self._session}", timeout=60)


@pytest.fixture(scope="module")
def fault_servers() -> Iterator[tuple[FaultServerThread, FaultServerThread]]:
    with FaultServerThread() as vendors, FaultServerThread() as servers:
        yield vendors, servers


@pytest.fixture(scope="module")
def site(
    fault_servers: tuple[FaultServerThread, FaultServerThread], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("canaries")
    (folder / "tmp").mkdir()
    (folder / "app.py").write_text(APP.format(root=str(ROOT)))
    vendors, servers = fault_servers
    environment = {
        "TMPDIR": str(folder / "tmp"),
        "OPENAI_API_KEY": OWNER["openai"],
        "OPENAI_BASE_URL": vendors.openai_url,
        "ANTHROPIC_API_KEY": OWNER["anthropic"],
        "ANTHROPIC_BASE_URL": vendors.anthropic_url,
        "LLM_HUB_SERVERS": f"keyed={servers.openai_url},free={servers.openai_url}",
        "KEYED_API_KEY": OWNER["keyed"],
        "LLM_HUB_API_KEYS": f"program={OWNER['api']}",
        "LLM_HUB_KEY_MODE": "visitor",
        "LLM_HUB_MAX_RETRIES": "0",
        "LLM_HUB_DATABASE_URL": f"sqlite:///{folder / 'hub.db'}",
    }
    with Site(folder / "log", environment, folder=folder) as site:
        yield site


async def visit(site: Site, replies: Replies, name: str) -> None:
    """Types the keys, asks models that answer and models that fail, everywhere that a visitor can."""
    headers = {TAB_HEADER: secrets.token_urlsafe(32)}
    limits: dict[str, Any] = {"base_url": site.url, "trust_env": False, "timeout": 60.0}
    async with httpx.AsyncClient(**limits, headers=headers, event_hooks={"response": [replies]}) as client:
        config = (await client.get("/config")).json()
        for provider, key in VISITORS[name].items():
            assert (await client.put(f"/visitor/keys/{provider}", content=key)).is_success
            for path in ("nobody", "ollama", provider):
                await client.put(f"/visitor/keys/{path}", content=f"{key} and {key}")
            await client.put(f"/visitor/keys/{provider}", content=key * 60)
            await client.post(f"/visitor/keys/{provider}/test")
        # The streams are read by a client whose hook would wait for their end.
        async with httpx.AsyncClient(**limits, headers=headers) as streams:
            for number, model in enumerate(MODELS):
                for provider in ("openai", "anthropic", "keyed"):
                    tab = Visitor(streams, config)
                    if number % 2:  # the others show the provider's own words
                        for other in ("openai/ok", "keyed/ok", "free/ok"):
                            await tab.run(tab.event("add", "chat-chain-add"), chat_chain_add=other)
                    messages = await tab.ask(f"I am {name}", chat_provider=provider, chat_model=model)
                    replies.texts.append(
                        (f"chat {name} {provider}/{model}", json.dumps([message.message for message in messages]))
                    )
        tab = Visitor(client, config)
        for pair in ((("openai", "ok"), ("free", "ok")), (("openai", "key"), ("keyed", "status-503"))):
            await Visitor(client, config).compare(*pair, prompt=f"I am {name}")
        await tab.run(tab.event("refresh"))
        for path in ("/", "/visitor/keys", "/gradio_api/info", "/health", "/metrics", "/v1/providers", "/v1/usage",
                     "/gradio_api/deep_link?session_hash=x", "/nowhere"):  # fmt: skip
            await client.get(path)
        await client.delete("/visitor/keys/openai")


async def mistake(site: Site, name: str) -> None:
    """Types the keys where models are named: that goes to the provider, but into no log, ledger or list."""
    headers = {TAB_HEADER: secrets.token_urlsafe(32)}
    async with httpx.AsyncClient(base_url=site.url, trust_env=False, timeout=60.0, headers=headers) as client:
        config = (await client.get("/config")).json()
        for provider, key in VISITORS[name].items():
            assert (await client.put(f"/visitor/keys/{provider}", content=key)).is_success
            for target in (provider, "free"):
                await Tab(client, config).ask("Hello", chat_provider=target, chat_model=key)


async def program(site: Site, replies: Replies) -> None:
    """Asks over the API, for the owner."""
    headers = {"authorization": f"Bearer {OWNER['api']}"}
    async with httpx.AsyncClient(
        base_url=site.url, trust_env=False, timeout=60, headers=headers, event_hooks={"response": [replies]}
    ) as client:
        for path in ("/v1/models", "/v1/providers", "/v1/providers/openai", "/v1/usage", "/metrics", "/v1/nowhere"):
            await client.get(path)
        turn = [{"role": "user", "content": "I am owner"}]
        for stream in (True, False):
            for model in MODELS:
                for provider in ("openai", "anthropic", "keyed"):
                    body: dict[str, Any] = {"messages": turn, "model": f"{provider}/{model}", "stream": stream}
                    for path in ("/v1/chat", "/v1/chat/completions"):
                        chain = {"fallback": ["keyed/ok", "free/ok"]} if path == "/v1/chat" else {}
                        await client.post(path, json=body | chain)
        await client.post("/v1/messages", json={"messages": turn, "model": "anthropic/key", "max_tokens": 9})
        wrong = {"authorization": f"Bearer {OWNER['api']}x"}
        await client.post("/v1/chat", json={"messages": [], OWNER["openai"]: 1}, headers=wrong)


async def test_no_key_leaks_into_a_reply_a_log_or_a_file(
    site: Site, fault_servers: tuple[FaultServerThread, FaultServerThread]
) -> None:
    replies = Replies()
    await asyncio.gather(*(visit(site, replies, name) for name in VISITORS), program(site, replies))
    site.stop()
    words = {key.partition("canary")[2][:7] for keys in KEYS.values() for key in keys.values()}
    assert len(words) == sum(map(len, KEYS.values()))

    folder = site.log.parent
    files = [path for path in folder.rglob("*") if path.is_file()]
    written = [(str(path), path.read_bytes().decode("utf-8", "replace")) for path in files]
    assert len(replies.texts) > 200
    assert "answered in" in (folder / "log").read_text()
    leaks = [(where, word) for where, text in (*replies.texts, *written) for word in words if f"canary{word}" in text]
    assert leaks == []
    assert "Traceback" not in (folder / "log").read_text()

    vendors, _ = fault_servers
    exchanges = [
        (exchange, fault_server is vendors) for fault_server in fault_servers for exchange in fault_server.exchanges
    ]
    paid: dict[str, set[str]] = {name: set() for name in KEYS}
    for exchange, is_vendor in exchanges:
        key = exchange.headers.get("authorization", "").removeprefix("Bearer ")
        places = {"openai": ("openai", True), "anthropic": ("anthropic", True), "keyed": ("openai", False)}
        owners = [(name, provider) for name, keys in KEYS.items() for provider, known in keys.items() if known == key]
        assert owners or (key == "none" and not is_vendor), exchange
        for _name, provider in owners:  # every key at its own provider
            assert places[provider] == (exchange.protocol, is_vendor), exchange
        if exchange.method == "POST":  # and for its own payer
            payer = json.dumps(exchange.body).partition("I am ")[2].partition('"')[0]
            paid[payer].add(key)
            assert key == "none" or [name for name, _ in owners] == [payer], exchange
    for name, keys in KEYS.items():
        assert paid[name] == {key for provider, key in keys.items() if provider != "api"} | {"none"}, name


async def test_a_key_of_any_shape_that_is_typed_in_a_wrong_place_is_not_kept(site: Site, tmp_path: Path) -> None:
    environment = {
        **site.environment,
        "LLM_HUB_ALLOWED_HOSTS": "hub.example",  # so that every visitor is a stranger
        **_database(tmp_path),
    }
    with Site(tmp_path / "log", environment, folder=site.folder) as other:
        await asyncio.gather(*(mistake(other, name) for name in VISITORS))
        headers = {"authorization": f"Bearer {OWNER['api']}"}
        async with httpx.AsyncClient(base_url=other.url, trust_env=False, headers=headers) as client:
            paths = ("providers/openai", "providers/anthropic", "providers/keyed", "providers/free", "usage")
            texts = [(await client.get(f"/v1/{path}")).text for path in paths] + [(await client.get("/metrics")).text]
        log = other.log.read_text()
    stored = (tmp_path / "hub.db").read_bytes()
    assert b"/other" in stored
    assert b"canary" not in stored
    assert "canary" not in log
    assert "canary" not in "".join(texts)
    lines = [line for line in log.splitlines() if re.search("llm_hub.requests: (visitor|page) chat", line)]
    assert len(lines) == 2 * sum(map(len, VISITORS.values()))
    assert all("/other " in line for line in lines), lines


async def test_a_vote_holds_no_key(site: Site, tmp_path: Path) -> None:
    """A server that answers whatever it is called by may be asked by a key, and everybody sees the Leaderboard."""
    key, shaped = "oddly!canaryVOTE!0123456789", "sk-canaryVOTE-0123456789"
    with Site(tmp_path / "log", {**site.environment, **_database(tmp_path)}, folder=site.folder) as other:
        headers = {TAB_HEADER: secrets.token_urlsafe(32)}
        async with httpx.AsyncClient(base_url=other.url, trust_env=False, timeout=60.0, headers=headers) as client:
            assert (await client.put("/visitor/keys/openai", content=key)).is_success
            tab = Visitor(client, (await client.get("/config")).json())
            targets = (("free", f"ok?tokens=3&a={key}"), ("free", f"ok?tokens=3&a={shaped}"))
            await tab.compare(*targets, prompt=f"Is {key} a key?", compare_blind=True)
            await tab.run(tab.event("cast"), compare_keep=True)
            assert "Thank you" in (await tab.run(tab.event("refresh"))).text
    with closing(sqlite3.connect(tmp_path / "hub.db")) as database:  # a conversation is its owner's, and kept as typed
        stored = str([database.execute(f"SELECT * FROM {table}").fetchall() for table in ("votes", "contestants")])
    assert "free/ok?tokens=3&a=[key]" in stored
    assert "Is [key] a key?" in stored
    assert "canary" not in stored


def _database(folder: Path) -> dict[str, str]:
    return {"LLM_HUB_DATABASE_URL": f"sqlite:///{folder / 'hub.db'}"}

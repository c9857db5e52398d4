"""The owner's settings on the page, from outside: who can reach them, and on which hubs they exist."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import httpx
import pytest

from llm_hub.api.owner import PATH
from llm_hub.setting_texts import read_env_file
from tests.ui.site import NO_TLS, ROOT, Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

KEY = "sk-owners-0123456789abcd"
FORGED = [
    {"provider": "openai", "key": KEY},
    {"server": "evil", "url": "http://evil.example/v1", "key": KEY},
    {"server": "evil"},
    {"route": "local"},
]
WORDS = ('"elem_id":"keys-owner"', "owner/settings")
"""What of the owner's part would be found on a page that has it."""


def started(folder: Path, **environment: str) -> Site:
    """A hub with a folder of its own for its `.env`."""
    shutil.copy(ROOT / "app.py", folder)
    return Site(folder / "log", environment, folder=folder)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A hub of the owner's alone."""
    folder = tmp_path_factory.mktemp("own")
    with started(folder) as own:
        yield own
    log = (folder / "log").read_text()
    assert "Traceback" not in log, log
    assert KEY not in log


def caller(site: Site, **headers: str) -> httpx.AsyncClient:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.AsyncClient(base_url=site.url, trust_env=False, verify=NO_TLS, headers=named)


@pytest.mark.parametrize(
    "environment",
    [
        {"SPACE_ID": "someone/hub", "LLM_HUB_HOST": "127.0.0.1"},
        {"SPACE_ID": "someone/hub", "LLM_HUB_HOST": "127.0.0.1", "LLM_HUB_KEY_MODE": "owner"},
        {"LLM_HUB_HOST": "0.0.0.0"},
        {"LLM_HUB_ALLOWED_HOSTS": "hub.example"},
        {"LLM_HUB_API_KEYS": "me=0123456789abcdef"},
        {"LLM_HUB_KEY_MODE": "visitor"},
    ],
)
async def test_where_others_may_be_there_is_nothing_to_change(tmp_path: Path, environment: dict[str, str]) -> None:
    with started(tmp_path, **environment) as site:
        async with caller(site) as client:
            for change in FORGED:
                for method in ("PUT", "POST", "PATCH", "DELETE"):
                    assert (await client.request(method, PATH, json=change)).status_code in (404, 405)
            assert (await client.get(PATH)).status_code == 404
            page = (await client.get("/")).text + (await client.get("/config")).text
    assert not [word for word in WORDS if word in page]
    assert not (tmp_path / ".env").exists()
    assert "Traceback" not in (tmp_path / "log").read_text()


@pytest.mark.parametrize(
    "headers",
    [
        {"x_forwarded_for": "203.0.113.9"},
        {"forwarded": "for=203.0.113.9"},
        {"via": "1.1 proxy"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"host": "evil.example"},
    ],
)
async def test_others_are_refused_on_the_owners_hub_too(own: Site, headers: dict[str, str]) -> None:
    async with caller(own, **headers) as client:
        assert (await client.get(PATH)).status_code in (403, 421)
        for change in FORGED:
            reply = await client.put(PATH, json=change)
            assert reply.status_code in (403, 421)
            assert KEY not in reply.text
        preflight = await client.options(PATH, headers={"access-control-request-method": "PUT"})
        assert "access-control-allow-origin" not in preflight.headers
    assert "evil" not in read_env_file(own.folder / ".env").get("LLM_HUB_SERVERS", "")
    assert "OPENAI_API_KEY" not in read_env_file(own.folder / ".env")


@pytest.mark.parametrize(
    "body",
    [b"", b"null", b"[]", b"{}", b"\xff", b'{"provider": "groq", "key": 1}', b'{"provider": "groq"}',
        b'{"route": "local", "more": "x"}', b'{"LLM_HUB_HOST": "0.0.0.0"}', b'{"provider": "HOST", "key": "x"}'],
)  # fmt: skip
async def test_nonsense_is_refused(own: Site, body: bytes) -> None:
    async with caller(own) as client:
        reply = await client.put(PATH, content=body)
    assert reply.status_code == 400
    assert reply.json()["problem"]


async def test_the_owner_can_and_gets_no_key_back(own: Site) -> None:
    async with caller(own, origin=own.url) as client:
        reply = await client.put(PATH, json={"provider": "groq", "key": KEY})
        assert reply.status_code == 200
        listed = await client.get(PATH)
        for answer in (reply, listed, await client.get("/config"), await client.get("/v1/providers/groq")):
            assert KEY[8:] not in answer.text
            assert KEY[:-4] not in answer.text
        assert next(key for key in listed.json()["keys"] if key["name"] == "groq")["last"] == KEY[-4:]
        assert (await client.get("/v1/providers/groq")).json()["ready"] is True
        page = (await client.get("/config")).text
        assert [word for word in WORDS if word in page] == list(WORDS)
    assert listed.headers["cache-control"] == "no-store"
    assert read_env_file(own.folder / ".env")["GROQ_API_KEY"] == KEY

"""The endpoints for visitors' own keys, from outside: who may use them, and how often."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from llm_hub.gateway.visitors import TAB_HEADER

if TYPE_CHECKING:
    import httpx

    from tests.ui.site import Site

KEY = "sk-somebodys-0123456789"


async def test_without_a_tabs_secret_no_key_is_kept(client: httpx.AsyncClient) -> None:
    for secret in ("", "short", "x" * 200, "with space " * 5 + "!"):
        answer = await client.put("/visitor/keys/openai", content=KEY, headers={TAB_HEADER: secret})
        assert answer.status_code == 400
        assert KEY not in answer.text
        assert not any(
            row["held"] for row in (await client.get("/visitor/keys", headers={TAB_HEADER: secret})).json()["providers"]
        )


async def test_another_sites_page_is_refused(client: httpx.AsyncClient) -> None:
    headers = {TAB_HEADER: secrets.token_urlsafe(32), "origin": "https://evil.example"}
    assert (await client.put("/visitor/keys/openai", content=KEY, headers=headers)).status_code == 403
    preflight_headers = {"access-control-request-method": "PUT", "access-control-request-headers": TAB_HEADER}
    preflight = await client.options("/visitor/keys/openai", headers={**headers, **preflight_headers})
    assert "access-control-allow-origin" not in preflight.headers


async def test_a_tab_without_a_key_cannot_test_one(client: httpx.AsyncClient) -> None:
    headers = {TAB_HEADER: secrets.token_urlsafe(32)}
    assert (await client.post("/visitor/keys/openai/test", headers=headers)).status_code == 404


async def test_one_address_can_try_only_so_many_keys(space: Site) -> None:
    import httpx

    async with httpx.AsyncClient(base_url=space.url, trust_env=False) as client:
        headers = {TAB_HEADER: secrets.token_urlsafe(32), "x-forwarded-for": "203.0.114.9"}
        answers = [
            (await client.put("/visitor/keys/groq", content=KEY, headers=headers)).status_code for _ in range(130)
        ]
        assert answers.count(200) < 110
        assert answers[-1] == 429
        headers["x-forwarded-for"] = "203.0.114.10"
        assert (await client.put("/visitor/keys/groq", content=KEY, headers=headers)).status_code == 200

"""A PostgreSQL that cannot be used as its URL says: what is told of it, and what a URL may have."""

from __future__ import annotations

import pytest
from sqlalchemy.engine import make_url

from llm_hub.errors import ConfigurationError
from llm_hub.storage.database import Database
from tests.ui.site import free_port


async def problem(url: str, statement: str = "SELECT 1") -> str:
    """What is told of a statement that fails."""
    database = Database(url)
    with pytest.raises(ConfigurationError) as caught:
        await database.run(lambda connection: connection.exec_driver_sql(statement).close())
    await database.aclose()
    return str(caught.value)


async def test_what_postgresql_says_by_a_code_is_told(postgres: str) -> None:
    url = make_url(postgres)
    stranger = url.set(username="stranger", password="hunter3").render_as_string(hide_password=False)
    told = await problem(stranger)
    assert "refused the password" in told
    assert "hunter3" not in told
    assert "no database of this name" in await problem(
        url.set(database="elsewhere").render_as_string(hide_password=False)
    )
    assert "server cannot be reached" in await problem(url.set(port=free_port()).render_as_string(hide_password=False))
    write = "SET TRANSACTION READ ONLY; CREATE TABLE notes (text TEXT)"
    assert "read-only" in await problem(postgres, f"DO $$ BEGIN {write}; END $$")


@pytest.mark.parametrize("mode", ["disable", "prefer"])
async def test_a_url_as_hosted_servers_give_it_is_taken(postgres: str, mode: str) -> None:
    database = Database(f"{postgres}?sslmode={mode}")
    assert await database.run(lambda connection: connection.exec_driver_sql("SELECT 1").scalar_one()) == 1
    await database.aclose()


async def test_a_server_without_tls_is_not_used_where_the_url_wants_it(postgres: str) -> None:
    assert "cannot be used" in await problem(f"{postgres}?sslmode=require")


@pytest.mark.parametrize(
    ("query", "told"),
    [("sslmode=sure", "sslmode"), ("channel_binding=require", "channel_binding"), ("pool=secret", "pool")],
)
async def test_what_a_url_says_that_nobody_heeds_is_named(
    postgres: str, query: str, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    text = await problem(f"{postgres}?{query}")
    assert text in caplog.text
    assert f"LLM_HUB_DATABASE_URL: {told}" in text
    assert "secret" not in text

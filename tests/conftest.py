"""What every test may ask for: a fault server to run against, and an environment without anybody's keys."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.arena.postgres import Postgres, programs
from tests.fault_server import FaultServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

_FOREIGN = ("OPENAI_", "ANTHROPIC_", "OLLAMA_", "LLM_HUB_", "HF_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


settings.register_profile("unhurried", deadline=None)  # a busy machine is no failure
settings.load_profile("unhurried")


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test with a browser is heavy."""
    for item in items:
        if "browser" in item.fixturenames:  # type: ignore[attr-defined]  # a function's
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.heavy)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the keys, addresses and proxies of the machine it runs on."""
    for name in os.environ:
        if name.upper().startswith(_FOREIGN):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a real PostgreSQL: that which LLM_HUB_TEST_POSTGRES_URL names, or one of the tests' own."""
    if given := os.environ.get("LLM_HUB_TEST_POSTGRES_URL"):
        yield given
        return
    folder = programs()
    if folder is None:
        pytest.skip("There is no PostgreSQL on this machine.")
    with Postgres(folder) as server:
        yield server.url


@pytest.fixture
async def fault_server() -> AsyncIterator[FaultServer]:
    """A fault server of this test's own."""
    async with FaultServer() as fault_server:
        yield fault_server
    if fault_server.errors:
        raise fault_server.errors[0]

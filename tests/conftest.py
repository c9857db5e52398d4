"""What every test may ask for: a wall to run against, and an environment without anybody's keys."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.wall import Wall

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_FOREIGN = ("OPENAI_", "ANTHROPIC_", "OLLAMA_", "LLM_HUB_", "HF_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the keys, addresses and proxies of the machine it runs on."""
    for name in os.environ:
        if name.upper().startswith(_FOREIGN):
            monkeypatch.delenv(name)


@pytest.fixture
async def wall() -> AsyncIterator[Wall]:
    """A fault server of this test's own."""
    async with Wall() as wall:
        yield wall
    if wall.errors:
        raise wall.errors[0]

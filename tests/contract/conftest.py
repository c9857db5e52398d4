"""Every test of the contract runs once for each case that a file in providers/ lists."""

from __future__ import annotations

import importlib
import pkgutil
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract import providers

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from llm_hub.provider import LLMProvider
    from tests.contract.case import Case
    from tests.wall import Exchange, Wall

CASES: list[Case] = [
    case
    for module in pkgutil.iter_modules(providers.__path__)
    for case in importlib.import_module(f"{providers.__name__}.{module.name}").CASES
]


@pytest.fixture(params=CASES, ids=lambda case: case.label)
def case(request: pytest.FixtureRequest) -> Any:
    """One provider under test."""
    return request.param


@pytest.fixture
async def build(case: Case, wall: Wall) -> AsyncIterator[Callable[..., LLMProvider]]:
    """Builds the provider against this test's wall; what was built is closed after the test."""
    async with AsyncExitStack() as stack:

        def built(**options: Any) -> LLMProvider:
            provider = case.build(wall, **options)
            stack.push_async_callback(provider.aclose)
            return provider

        yield built


@pytest.fixture
def provider(build: Callable[..., LLMProvider]) -> LLMProvider:
    """The provider. Silence lasts for as long as a test may, unless the test is about it."""
    return build(read_timeout=30)


@pytest.fixture
def chats(case: Case, wall: Wall) -> Any:
    """The chat requests that the wall has seen so far."""

    def seen() -> list[Exchange]:
        return [exchange for exchange in wall.exchanges if exchange.path == case.chat]

    return seen

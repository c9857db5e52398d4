"""Every test of the contract runs once for each case that a file in providers/ lists."""

from __future__ import annotations

import importlib
import pkgutil
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.router import Health, LLMRouter, Timeouts
from tests.contract import providers
from tests.virtual_time import VirtualTimeLoop

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable, Iterable

    from _pytest.mark import ParameterSet

    from llm_hub.provider import LLMProvider
    from tests.contract.case import Case
    from tests.fault_server import Exchange, FaultServer

CASES: list[Case] = [
    case
    for module in pkgutil.iter_modules(providers.__path__)
    for case in importlib.import_module(f"{providers.__name__}.{module.name}").CASES
]


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The contract is tested in virtual time: silences and timeouts take no real time, however long they are."""
    return {"virtual time": VirtualTimeLoop}


def routed(case: Case) -> Case:
    """The same provider as the only target of a route that does nothing on its own: nobody can tell the difference."""

    def build(fault_server: FaultServer, **options: Any) -> LLMRouter:
        patient = Timeouts(first_token=60, reasoning=60, thinking=60, idle=60, loading=60)
        return LLMRouter(
            case.build(fault_server, **options),
            max_retries=0,
            timeouts=patient,
            health=Health(threshold=10**6),
            resume=False,
        )

    return replace(case, label=f"{case.label}-routed", build=build)


CASES += [routed(case) for case in CASES]


def case_params(condition: Callable[[Case], bool]) -> list[ParameterSet]:
    """The cases that meet a condition, for `parametrize("case", …, indirect=True)`."""
    return [pytest.param(case, id=case.label) for case in CASES if condition(case)]


def case_pairs(values: Iterable[str], condition: Callable[[Case, str], bool]) -> list[ParameterSet]:
    """Every case with every value that it can show, for `parametrize(("case", …), …, indirect=["case"])`."""
    return [
        pytest.param(case, value, id=f"{case.label}-{value}")
        for value in values
        for case in CASES
        if condition(case, value)
    ]


def can_show(case: Case, model: str) -> bool:
    """Whether the case's protocol has that fault."""
    return model not in case.lacks


def has_key(case: Case) -> bool:
    """Whether the case's provider takes an API key."""
    return case.keyed


def speaks_openai(case: Case) -> bool:
    """Whether the case is OpenAI or a compatible server, in either of OpenAI's protocols."""
    return case.name in ("openai", "compatible", "responses")


def speaks_chat_completions(case: Case) -> bool:
    """Whether the case is OpenAI or a compatible server in the older protocol."""
    return speaks_openai(case) and case.chat == "/v1/chat/completions"


@pytest.fixture(params=CASES, ids=lambda case: case.label)
def case(request: pytest.FixtureRequest) -> Any:
    """One provider under test."""
    return request.param


@pytest.fixture
async def build(case: Case, fault_server: FaultServer) -> AsyncIterator[Callable[..., LLMProvider]]:
    """Builds the provider against this test's fault server; what was built is closed after the test."""
    async with AsyncExitStack() as stack:

        def built(**options: Any) -> LLMProvider:
            provider = case.build(fault_server, **options)
            stack.push_async_callback(provider.aclose)
            return provider

        yield built


@pytest.fixture
def provider(build: Callable[..., LLMProvider]) -> LLMProvider:
    """The provider. Silence lasts for as long as a test may, unless the test is about it."""
    return build(read_timeout=30)


@pytest.fixture
def chats(case: Case, fault_server: FaultServer) -> Any:
    """The chat requests that the fault server has seen so far."""

    def seen() -> list[Exchange]:
        return [exchange for exchange in fault_server.exchanges if exchange.path == case.chat]

    return seen

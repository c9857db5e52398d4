"""The list of models comes from the provider, and its absence is an error like any other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from llm_hub.errors import KeyRefused, ProviderError, ServerFailed, StreamBroken

if TYPE_CHECKING:
    from llm_hub.provider import LLMProvider
    from tests.contract.case import Case
    from tests.fault_server import FaultServer


async def test_the_models_are_those_that_the_provider_lists(case: Case, provider: LLMProvider) -> None:
    models = await provider.models()
    names = [model.id for model in models]
    assert "ok" in names
    assert len(set(names)) == len(names)
    assert not any("embedding" in name or "whisper" in name for name in names)
    if case.name == "anthropic":
        fable = next(model for model in models if model.id == "claude-fable-5-2")
        assert (fable.title, fable.context) == ("Claude Fable 5.2", 1_000_000)


async def test_a_list_of_twenty_thousand_models_is_taken(provider: LLMProvider, fault_server: FaultServer) -> None:
    fault_server.lists = "huge"
    assert len(await provider.models()) == 20_000


async def test_rows_of_odd_shapes_do_not_hide_the_good_ones(provider: LLMProvider, fault_server: FaultServer) -> None:
    fault_server.lists = "odd"
    assert "ok" in [model.id for model in await provider.models()]


@pytest.mark.parametrize(
    ("lists", "error"),
    [
        ("absent", ProviderError),
        ("html", StreamBroken),
        ("status-503", ServerFailed),
        ("status-500", ServerFailed),
        ("key", KeyRefused),
        ("no-list", StreamBroken),
        ("nameless", StreamBroken),
        ("error", ServerFailed),
    ],
)
async def test_a_list_that_does_not_come_is_the_right_error(
    case: Case, provider: LLMProvider, fault_server: FaultServer, lists: str, error: type[ProviderError]
) -> None:
    fault_server.lists = lists
    with pytest.raises(error) as caught:
        await provider.models()
    assert caught.value.provider == case.name
    assert len(fault_server.exchanges) == 1


@pytest.mark.parametrize("lists", ["array", "names"])
async def test_lists_of_other_shapes_are_read(provider: LLMProvider, fault_server: FaultServer, lists: str) -> None:
    fault_server.lists = lists
    assert "ok" in [model.id for model in await provider.models()]


@pytest.mark.parametrize("lists", ["empty", "null"])
async def test_an_empty_list_is_an_empty_list_or_says_what_to_do(
    provider: LLMProvider, fault_server: FaultServer, lists: str
) -> None:
    fault_server.lists = lists
    try:
        models = await provider.models()
    except ProviderError as error:
        if not error.hint:
            raise
    else:
        assert models == ()


async def test_giving_up_on_a_slow_list_closes_its_connection(provider: LLMProvider, fault_server: FaultServer) -> None:
    fault_server.lists = "slow"
    task = asyncio.create_task(provider.models())
    exchange = await fault_server.next_exchange(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(exchange.ended(), 1)

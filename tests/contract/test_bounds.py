"""A server that means harm or is out of order costs an error: never the memory, the time or the page of who asks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.chat import Done
from llm_hub.errors import ProviderError, ServerFailed, StreamBroken, TimedOut
from llm_hub.providers import vendor_server
from llm_hub.wire import transport
from llm_hub.wire.decoders import MAX_ANSWER_CHARS
from llm_hub.wire.validation import MAX_NAME_CHARS, MAX_REFUSAL_CHARS, MAX_TOKEN_COUNT
from tests.contract.conftest import can_show, case_params
from tests.contract.test_answers import collect, text_of
from tests.contract.test_failures import attempt
from tests.contract.test_tools import CLOCK, WEATHER
from tests.fault_server import expected_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.chat import LLMResponse
    from llm_hub.provider import LLMProvider
    from tests.contract.case import Case
    from tests.fault_server import Exchange, FaultServer

BOMB = "gzip?text=long&size=30000000"


async def failed(provider: LLMProvider, model: str, **options: Any) -> ProviderError:
    """The failure of one chat."""
    return (await attempt(provider, model, **options))[1]


async def test_nothing_compressed_is_ever_asked_for(provider: LLMProvider, fault_server: FaultServer) -> None:
    await provider.complete("Hello?", "ok")
    await provider.models()
    assert {exchange.headers["accept-encoding"] for exchange in fault_server.exchanges} == {"identity"}


@pytest.mark.parametrize("model", ["gzip", BOMB])
async def test_a_compressed_answer_is_refused_before_it_is_unpacked(provider: LLMProvider, model: str) -> None:
    text, error = await attempt(provider, model)
    assert (text, type(error)) == ("", StreamBroken)
    assert "compressed" in error.message
    assert not error.retryable
    assert error.falls_back


@pytest.mark.parametrize("body", ["gzip", "endless"])
async def test_an_error_whose_words_cannot_be_read_is_that_error(
    provider: LLMProvider, chats: Callable[[], list[Exchange]], body: str
) -> None:
    _, error = await attempt(provider, f"status-503?body={body}&retry-after=7")
    assert (type(error), error.status, error.retry_after) == (ServerFailed, 503, 7.0)
    await asyncio.wait_for(chats()[0].ended(), 5)


async def test_a_text_without_an_end_is_ended(provider: LLMProvider, chats: Callable[[], list[Exchange]]) -> None:
    text, error = await attempt(provider, "endless?text=long&size=20000")
    assert (type(error), error.retryable) == (StreamBroken, False)
    assert "4 million characters" in error.message
    assert MAX_ANSWER_CHARS < len(text) < MAX_ANSWER_CHARS + 2 * 2**20
    await asyncio.wait_for(chats()[0].ended(), 5)


@pytest.mark.parametrize("model", ["endless?of=pings", "endless?text=blank", "endless", "endless?calls=1"])
async def test_a_stream_without_an_end_is_ended_whatever_it_is_made_of(
    provider: LLMProvider, chats: Callable[[], list[Exchange]], monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    monkeypatch.setattr(transport, "MAX_STREAM_BYTES", 2 * 2**20)
    error = await failed(provider, model, tools=(WEATHER, CLOCK) if "calls" in model else ())
    assert type(error) is StreamBroken
    assert "more than 2 MB" in error.message or "more than 1000 tools" in error.message
    await asyncio.wait_for(chats()[0].ended(), 5)


async def test_a_long_answer_is_not_one_without_an_end(provider: LLMProvider) -> None:
    assert text_of(await collect(provider, "ok?text=long&size=3900000")) == expected_text("ok?text=long&size=3900000")


async def last_response(provider: LLMProvider, model: str, **options: Any) -> LLMResponse:
    """The response that ends an answer."""
    last = (await collect(provider, model, **options))[-1]
    assert isinstance(last, Done)
    return last.response


async def test_an_answer_calls_so_many_tools_and_no_more(provider: LLMProvider) -> None:
    response = await last_response(provider, "ok?calls=200", tools=(WEATHER, CLOCK))
    assert len(response.tool_calls) == 200
    error = await failed(provider, "ok?calls=1001", tools=(WEATHER, CLOCK))
    assert type(error) is StreamBroken
    assert "1000 tools" in error.message


async def test_a_name_that_no_model_has_is_cut_and_can_be_printed(provider: LLMProvider) -> None:
    response = await last_response(provider, "strange-name")
    assert len(response.model) == MAX_NAME_CHARS
    assert response.model.isprintable()
    assert response.model.startswith("a??set-cookie: b=c?[2J??gnp.exe")


async def test_a_finish_reason_is_a_word(provider: LLMProvider) -> None:
    response = await last_response(provider, f"ok?finish=moon%0A{'e' * 400}")
    assert response.finish_reason == f"moon?{'e' * 400}"[:MAX_NAME_CHARS]


async def test_a_count_that_no_database_could_keep_is_not_known(provider: LLMProvider) -> None:
    usage = (await last_response(provider, "huge-usage")).usage
    assert usage["completion_tokens"] == 20
    assert all(isinstance(tokens, int) and tokens <= MAX_TOKEN_COUNT for tokens in usage.values())


@pytest.mark.parametrize("case", case_params(lambda case: can_show(case, "refusal")), indirect=True)
async def test_the_words_of_a_refusal_are_bounded(case: Case, provider: LLMProvider) -> None:
    error = await failed(provider, "refusal?tokens=2000")
    assert len(error.detail) == MAX_REFUSAL_CHARS


async def test_a_wait_is_no_longer_than_a_day(provider: LLMProvider) -> None:
    error = await failed(provider, "status-429?retry-after=1e300")
    assert error.retry_after == 86400


@pytest.mark.parametrize("lists", ["endless", "too-many", "gzip"])
async def test_a_list_out_of_bounds_is_an_error_that_says_so(
    provider: LLMProvider, fault_server: FaultServer, lists: str
) -> None:
    fault_server.lists = lists
    with pytest.raises(StreamBroken) as caught:
        await provider.models()
    assert {"endless": "more than 8 MB", "too-many": "more than 20000 models", "gzip": "compressed"}[
        lists
    ] in caught.value.message
    await asyncio.wait_for(fault_server.exchanges[0].ended(), 5)


async def test_a_list_that_comes_byte_by_byte_is_given_up(
    provider: LLMProvider, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vendor_server, "LIST_TIMEOUT", 0.5)
    fault_server.lists = "drip"
    with pytest.raises(TimedOut):
        await provider.models()
    await asyncio.wait_for(fault_server.exchanges[0].ended(), 5)


async def test_models_whose_names_nobody_could_ask_for_are_not_listed(
    provider: LLMProvider, fault_server: FaultServer
) -> None:
    fault_server.lists = "strange"
    models = await provider.models()
    assert "ok" in [model.id for model in models]
    assert all(model.id.isprintable() and len(model.id) <= MAX_NAME_CHARS for model in models)
    assert all(model.title.isprintable() and len(model.title) <= MAX_NAME_CHARS for model in models)

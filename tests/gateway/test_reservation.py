"""What the owner pays for visitors in the worst case: attempts that break off and are paid, and dearer fallbacks."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from llm_hub.chat import ChatRequest, LLMResponse, Message, ModelInfo, Role, Usage
from llm_hub.errors import ConfigurationError, LLMHubError
from llm_hub.factory import ProviderFactory
from llm_hub.gateway.gateway import Gateway
from llm_hub.gateway.policy import VisitorQuotas
from llm_hub.gateway.visitors import TAB_HEADER
from llm_hub.hub import Hub
from llm_hub.provider import LLMProvider
from llm_hub.settings import Settings
from llm_hub.usage.prices import has_fees
from tests.fault_server import FaultServer
from tests.fault_server.log import Exchange
from tests.gateway.test_visitors import OWNER, Connection, Request, a_hub, a_tab, allowed, open_gateway

MAX_ANSWER = 100
"""Tokens of an answer."""


def servers(fault_server: FaultServer, prices: str, more: str = "") -> str:
    """A cheap server and a dear one, both with a key of the owner's."""
    return (
        f"LLM_HUB_SERVERS=cheap={fault_server.openai_url},dear={fault_server.openai_url}\nCHEAP_API_KEY={OWNER}-cheap\n"
        f"DEAR_API_KEY={OWNER}-dear\nLLM_HUB_PRICES={prices}\nLLM_HUB_MAX_RETRIES=1\n{more}"
    )


def allowance(**limits: Any) -> VisitorQuotas:
    return replace(allowed(**limits), max_answer_tokens=MAX_ANSWER)


def cost(exchange: Exchange, cheap: int, dear: int) -> Decimal:
    """What the fault server would write on its bill, in dollars."""
    price = dear if exchange.headers["authorization"].endswith("-dear") else cheap
    return Decimal(exchange.tokens_sent * price) / 1_000_000


async def outcome(gateway: Gateway, address: str, model: str, *fallback: str, tab: str = "") -> str:
    """ "answered", or the words of the error."""
    visitor = Request({TAB_HEADER: tab}, None, Connection({"address": address}))
    request = ChatRequest((Message(Role.USER, "Hello"),), model, fallback=fallback)
    try:
        async for _ in gateway.answer(gateway.visitor(visitor, "chat"), request):
            pass
    except LLMHubError as error:
        return str(error)
    return "answered"


async def at_once(gateway: Gateway, model: str, *fallback: str) -> list[str]:
    """What came of fifty visitors' requests at once."""
    return await asyncio.gather(
        *(outcome(gateway, f"1.2.3.{number}", model, *fallback) for number in range(50))
    )  # fmt: skip


@pytest.mark.parametrize("cheap", [10, 190], ids=["much cheaper", "a little cheaper"])
@pytest.mark.parametrize("broken", ["cut@mid?tokens=120", "error-event@mid?tokens=120", "malformed@last?tokens=60"])
async def test_fifty_answers_that_break_off_and_go_on_dearer_stay_below_the_ceiling(
    tmp_path: Path, fault_server: FaultServer, broken: str, cheap: int
) -> None:
    dear, ceiling = 200, Decimal("0.5")
    async with a_hub(tmp_path, servers(fault_server, f"cheap={cheap}/{cheap},dear={dear}/{dear}")) as hub:
        gateway = open_gateway(hub, owner_pays=True, quotas=allowance(money=str(ceiling)))
        outcomes = await at_once(gateway, f"cheap/{broken}", f"dear/ok?tokens={MAX_ANSWER}&resume=restart")
        spent = sum(cost(exchange, cheap, dear) for exchange in fault_server.exchanges)
        assert ceiling / 5 < spent <= ceiling
        refused = [said for said in outcomes if said != "answered"]
        assert refused
        assert all("The limit of $0.5 a day for all visitors together is reached" in said for said in refused)


async def test_a_further_attempt_that_does_not_fit_is_not_made_and_says_so(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    async with a_hub(tmp_path, servers(fault_server, "cheap=100/100,dear=200/200")) as hub:
        # One attempt at the dear one fits, and no other before it.
        gateway = open_gateway(hub, owner_pays=True, quotas=allowance(money="0.023"))
        said = await outcome(gateway, "1.2.3.4", "cheap/cut@mid?tokens=100", "dear/ok")
        assert said.startswith("No further attempt was made. The limit of $0.023 a day for all visitors")
        assert len(fault_server.exchanges) == 1
        assert await outcome(gateway, "1.2.3.4", "cheap/ok?tokens=5") == "answered"  # the rest is free again


async def test_what_a_provider_refuses_at_once_takes_nothing_of_the_ceiling(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    async with a_hub(tmp_path, servers(fault_server, "cheap=200/200,dear=200/200")) as hub:
        gateway = open_gateway(hub, owner_pays=True, quotas=allowance(money="0.03"))
        for _ in range(3):
            assert await outcome(gateway, "1.2.3.4", "cheap/status-503", "dear/ok?tokens=5") == "answered"


async def test_tokens_hold_over_several_attempts_too(tmp_path: Path, fault_server: FaultServer) -> None:
    async with a_hub(tmp_path, servers(fault_server, "cheap=0/0,dear=0/0")) as hub:
        gateway = open_gateway(hub, owner_pays=True, quotas=allowance(everybody=2000))
        outcomes = await at_once(gateway, "cheap/cut@mid?tokens=40", f"dear/ok?tokens={MAX_ANSWER}")
        assert outcomes.count("answered") < 50  # how many depends on how many first attempts were made at once
        assert 0 < sum(exchange.tokens_sent for exchange in fault_server.exchanges) <= 2000


async def test_an_answer_that_was_counted_without_a_price_is_estimated(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    async with a_hub(tmp_path, servers(fault_server, "cheap=100/100,dear=200/200")) as hub:
        gateway = open_gateway(hub, owner_pays=True, quotas=allowance(money="0.0125"))
        assert await outcome(gateway, "1.2.3.4", "cheap/no-usage?tokens=100") == "answered"
        assert "is reached" in await outcome(gateway, "1.2.3.4", "cheap/ok?tokens=5")


# Prices that nobody knows.


async def test_visitors_are_not_answered_by_a_model_of_unknown_price_for_the_owners_money(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    async with a_hub(tmp_path, servers(fault_server, "cheap/ok=0.1/0.2")) as hub:
        gateway = open_gateway(hub, owner_pays=True, quotas=allowance())
        for chain in (("dear/ok",), ("cheap/ok", "dear/ok")):
            said = await outcome(gateway, "1.2.3.4", *chain)
            assert said.startswith("What dear/ok costs is not known")
            assert "LLM_HUB_PRICES" in said
        assert not fault_server.exchanges
        assert await outcome(gateway, "1.2.3.4", "cheap/ok") == "answered"


async def test_auto_leaves_out_what_visitors_cannot_be_given_for_the_owners_money(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    keys = f"OPENROUTER_API_KEY={OWNER}\nOPENAI_API_KEY={OWNER}\nOPENAI_BASE_URL={fault_server.openai_url}\n"
    async with a_hub(tmp_path, keys) as hub:
        assert hub.session().route == ("openai", "openrouter")
        gateway = open_gateway(hub, owner_pays=True, quotas=allowance(money="1"))
        assert await outcome(gateway, "1.2.3.4", "auto", "auto") == "answered"
        chain = ("openai", "openrouter")  # named by the visitor, it is refused as before
        assert (await outcome(gateway, "1.2.3.4", *chain)).startswith("What openrouter/openrouter/auto costs is not")
    async with a_hub(tmp_path, f"OPENROUTER_API_KEY={OWNER}") as hub:
        gateway = open_gateway(hub, owner_pays=True, quotas=allowance(money="1"))
        assert "costs is not known" in await outcome(gateway, "1.2.3.4", "auto", "auto")


@pytest.mark.parametrize("model", ["gpt-4o-search-preview", "gpt-5-search-api", "o3-deep-research"])
async def test_visitors_are_not_answered_by_a_model_that_takes_fees_beside_its_tokens(
    tmp_path: Path, fault_server: FaultServer, model: str
) -> None:
    openai = f"OPENAI_API_KEY={OWNER}\nOPENAI_BASE_URL={fault_server.openai_url}\n"
    async with a_hub(tmp_path, openai) as hub:
        gateway = open_gateway(hub, owner_pays=True, quotas=allowance(money="1"))
        assert hub.prices.of(LLMResponse("", model, Usage(prompt_tokens=1, completion_tokens=1), "stop", "openai"))
        assert (await outcome(gateway, "1.2.3.4", f"openai/{model}")).startswith(f"What openai/{model} costs is not")
        assert not fault_server.exchanges
        assert await outcome(gateway, "1.2.3.4", "openai/gpt-4o") == "answered"
    async with a_hub(tmp_path, f"{openai}LLM_HUB_PRICES=openai/{model}=50/50") as hub:
        gateway = open_gateway(hub, owner_pays=True, quotas=allowance(money="1"))
        assert await outcome(gateway, "1.2.3.4", f"openai/{model}") == "answered"


def test_research_alone_is_no_fee() -> None:
    assert not has_fees("nousresearch/hermes-4-70b")
    assert has_fees("openai/gpt-5:online")
    assert has_fees("perplexity/sonar-pro")
    assert has_fees("gemini-3-pro-image-preview")


async def test_what_needs_no_key_costs_nothing(tmp_path: Path, fault_server: FaultServer) -> None:
    free = (
        f"LLM_HUB_SERVERS=free={fault_server.openai_url}\n"
        f"OLLAMA_BASE_URL={fault_server.ollama_url}\nOPENAI_API_KEY={OWNER}\n"
    )
    chain = f"OPENAI_BASE_URL={fault_server.openai_url}\nLLM_HUB_PRICES=openai=1/1"
    async with a_hub(tmp_path, free + chain) as hub:
        gateway = open_gateway(hub, owner_pays=True, quotas=allowance(money="0.001"))
        for model in ("free/ok", "ollama/ok"):
            assert await outcome(gateway, "1.2.3.4", model, "openai/ok") == "answered"


async def test_a_visitor_with_a_key_of_their_own_is_asked_for_no_price(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    async with a_hub(tmp_path, servers(fault_server, "cheap=1/1")) as hub:
        gateway = open_gateway(hub, owner_pays=True, quotas=allowance())
        tab = a_tab()
        gateway.visitors.add_key(tab, "dear", "sk-anna-0123456789")
        assert await outcome(gateway, "1.2.3.4", "dear/ok", tab=tab) == "answered"


async def test_the_owners_price_goes_before_the_lists(tmp_path: Path) -> None:
    async with a_hub(tmp_path, "LLM_HUB_PRICES=openai/gpt-5=1/2, anthropic = 3/4.5") as hub:
        used = Usage(prompt_tokens=1_000_000, completion_tokens=1_000_000)
        prices = [hub.prices.of(LLMResponse("", model, used, "stop", name)) for name, model in
                  (("openai", "gpt-5"), ("openai", "gpt-5-mini"), ("anthropic", "whatever"))]  # fmt: skip
        assert prices == [Decimal(3), Decimal("2.25"), Decimal("7.5")]
        assert hub.prices.of(LLMResponse("", "gpt-5", Usage(), "stop", "openai")) is None


@pytest.mark.parametrize(
    "value", ["openai", "openai=", "openai=1", "openai=1/x", "openai=-1/2", "=1/2", "openai=1/nan"]
)
def test_a_price_that_is_none_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: str) -> None:
    monkeypatch.setenv("LLM_HUB_PRICES", value)
    with pytest.raises(ConfigurationError, match="LLM_HUB_PRICES: write it as provider/model=2/10"):
        Settings.load(tmp_path / ".env")


def test_a_price_of_nobodys_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"LLM_HUB_PRICES: There is no provider 'opnai'.* Did you mean openai"):
        Hub(Settings(prices="opnai/x=1/2"))


# What the owner's program has registered.


class Mine(LLMProvider):
    """Needs no key, and is the owner's all the same."""

    name = "mine"
    default_model = "one"

    async def complete(self, *_: Any, **__: Any) -> LLMResponse:
        return LLMResponse("Hello", "one", Usage(prompt_tokens=1, completion_tokens=1), "stop", "mine")

    async def models(self) -> tuple[ModelInfo, ...]:
        return ()


@pytest.mark.parametrize("owner_pays", [True, False])
async def test_a_registered_provider_has_the_limits_of_the_owners_keys(
    tmp_path: Path, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch, owner_pays: bool
) -> None:
    monkeypatch.setitem(ProviderFactory.registered, "mine", Mine)
    async with a_hub(tmp_path, servers(fault_server, "mine=100/100")) as hub:
        gateway = open_gateway(hub, owner_pays=owner_pays, quotas=allowance(requests=2, money="0.0115"))
        tab = a_tab()
        gateway.visitors.add_key(tab, "dear", "sk-anna-0123456789")
        assert await outcome(gateway, "1.2.3.4", "mine") == "answered"
        assert await outcome(gateway, "1.2.3.4", "dear/quota", "mine/one", tab=tab) == "answered"
        assert "2 requests a minute for each visitor" in await outcome(gateway, "1.2.3.4", "mine/one")
        assert "$0.0115 a day" in " ".join(await at_once(gateway, "mine"))


async def test_a_registered_provider_of_no_price_counts_its_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ProviderFactory.registered, "mine", Mine)
    async with a_hub(tmp_path, "") as hub:
        gateway = open_gateway(hub, owner_pays=True, quotas=allowance(everybody=1000))
        outcomes = await at_once(gateway, "mine")
        assert 0 < outcomes.count("answered") < 50

"""Whose key, whose money: visitors' keys reach their own provider and nobody else's, and nobody pays for another."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from llm_hub.access import provider_pool
from llm_hub.access.session import Session
from llm_hub.chat import ChatRequest, Done, LLMResponse, Message, Role, TextDelta
from llm_hub.errors import (
    ConfigurationError,
    InvalidRequest,
    KeyRefused,
    LLMHubError,
    ModelNotFound,
    NotConfigured,
    ProviderError,
    TimedOut,
)
from llm_hub.gateway.gateway import Gateway
from llm_hub.gateway.policy import MAX_VISITOR_ANSWER_TOKENS, Policy, VisitorQuotas
from llm_hub.gateway.visitors import CLOSED_TAB_GRACE, MAX_IDLE_SECONDS, TAB_HEADER, Visitors
from llm_hub.hub import Hub
from llm_hub.providers.catalog import PROVIDERS
from llm_hub.settings import Settings
from llm_hub.usage.limit_errors import LimitReached
from llm_hub.usage.quotas import Quota
from tests.fault_server import FaultServer

OWNER, ANNA, BOB = "sk-owner-0123456789", "sk-anna-0123456789", "sk-bob-0123456789"


@asynccontextmanager
async def a_hub(tmp_path: Path, text: str) -> AsyncIterator[Hub]:
    (tmp_path / ".env").write_text(text)
    hub = Hub(Settings.load(tmp_path / ".env"))
    try:
        yield hub
    finally:
        await hub.aclose()


def openai(fault_server: FaultServer, more: str = "") -> str:
    """The owner's settings, with a key of theirs."""
    prices = "LLM_HUB_PRICES=openai/ok=1/2,openai/ok?tokens=5=1/2,openai/stall@first=1/2"
    return f"OPENAI_API_KEY={OWNER}\nOPENAI_BASE_URL={fault_server.openai_url}\n{prices}\n{more}"


def visitor_session(hub: Hub, keys: Mapping[str, str], *, owner_pays: bool = False, trusted: bool = False) -> Session:
    """The hub as a visitor uses it who typed these keys."""
    return hub.session(keys, owner_pays=owner_pays, trusted=trusted)


async def answer(session: Session, model: str | None, fallback: tuple[str, ...] | None = ()) -> LLMResponse:
    request = ChatRequest((Message(Role.USER, "Hello"),), model, fallback=fallback)
    async with session.answer(request) as (events, _):
        last = [event async for event in events][-1]
    assert isinstance(last, Done)
    return last.response


def open_gateway(
    hub: Hub, *, owner_pays: bool, quotas: VisitorQuotas | None = None, clock: Callable[[], float] = time.monotonic
) -> Gateway:
    """The gateway of a public hub."""
    return Gateway(
        hub,
        Policy(public=True, owner_pays_visitors=owner_pays, visitor_quotas=quotas),
        visitors=Visitors(hub, clock=clock),
        address_of=lambda scope: scope["address"],
    )


def keys_seen(fault_server: FaultServer) -> list[str]:
    return [exchange.headers["authorization"].removeprefix("Bearer ") for exchange in fault_server.exchanges]


# What a visitor's hub is.


async def test_each_visitor_pays_with_their_own_key(tmp_path: Path, fault_server: FaultServer) -> None:
    async with a_hub(tmp_path, openai(fault_server)) as hub:
        anna, bob = visitor_session(hub, {"openai": ANNA}), visitor_session(hub, {"openai": BOB})
        await asyncio.gather(*(answer(one, "openai/ok") for one in (anna, bob, hub.session()) for _ in range(3)))
        assert sorted(keys_seen(fault_server)) == sorted([ANNA, BOB, OWNER] * 3)


async def test_a_visitor_without_a_key_never_uses_the_owners(tmp_path: Path, fault_server: FaultServer) -> None:
    async with a_hub(tmp_path, openai(fault_server, "LLM_HUB_CHAOS=1\nLLM_HUB_ROUTE=openai/ok")) as hub:
        visitor = visitor_session(hub, {})
        states = {state.name: state for state in visitor.providers()}
        assert (states["openai"].ready, states["openai"].problem) == (False, "needs a key: type yours in the tab Keys")
        for model, fallback in (("openai/ok", None), ("auto", None), ("chaos/no-credit", ("openai/ok",))):
            with pytest.raises(LLMHubError):
                await answer(visitor, model, fallback)
        with pytest.raises(ConfigurationError, match=r"OpenAI needs a key\. Type yours in the tab Keys"):
            await visitor.models("openai")
        assert fault_server.exchanges == []


async def test_auto_asks_every_provider_that_the_visitor_has_a_key_for_and_nobody_with_the_owners(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    servers = f"ANTHROPIC_API_KEY={OWNER}\nANTHROPIC_BASE_URL={fault_server.anthropic_url}"
    async with a_hub(tmp_path, openai(fault_server, servers)) as hub:
        assert visitor_session(hub, {}).route == ("local",)
        for owner_pays in (False, True):
            assert visitor_session(hub, {"anthropic": ANNA, "groq": BOB}, owner_pays=owner_pays).route == (
                "anthropic",
                "groq",
            )
            assert visitor_session(hub, {"groq": BOB}, owner_pays=owner_pays).route == ("groq",)
        assert visitor_session(hub, {}, owner_pays=True).route == ("openai", "anthropic")
        visitor = visitor_session(hub, {"anthropic": ANNA}, owner_pays=True)
        assert (await answer(visitor, "auto", None)).provider == "anthropic"
        assert keys_seen(fault_server) == [ANNA]


async def test_a_fallback_stays_with_its_payer(tmp_path: Path, fault_server: FaultServer) -> None:
    servers = f"LLM_HUB_SERVERS=first={fault_server.openai_url},free={fault_server.openai_url}\nFIRST_API_KEY={OWNER}"
    async with a_hub(tmp_path, openai(fault_server, servers)) as hub:
        response = await answer(visitor_session(hub, {"openai": ANNA}), "openai/quota", ("first/ok", "free/ok"))
        assert response.provider == "free"
        assert [attempt.outcome for attempt in response.attempts][-2:] == ["not_configured", "answered"]
        assert keys_seen(fault_server) == [ANNA, "none"]


async def test_where_the_owner_pays_too_a_request_still_has_one_payer(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    async with a_hub(
        tmp_path, openai(fault_server, f"LLM_HUB_SERVERS=first={fault_server.openai_url}\nFIRST_API_KEY={OWNER}")
    ) as hub:
        visitor = visitor_session(hub, {"openai": ANNA, "groq": BOB}, owner_pays=True)
        with pytest.raises(ProviderError, match="None of the 2 models"):
            await answer(visitor, "openai/quota", ("first/ok",))
        assert keys_seen(fault_server) == [ANNA]
        with pytest.raises(ProviderError, match="Groq is not asked with your key"):
            await answer(visitor, "first/quota", ("groq/ok",))
        assert keys_seen(fault_server) == [ANNA, OWNER]


async def test_a_key_is_sent_to_its_own_providers_address_only(tmp_path: Path, fault_server: FaultServer) -> None:
    async with FaultServer() as other:
        servers = f"LLM_HUB_SERVERS=other={other.openai_url}\nOTHER_API_KEY={OWNER}"
        async with a_hub(tmp_path, openai(fault_server, servers)) as hub:
            visitor = visitor_session(hub, {"openai": ANNA, "other": BOB})
            await answer(visitor, "openai/quota", ("other/ok",))
            assert (keys_seen(fault_server), keys_seen(other)) == ([ANNA], [BOB])


async def test_a_refused_key_pauses_nobody_else(tmp_path: Path, fault_server: FaultServer) -> None:
    async with a_hub(tmp_path, openai(fault_server)) as hub:
        anna, bob = visitor_session(hub, {"openai": "sk-refused-0123456789"}), visitor_session(hub, {"openai": BOB})
        for _ in range(4):
            with pytest.raises(KeyRefused):
                await answer(anna, "openai/ok")
        assert (await answer(bob, "openai/ok")).attempts[-1].outcome == "answered"
        assert (await answer(hub.session(), "openai/ok")).attempts[-1].outcome == "answered"
        assert anna.targets()[0].paused is not None
        assert [state.paused for one in (bob, hub.session()) for state in one.targets()] == [None, None]


async def test_a_model_that_one_key_may_not_use_is_open_to_another(tmp_path: Path, fault_server: FaultServer) -> None:
    async with a_hub(tmp_path, openai(fault_server, "LLM_HUB_SERVERS=free=" + fault_server.openai_url)) as hub:
        anna, bob = visitor_session(hub, {"openai": ANNA}), visitor_session(hub, {"openai": BOB})
        with pytest.raises(ModelNotFound):
            await answer(anna, "openai/unknown?times=1")
        assert (await answer(bob, "openai/unknown?times=1")).provider == "openai"


async def test_what_a_provider_caused_is_everybodys_and_no_visitor_ends_it(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    async with a_hub(tmp_path, openai(fault_server, "LLM_HUB_MAX_RETRIES=0")) as hub:
        anna, bob = visitor_session(hub, {"openai": ANNA}), visitor_session(hub, {"openai": BOB})
        await answer(bob, "openai/status-503?times=0")
        for _ in range(3):
            with pytest.raises(ProviderError):
                await answer(anna, "openai/status-503?times=4")
        assert anna.targets()[0].paused is not None
        anna.try_now("openai/status-503?times=4")
        assert anna.targets()[0].paused is not None
        trusted = visitor_session(hub, {"openai": ANNA}, trusted=True)
        trusted.try_now("openai/status-503?times=4")
        assert anna.targets()[0].paused is None


async def test_a_visitor_ends_what_their_own_key_caused(tmp_path: Path, fault_server: FaultServer) -> None:
    async with a_hub(tmp_path, openai(fault_server)) as hub:
        anna = visitor_session(hub, {"openai": ANNA})
        with pytest.raises(ProviderError):
            await answer(anna, "openai/quota?times=1")
        assert anna.targets()[0].paused is not None
        anna.try_now("openai/quota?times=1")
        assert anna.targets()[0].paused is None


async def test_nobody_sees_what_others_asked_with_their_keys(tmp_path: Path, fault_server: FaultServer) -> None:
    async with a_hub(tmp_path, openai(fault_server, f"LLM_HUB_SERVERS=free={fault_server.openai_url}")) as hub:
        anna, bob = visitor_session(hub, {"openai": ANNA}), visitor_session(hub, {"openai": BOB})
        await answer(anna, "openai/ok?tokens=3")
        await answer(hub.session(), "openai/ok?tokens=4")
        await answer(anna, "free/ok?tokens=5")
        await bob.models("free")
        await answer(bob, "free/ok")
        with pytest.raises(NotConfigured):
            await answer(visitor_session(hub, {}), "openai/what-a-visitor-typed")
        assert [state.name for state in anna.targets()] == ["free/ok", "openai/ok?tokens=3"]
        assert [state.name for state in bob.targets()] == ["free/ok"]
        assert [state.name for state in hub.session().targets()] == [
            "free/ok",
            "free/ok?tokens=5",
            "openai/ok?tokens=4",
        ]


async def test_a_list_of_models_is_that_keys(tmp_path: Path, fault_server: FaultServer) -> None:
    async with a_hub(tmp_path, openai(fault_server)) as hub:
        anna, bob = visitor_session(hub, {"openai": ANNA}), visitor_session(hub, {"openai": BOB})
        assert await anna.models("openai") == await anna.models("openai")
        assert anna.last_models("openai")
        assert bob.last_models("openai") == hub.session().last_models("openai") == ()
        await bob.models("openai")
        assert keys_seen(fault_server) == [ANNA, BOB]


async def test_who_holds_the_same_key_shares_the_provider(tmp_path: Path, fault_server: FaultServer) -> None:
    async with a_hub(tmp_path, openai(fault_server)) as hub:
        for _ in range(3):
            await answer(visitor_session(hub, {"openai": ANNA}), "openai/ok")
        assert {exchange.connection for exchange in fault_server.exchanges} == {1}


async def test_a_key_that_is_taken_away_closes_its_connections_but_no_running_answer(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    async with a_hub(tmp_path, openai(fault_server)) as hub:
        anna = visitor_session(hub, {"openai": ANNA})
        request = ChatRequest((Message(Role.USER, "Hello"),), "openai/ok?tokens=40&rate=200", fallback=())
        async with anna.answer(request) as (events, _):
            async for event in events:
                if isinstance(event, TextDelta):
                    break
            hub.forget("openai", ANNA)
            assert isinstance([event async for event in events][-1], Done)
        await asyncio.wait_for(fault_server.until_alone(), 20)


async def test_only_so_many_keys_are_kept_open(
    tmp_path: Path, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider_pool, "MAX_VISITOR_PROVIDERS", 2)
    async with a_hub(tmp_path, openai(fault_server)) as hub:
        for key in (ANNA, BOB, f"{ANNA}-too", f"{BOB}-too"):
            await answer(visitor_session(hub, {"openai": key}), "openai/ok")
        await asyncio.wait_for(fault_server.exchanges.until(lambda _: len(fault_server._connections) <= 2), 20)


async def test_a_refusal_that_echoes_the_key_does_not_show_it(tmp_path: Path, fault_server: FaultServer) -> None:
    key = "oddly-shaped-refused-key"
    async with a_hub(tmp_path, openai(fault_server)) as hub:
        visitor = visitor_session(hub, {"openai": key})
        for call in (answer(visitor, "openai/ok"), visitor.models("openai", fresh=True)):
            with pytest.raises(KeyRefused) as refused:
                await call
            assert key not in f"{refused.value} {refused.value.detail} {refused.value.attempts!r}"
        assert key not in repr([vars(visitor), visitor.targets()])


# Who the visitors are.


@dataclass
class Connection:
    """Starlette's request, as far as limits look at it."""

    scope: dict[str, Any]


@dataclass
class Request:
    """As Gradio hands one to a handler."""

    headers: Mapping[str, str]
    session_hash: str | None = "session"
    request: Connection | None = None


def a_tab() -> str:
    return secrets.token_urlsafe(32)


@pytest.fixture
async def gateway(tmp_path: Path, fault_server: FaultServer) -> AsyncIterator[Gateway]:
    async with a_hub(tmp_path, openai(fault_server)) as hub:
        yield open_gateway(hub, owner_pays=False)


def is_ready(gateway: Gateway, tab: str, session: str = "session") -> bool:
    session_of_tab = gateway.session(Request({TAB_HEADER: tab}, session))
    return next(state.ready for state in session_of_tab.providers() if state.name == "openai")


async def test_a_tab_has_its_own_keys_and_sees_their_last_four(gateway: Gateway) -> None:
    anna, bob = a_tab(), a_tab()
    gateway.visitors.add_key(anna, "openai", f" {ANNA}\n")
    assert (is_ready(gateway, anna), is_ready(gateway, bob)) == (True, False)
    assert (gateway.visitors.key_endings(anna), gateway.visitors.key_endings(bob)) == ({"openai": "6789"}, {})
    gateway.visitors.add_key(anna, "groq", "short")
    assert gateway.visitors.key_endings(anna)["groq"] == ""
    gateway.visitors.remove_key(anna, "openai")
    assert not is_ready(gateway, anna)
    assert ANNA not in repr(vars(gateway.visitors))


@pytest.mark.parametrize(
    ("tab", "provider", "key"),
    [
        ("guess", "openai", ANNA),
        ("x" * 5000, "openai", ANNA),
        ("", "openai", ANNA),
        ("A" * 43, "ollama", ANNA),
        ("A" * 43, "nobody", ANNA),
        ("A" * 43, "openai", ""),
        ("A" * 43, "openai", "two words"),
        ("A" * 43, "openai", "line\nbreak"),
        ("A" * 43, "openai", "schlüssel"),
        ("A" * 43, "openai", "x" * 513),
    ],
)
async def test_what_cannot_be_kept_is_refused_and_not_shown(
    gateway: Gateway, tab: str, provider: str, key: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        gateway.visitors.add_key(tab, provider, key)
    assert not key or key not in str(refused.value)
    assert gateway.visitors.key_endings(tab) == {}


async def test_keys_go_with_the_tab_or_after_hours_of_silence(tmp_path: Path, fault_server: FaultServer) -> None:
    now = [0.0]
    async with a_hub(tmp_path, openai(fault_server)) as hub:
        gateway = open_gateway(hub, owner_pays=False, clock=lambda: now[0])
        closed, lost, silent = a_tab(), a_tab(), a_tab()
        for tab in (closed, lost, silent):
            gateway.visitors.add_key(tab, "openai", ANNA)
            assert is_ready(gateway, tab, f"session of {tab}")
        await gateway.visitors.leave(f"session of {closed}")
        await gateway.visitors.leave(f"session of {lost}")
        now[0] = CLOSED_TAB_GRACE - 1
        assert is_ready(gateway, lost)  # its connection is back
        now[0] = CLOSED_TAB_GRACE
        gateway.visitors.sweep()
        assert [is_ready(gateway, tab) for tab in (closed, lost, silent)] == [False, True, True]
        now[0] += MAX_IDLE_SECONDS
        gateway.visitors.sweep()
        assert ANNA not in repr(vars(gateway.visitors))
        assert len(gateway.visitors._tabs) == len(gateway.visitors._sessions) == 0


async def test_who_signs_in_with_hugging_face_pays_with_their_own_account(
    tmp_path: Path, fault_server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PROVIDERS, "huggingface", replace(PROVIDERS["huggingface"], base_url=fault_server.openai_url))
    signed_in = {"oauth_info": {"access_token": "hf_oauth_anna", "expires_at": 2e10}}
    over = {"oauth_info": {"access_token": "hf_oauth_bob", "expires_at": 1.0}}
    async with a_hub(tmp_path, openai(fault_server, f"HF_TOKEN={OWNER}")) as hub:
        gateway = open_gateway(hub, owner_pays=False)
        tab = a_tab()

        def as_visitor(session: dict[str, Any], tab: str) -> Session:
            return gateway.session(Request({TAB_HEADER: tab}, "session", Connection({"session": session})))

        await answer(as_visitor(signed_in, tab), "huggingface/ok")
        assert gateway.visitors.is_signed_in(tab)
        for session, other in ((over, a_tab()), ({}, a_tab()), (signed_in, "no tab of ours")):
            with pytest.raises(NotConfigured):
                await answer(as_visitor(session, other), "huggingface/ok")
        gateway.visitors.add_key(tab, "huggingface", ANNA)
        await answer(as_visitor(signed_in, tab), "huggingface/ok")
        gateway.visitors.remove_key(tab, "huggingface")
        with pytest.raises(NotConfigured):  # signed out
            await answer(as_visitor({}, tab), "huggingface/ok")
        assert keys_seen(fault_server) == ["hf_oauth_anna", ANNA]
        gateway.visitors.sweep()
        await asyncio.wait_for(fault_server.until_alone(), 20)


# What the owner pays for visitors.


def allowed(*, requests: int = 1000, tokens: int = 10**9, everybody: int = 10**9, money: str = "1000") -> VisitorQuotas:
    each = Quota(requests=requests, tokens=tokens, whose="each visitor")
    together = Quota(tokens=everybody, money=Decimal(money), whose="all visitors together")
    return VisitorQuotas(each, together)


async def ask(
    gateway: Gateway,
    address: str = "1.2.3.4",
    model: str = "openai/ok?tokens=5",
    tab: str = "",
    fallback: tuple[str, ...] = (),
    prompt: str = "Hello",
) -> str:
    """What came of a request: "answered", or the words of the limit."""
    visitor = Request({TAB_HEADER: tab}, None, Connection({"address": address}))
    request = ChatRequest((Message(Role.USER, prompt),), model, fallback=fallback)
    try:
        last = [event async for event in gateway.answer(gateway.visitor(visitor, "chat"), request)][-1]
    except (LimitReached, InvalidRequest) as error:
        return str(error)
    assert isinstance(last, Done)
    return "answered"


async def test_each_visitor_has_a_limit_that_holds_for_fifty_at_once(tmp_path: Path, fault_server: FaultServer) -> None:
    async with a_hub(tmp_path, openai(fault_server)) as hub:
        gateway = open_gateway(hub, owner_pays=True, quotas=allowed(requests=7))
        outcomes = await asyncio.gather(*(ask(gateway) for _ in range(50)))
        assert outcomes.count("answered") == len(fault_server.exchanges) == 7
        assert "The limit of 7 requests a minute for each visitor is reached" in next(
            said for said in outcomes if said != "answered"
        )
        assert await ask(gateway, "1.2.3.5") == "answered"


@pytest.mark.parametrize("allowance", [{"everybody": 10 * MAX_VISITOR_ANSWER_TOKENS}, {"money": "0.02"}])
async def test_the_ceiling_of_a_day_holds_for_fifty_at_once(
    tmp_path: Path, fault_server: FaultServer, allowance: dict[str, Any]
) -> None:
    model = "openai/gpt-6-luna"
    async with a_hub(tmp_path, openai(fault_server)) as hub:
        gateway = open_gateway(hub, owner_pays=True, quotas=allowed(**allowance))
        outcomes = await asyncio.gather(*(ask(gateway, f"1.2.3.{number}", model) for number in range(50)))
        assert 0 < outcomes.count("answered") == len(fault_server.exchanges) < 50
        assert all(
            exchange.body["max_completion_tokens"] == MAX_VISITOR_ANSWER_TOKENS for exchange in fault_server.exchanges
        )
        assert "all visitors together" in next(said for said in outcomes if said != "answered")
        # What was reserved and not used is there again.
        assert await ask(gateway, model=model) == "answered"


async def test_what_is_free_first_may_become_as_dear_as_the_dearest_of_its_route(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    async with a_hub(tmp_path, openai(fault_server, f"LLM_HUB_SERVERS=free={fault_server.openai_url}")) as hub:
        gateway = open_gateway(hub, owner_pays=True, quotas=allowed(money="0.50"))
        chain = {"model": "free/status-503", "fallback": ("openai/gpt-5-pro",)}
        outcomes = await asyncio.gather(*(ask(gateway, f"1.2.3.{number}", **chain) for number in range(50)))  # type: ignore[arg-type]
        assert outcomes.count("answered") == 1  # of $0.49 at most each
        assert [exchange.headers["authorization"] for exchange in fault_server.exchanges].count(f"Bearer {OWNER}") == 1


async def test_what_a_model_thought_before_it_was_left_uses_the_owners_money_too(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    async with a_hub(tmp_path, openai(fault_server, "LLM_HUB_THINKING_TIMEOUT=1")) as hub:
        gateway = open_gateway(hub, owner_pays=True, quotas=allowed(tokens=MAX_VISITOR_ANSWER_TOKENS + 50))
        with pytest.raises(TimedOut):
            await ask(gateway, model="openai/stall@first")
        assert "tokens are left" in await ask(gateway)


async def test_a_prompt_of_another_script_is_not_cheaper_than_it_is(tmp_path: Path, fault_server: FaultServer) -> None:
    async with a_hub(tmp_path, openai(fault_server)) as hub:
        gateway = open_gateway(hub, owner_pays=True, quotas=allowed(tokens=MAX_VISITOR_ANSWER_TOKENS + 1000))
        assert "more than the limit of 5,096 tokens" in await ask(gateway, prompt="\u6f22" * 2000)
        assert not fault_server.exchanges


async def test_a_request_that_alone_may_cost_more_than_the_ceiling_is_not_made(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    async with a_hub(tmp_path, openai(fault_server)) as hub:
        gateway = open_gateway(hub, owner_pays=True, quotas=allowed(money="0.4"))
        assert "more than the limit of $0.4 a day for all visitors together" in await ask(
            gateway, model="openai/gpt-5-pro"
        )
        assert not fault_server.exchanges
        assert await ask(gateway) == "answered"


async def test_who_pays_alone_or_costs_nothing_has_no_limit_of_the_owners(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    async with a_hub(tmp_path, openai(fault_server, f"LLM_HUB_SERVERS=free={fault_server.openai_url}")) as hub:
        gateway = open_gateway(hub, owner_pays=True, quotas=allowed(requests=1))
        tab = a_tab()
        gateway.visitors.add_key(tab, "openai", ANNA)
        assert [await ask(gateway, tab=tab) for _ in range(3)] == ["answered"] * 3
        assert [await ask(gateway, model="free/ok") for _ in range(3)] == ["answered"] * 3
        assert keys_seen(fault_server) == [ANNA] * 3 + ["none"] * 3
        assert await ask(gateway) == "answered"
        assert await ask(gateway) != "answered"


@pytest.mark.parametrize(
    ("settings", "owner_pays"),
    [
        ({}, True),
        ({"host": "0.0.0.0"}, False),
        ({"host": "192.168.1.5"}, False),
        ({"host": "::"}, False),
        ({"host": "127.0.0.2"}, True),
        ({"allowed_hosts": "hub.example.com"}, False),
        ({"host": "0.0.0.0", "key_mode": "owner"}, True),
        ({"key_mode": "visitor"}, False),
    ],
)
def test_the_owner_pays_for_others_only_where_they_say_so(settings: dict[str, Any], owner_pays: bool) -> None:
    assert Settings(**settings).owner_pays is owner_pays


def test_on_a_space_everybody_pays_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "somebody/hub")
    assert not Settings(host="127.0.0.1").owner_pays

"""The hub: one door to every provider, and plain words where one cannot be used."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from llm_hub.access.configured_providers import ConfiguredProviders
from llm_hub.access.session import MAX_LIST_AGE, Session
from llm_hub.chat import ChatRequest, Done, LLMResponse, Message, Role, Tool
from llm_hub.errors import ConfigurationError, ConnectionFailed, ModelNotFound, NotConfigured, ProviderError
from llm_hub.hub import Hub
from llm_hub.providers.catalog import PROVIDERS
from llm_hub.providers.llamacpp.offered_models import OFFERED_MODELS
from llm_hub.settings import Settings
from tests.fault_server import FaultServer


@asynccontextmanager
async def open_session(tmp_path: Path, text: str, clock: Callable[[], float] = lambda: 0.0) -> AsyncIterator[Session]:
    """The owner's session of a hub with these settings."""
    (tmp_path / ".env").write_text(text)
    hub = Hub(Settings.load(tmp_path / ".env"), clock=clock)
    try:
        yield hub.session()
    finally:
        await hub.aclose()


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for row in PROVIDERS.values():
        for name in (*row.key, *row.url):
            monkeypatch.delenv(name, raising=False)


async def answer(session: Session, model: str | None, fallback: tuple[str, ...] | None = None) -> LLMResponse:
    request = ChatRequest((Message(Role.USER, "Hello"),), model, fallback=fallback)
    async with session.answer(request) as (events, _):
        last = [event async for event in events][-1]
    assert isinstance(last, Done)
    return last.response


async def test_a_provider_without_a_key_is_listed_and_says_so(tmp_path: Path) -> None:
    async with open_session(tmp_path, "") as session:
        states = {state.name: state for state in session.providers()}
        assert list(states) == [name for name in PROVIDERS if name != "chaos"]
        assert (states["openai"].ready, states["openai"].problem) == (False, "needs a key: set OPENAI_API_KEY")
        assert states["ollama"].ready
        assert session.default_provider == "local"
        with pytest.raises(NotConfigured, match=r"OpenAI needs a key\. Set OPENAI_API_KEY"):
            await answer(session, "openai/gpt-6-luna")


async def test_a_missing_key_is_the_cause_also_where_the_request_has_tools(tmp_path: Path) -> None:
    tools = ChatRequest((Message(Role.USER, "Hello"),), "openai", tools=(Tool("add", "Adds", {}),), fallback=())
    async with open_session(tmp_path, "") as session, session.answer(tools) as (events, _):
        with pytest.raises(NotConfigured, match=r"OpenAI needs a key\. Set OPENAI_API_KEY"):
            [event async for event in events]


async def test_a_broken_key_is_named_and_never_shown(tmp_path: Path) -> None:
    async with open_session(
        tmp_path, 'OPENAI_API_KEY="sk-secret123\nsk-secret456"\nOPENAI_BASE_URL=ftp://x'
    ) as session:
        problem = next(state.problem for state in session.providers() if state.name == "openai")
        assert "OPENAI_API_KEY contains a line break" in problem
        assert "secret" not in problem


async def test_a_broken_base_url_is_named(tmp_path: Path) -> None:
    async with open_session(tmp_path, "OPENAI_API_KEY=sk-1234\nOPENAI_BASE_URL=ftp://x") as session:
        problem = next(state.problem for state in session.providers() if state.name == "openai")
        assert "OPENAI_BASE_URL is not a web address" in problem


async def test_the_first_provider_with_a_key_is_the_default(tmp_path: Path) -> None:
    async with (
        FaultServer() as fault_server,
        open_session(tmp_path, f"GROQ_API_KEY=gsk_test\nOLLAMA_HOST={fault_server.url}") as session,
    ):
        assert session.default_provider == "groq"


@pytest.mark.parametrize(
    ("settings", "route"),
    [
        ("", ["local"]),
        ("GROQ_API_KEY=gsk_test", ["groq"]),
        ("XAI_API_KEY=k-1234\nOPENAI_API_KEY=k-1234\nANTHROPIC_API_KEY=k-1234", ["openai", "anthropic", "xai"]),
        ("LLM_HUB_CHAOS=1\nLLM_HUB_SERVERS=gpu=http://127.0.0.1:1/v1\nGPU_API_KEY=k-1234", ["gpu"]),
        ("LLM_HUB_SERVERS=gpu=http://127.0.0.1:1/v1\nGROQ_API_KEY=gsk_test", ["groq", "gpu"]),
        ("OLLAMA_HOST=127.0.0.1", ["ollama"]),
        ("OLLAMA_BASE_URL=http://127.0.0.1:1\nGROQ_API_KEY=gsk_test", ["groq", "ollama"]),
        ("OPENAI_API_KEY=k-1234\nOPENAI_BASE_URL=ftp://x\nGROQ_API_KEY=gsk_test", ["groq"]),
        ('OPENAI_API_KEY="k-1\n2"\nGROQ_API_KEY=gsk_test', ["groq"]),
        ("OPENAI_API_KEY=k-1234\nGROQ_API_KEY=gsk_test\nLLM_HUB_ROUTE=groq/x", ["groq/x"]),
    ],
)
async def test_auto_asks_every_provider_that_can_be_asked(tmp_path: Path, settings: str, route: list[str]) -> None:
    async with open_session(tmp_path, settings) as session:
        assert list(session.route) == route
        assert session.fallback == (("groq/x",) if "ROUTE" in settings else ())


def three_keys(fault_server: FaultServer) -> str:
    """Three configured providers, all of which are the fault server; it refuses the key of the first."""
    openai, anthropic = fault_server.openai_url, fault_server.anthropic_url
    return (
        f"OPENAI_API_KEY=k-refused\nOPENAI_BASE_URL={openai}\nANTHROPIC_API_KEY=k-anthropic\n"
        f"ANTHROPIC_BASE_URL={anthropic}\nOLLAMA_BASE_URL={fault_server.ollama_url}"
    )


async def test_a_chosen_model_is_followed_by_nobody_unless_somebody_says_so(tmp_path: Path) -> None:
    async with FaultServer() as fault_server, open_session(tmp_path, three_keys(fault_server)) as session:
        with pytest.raises(ProviderError):
            await answer(session, "openai")
        assert len(fault_server.exchanges) == 1
        assert (await answer(session, "openai", ("auto",))).provider == "anthropic"


async def test_where_the_first_key_is_refused_auto_goes_on_with_the_next(tmp_path: Path) -> None:
    async with FaultServer() as fault_server, open_session(tmp_path, three_keys(fault_server)) as session:
        response = await answer(session, "auto")
        assert [(attempt.provider, attempt.outcome) for attempt in response.attempts] == [
            ("openai", "key_refused"),
            ("anthropic", "answered"),
        ]
        assert len(fault_server.exchanges) == 2


async def test_a_default_model_that_was_chosen_is_not_asked_a_second_time_as_a_part_of_auto(tmp_path: Path) -> None:
    async with FaultServer() as fault_server, open_session(tmp_path, three_keys(fault_server)) as session:
        request = ChatRequest((Message(Role.USER, "Hello"),), "anthropic/claude-haiku-5-5", fallback=("auto",))
        assert session.route_of(request).targets == ("anthropic/claude-haiku-5-5", "openai", "ollama")


async def test_a_model_is_asked_at_its_provider(tmp_path: Path) -> None:
    async with (
        FaultServer() as fault_server,
        open_session(tmp_path, f"OPENAI_API_KEY=k-1234\nOPENAI_BASE_URL={fault_server.openai_url}") as session,
    ):
        response = await answer(session, "openai/ok?tokens=5")
        assert (response.provider, response.model) == ("openai", "ok?tokens=5")
        assert fault_server.exchanges[0].headers["authorization"] == "Bearer k-1234"


async def test_a_name_alone_means_the_default_model_and_more_slashes_are_the_models(tmp_path: Path) -> None:
    async with (
        FaultServer() as fault_server,
        open_session(tmp_path, f"LLM_HUB_SERVERS=mine={fault_server.openai_url}") as session,
    ):
        with pytest.raises(ProviderError, match="does not know the model org/ok"):
            await answer(session, "mine/org/ok")
        assert fault_server.exchanges[0].model == "org/ok"


async def test_auto_asks_a_server_from_the_settings_with_the_first_model_that_it_lists(tmp_path: Path) -> None:
    async with (
        FaultServer() as fault_server,
        open_session(tmp_path, f"LLM_HUB_SERVERS=mine={fault_server.openai_url}") as session,
    ):
        fault_server.lists = "names"
        for name in ("auto", "auto", "mine"):
            response = await answer(session, name)
            assert (response.provider, response.attempts[0].model) == ("mine", "ok")
        paths = [exchange.path for exchange in fault_server.exchanges]
        assert paths == ["/v1/models", *["/v1/chat/completions"] * 3]


async def test_a_server_whose_first_model_is_gone_is_asked_for_its_list_again(tmp_path: Path) -> None:
    async with (
        FaultServer() as fault_server,
        open_session(tmp_path, f"LLM_HUB_SERVERS=mine={fault_server.openai_url}") as session,
    ):
        fault_server.lists = "empty"
        with pytest.raises(ProviderError, match="lists no model"):
            await answer(session, "auto")
        fault_server.lists = "retired"
        with pytest.raises(ProviderError, match="does not know the model retired-1b"):
            await answer(session, "auto")
        fault_server.lists = "names"
        assert (await answer(session, "auto")).attempts[0].model == "ok"


async def test_a_server_from_the_settings_gets_its_own_key_and_no_other(tmp_path: Path) -> None:
    async with FaultServer() as fault_server:
        text = f"LLM_HUB_SERVERS=my-gpu={fault_server.openai_url}\nMY_GPU_API_KEY=k-5678\nOPENAI_API_KEY=sk-1234"
        async with open_session(tmp_path, text) as session:
            await answer(session, "my-gpu/ok")
        assert fault_server.exchanges[0].headers["authorization"] == "Bearer k-5678"


async def test_a_server_without_a_key_gets_none(tmp_path: Path) -> None:
    async with (
        FaultServer() as fault_server,
        open_session(tmp_path, f"LLM_HUB_SERVERS=gpu={fault_server.openai_url}\nOPENAI_API_KEY=sk-1234") as session,
    ):
        await answer(session, "gpu/ok")
        assert fault_server.exchanges[0].headers["authorization"] == "Bearer none"


@pytest.mark.parametrize("model", ["gpt-6-luna", "nobody/some-model", "auto/x"])
async def test_an_unknown_provider_is_answered_with_the_known_ones(tmp_path: Path, model: str) -> None:
    async with open_session(tmp_path, "") as session:
        with pytest.raises(ConfigurationError, match="There is no provider"):
            await answer(session, model)


@pytest.mark.parametrize(("setting", "name"), [("LLM_HUB_SERVERS=gpu=", "gpu"), ("OPENAI_BASE_URL=", "openai")])
async def test_the_query_of_an_address_goes_with_each_request(
    tmp_path: Path, fault_server: FaultServer, setting: str, name: str
) -> None:
    lines = f"{setting}{fault_server.openai_url}/?api-version=preview\nOPENAI_API_KEY=sk-any"
    async with open_session(tmp_path, lines) as session:
        await answer(session, f"{name}/ok")
        await session.models(name)
    assert {exchange.path for exchange in fault_server.exchanges} == {"/v1/chat/completions", "/v1/models"}
    assert {exchange.query for exchange in fault_server.exchanges} == {"api-version=preview"}


async def test_an_older_address_of_azures_is_one_deployment_with_its_key_in_another_header(
    tmp_path: Path, fault_server: FaultServer
) -> None:
    address = fault_server.openai_url.removesuffix("/v1") + "/openai/deployments/ok"
    lines = f"LLM_HUB_SERVERS=azure={address}/chat/completions?api-version=2024-10-21\nAZURE_API_KEY=sk-any-0123"
    async with open_session(tmp_path, lines) as session:
        assert [info.id for info in await session.models("azure")] == ["ok"]
        for model in "azure", "azure/ok":
            assert (await answer(session, model)).content
    for exchange in fault_server.exchanges:
        assert (exchange.query, exchange.model) == ("api-version=2024-10-21", "ok")
        assert exchange.headers["api-key"] == "sk-any-0123"
        assert "authorization" not in exchange.headers


@pytest.mark.parametrize("end", ["?key=sk-secret-0123456789abcdef", "#a-secret-0123456789", "?k=1</script>", "?"])
async def test_a_servers_address_has_no_key_and_no_other_end(tmp_path: Path, end: str) -> None:
    with pytest.raises(ConfigurationError, match=r"LLM_HUB_SERVERS: mine (has|goes on)") as refused:
        async with open_session(tmp_path, f"LLM_HUB_SERVERS='mine=http://127.0.0.1:1/v1{end}'"):
            pass
    assert "secret" not in str(refused.value)


async def test_a_server_may_not_take_a_known_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="LLM_HUB_SERVERS: the name openai is taken"):
        async with open_session(tmp_path, "LLM_HUB_SERVERS=openai=http://127.0.0.1:1/v1"):
            pass


async def test_a_list_of_models_is_asked_once_in_ten_minutes(tmp_path: Path) -> None:
    now = [0.0]
    async with FaultServer() as fault_server:
        text = f"OLLAMA_BASE_URL={fault_server.ollama_url}"
        async with open_session(tmp_path, text, clock=lambda: now[0]) as session:
            assert await session.models("ollama") == await session.models("ollama")
            assert len(fault_server.exchanges) == 1
            now[0] = MAX_LIST_AGE
            await session.models("ollama")
            assert len(fault_server.exchanges) == 2


@pytest.mark.parametrize("setting", ["", "OLLAMA_BASE_URL=http://127.0.0.1:1"])
async def test_a_server_where_nobody_answers_is_absent_unless_the_settings_name_it(
    setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = replace(PROVIDERS["ollama"], base_url="http://127.0.0.1:1")
    monkeypatch.setitem(PROVIDERS, "ollama", nowhere)
    async with open_session(tmp_path, setting) as session:
        with pytest.raises(ConnectionFailed):
            await session.models("ollama")
        [ollama] = [state for state in session.providers() if state.name == "ollama"]
        assert ollama.list_problem
        assert ollama.is_absent is not bool(setting)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:11434"),
        ("0.0.0.0:8000", "http://127.0.0.1:8000"),
        ("http://gpu:9000", "http://gpu:9000"),
        ("http://gpu", "http://gpu:11434"),
    ],
)
def test_ollamas_own_setting_is_understood(tmp_path: Path, host: str, url: str) -> None:
    (tmp_path / ".env").write_text(f"OLLAMA_HOST={host}")
    assert ConfiguredProviders(Settings.load(tmp_path / ".env")).options("ollama")["base_url"] == url


async def test_a_chosen_model_that_fails_is_followed_by_the_configured_route(tmp_path: Path) -> None:
    async with FaultServer() as fault_server:
        text = f"OPENAI_API_KEY=k-1234\nOPENAI_BASE_URL={fault_server.openai_url}\nLLM_HUB_ROUTE=anthropic/x, openai/ok"
        async with open_session(tmp_path, text) as session:
            response = await answer(session, "openai/quota")
            assert (response.provider, response.model) == ("openai", "ok")
            assert response.attempts[0].outcome == "quota_exhausted"


async def test_a_request_may_bring_its_own_fallbacks_or_none(tmp_path: Path) -> None:
    async with FaultServer() as fault_server:
        text = f"LLM_HUB_SERVERS=one={fault_server.openai_url},two={fault_server.openai_url}\nLLM_HUB_ROUTE=two/ok"
        async with open_session(tmp_path, text) as session:
            with pytest.raises(ModelNotFound):
                await answer(session, "one/unknown", ())
            assert (await answer(session, "one/unknown", ("two/ok?tokens=3",))).model == "ok?tokens=3"
            assert (await answer(session, "auto")).provider == "two"
            assert [state.name for state in session.targets()] == ["one/unknown", "two/ok", "two/ok?tokens=3"]
            assert session.targets()[0].paused is not None
            session.try_now("one/unknown")
            assert session.targets()[0].paused is None


async def test_a_route_that_names_nobody_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="LLM_HUB_ROUTE: There is no provider 'opena1'"):
        async with open_session(tmp_path, "LLM_HUB_ROUTE=opena1/gpt-6-luna"):
            pass


def response(provider: str, model: str, **usage: int) -> LLMResponse:
    return LLMResponse("x", model, usage, "stop", provider)  # type: ignore[arg-type]


async def test_a_price_is_known_unknown_or_nothing(tmp_path: Path) -> None:
    async with open_session(tmp_path, "LLM_HUB_SERVERS=gpu=http://127.0.0.1:1/v1") as session:
        known = session.prices.of(response("openai", "gpt-6-luna", prompt_tokens=1000, completion_tokens=100))
        cached = response("openai", "gpt-6-luna", prompt_tokens=1000, completion_tokens=100, cached_tokens=900)
        assert known is not None
        assert known > 0
        assert (session.prices.of(cached) or known) < known
        assert session.prices.of(response("openai", "no-such-model", prompt_tokens=1, completion_tokens=1)) is None
        assert session.prices.of(response("openai", "gpt-6-luna")) is None
        assert session.prices.of(response("gpu", "gpt-6-luna", prompt_tokens=1, completion_tokens=1)) is None
        assert session.prices.of(response("local", "anything")) == Decimal(0)
        assert session.prices.of(response("huggingface", "a/b", prompt_tokens=1, completion_tokens=1)) is None


def downloads(tmp_path: Path, text: str, *, trusted: bool = True) -> list[str] | None:
    """The names of the embedded models that a caller may download."""
    (tmp_path / ".env").write_text(text)
    offered = Hub(Settings.load(tmp_path / ".env")).session(trusted=trusted).downloads
    return [model.id for model in offered.models] if offered else None


def test_embedded_models_are_offered_to_the_owner_and_to_strangers_only_if_the_settings_say_so(tmp_path: Path) -> None:
    assert downloads(tmp_path, "") == [model.id for model in OFFERED_MODELS]
    assert downloads(tmp_path, "", trusted=False) is None
    assert downloads(tmp_path, "LLM_HUB_HOST=0.0.0.0") is None
    assert downloads(tmp_path, "LLM_HUB_HOST=0.0.0.0\nLLM_HUB_LOCAL_DOWNLOADS=true", trusted=False)
    assert downloads(tmp_path, "LLM_HUB_LOCAL_DOWNLOADS=false") is None


def test_the_embedded_model_of_the_settings_is_not_offered_once_more(tmp_path: Path) -> None:
    model = OFFERED_MODELS[1]
    text = f"LLM_HUB_LOCAL_MODEL={model.file.address}"
    assert downloads(tmp_path, text) == [other.id for other in OFFERED_MODELS if other is not model]

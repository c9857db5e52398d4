"""What the owner changes on the page: it is written to `.env`, and in force at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from llm_hub.access.session import Session
from llm_hub.chat import ChatRequest, Done, LLMResponse, Message, Role, TextDelta
from llm_hub.errors import ConfigurationError, KeyRefused, NotConfigured
from llm_hub.gateway.owner_settings import OwnerSettings
from llm_hub.gateway.policy import Policy
from llm_hub.hub import Hub
from llm_hub.redaction import Redactor
from llm_hub.setting_texts import read_env_file
from llm_hub.settings import Settings
from llm_hub.usage.counters import Counters
from tests.fault_server import FaultServer

OLD, NEW = "sk-old-0123456789abcdef", "sk-new-0123456789abcdef"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SPACE_ID", "OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", *Settings.names()):
        monkeypatch.delenv(name, raising=False)


class Owner:
    """A hub, and its owner at the page. `session` is one that was opened at the start, as the hub's own are."""

    def __init__(self, file: Path) -> None:
        self.file = file
        settings = Settings.load(file)
        self.hub = Hub(settings)
        self.session: Session = self.hub.session()
        self.redactor = Redactor()
        self.settings = OwnerSettings(self.hub, settings, self.redactor)

    async def ask(self, model: str = "openai/ok") -> LLMResponse:
        request = ChatRequest((Message(Role.USER, "Hello"),), model)
        async with self.session.answer(request) as (events, _):
            async for event in events:
                if isinstance(event, Done):
                    return event.response
        raise AssertionError("It ended without an answer.")

    def saved(self) -> dict[str, str]:
        return {name: value for name, value in read_env_file(self.file).items() if value}


@pytest.fixture
async def owner(tmp_path: Path, fault_server: FaultServer) -> AsyncIterator[Owner]:
    file = tmp_path / ".env"
    file.write_text(f"# mine\nOPENAI_BASE_URL={fault_server.openai_url}\nLLM_HUB_MAX_RETRIES=0\n")
    owner = Owner(file)
    yield owner
    await owner.hub.aclose()


def keys_sent(fault_server: FaultServer) -> list[str]:
    return [exchange.headers["authorization"].removeprefix("Bearer ") for exchange in fault_server.exchanges]


async def test_a_key_is_used_by_the_next_question(owner: Owner, fault_server: FaultServer) -> None:
    with pytest.raises(NotConfigured, match="OpenAI needs a key"):
        await owner.ask()
    await owner.settings.set_key("openai", f" {OLD}\n")
    assert (await owner.ask()).provider == "openai"
    await owner.settings.set_key("openai", NEW)
    await owner.ask()
    assert keys_sent(fault_server) == [OLD, NEW]
    assert owner.saved()["OPENAI_API_KEY"] == NEW
    assert owner.file.read_text().startswith("# mine\nOPENAI_BASE_URL=")
    assert owner.file.stat().st_mode & 0o777 == 0o600
    await owner.settings.set_key("openai", "")
    both = r"Set OPENAI_API_KEY in \.env and start again, or enter it in the page's tab Keys\."
    with pytest.raises(NotConfigured, match=rf"OpenAI needs a key\. {both}"):
        await owner.ask()
    assert "OPENAI_API_KEY" not in owner.saved()


async def test_a_refused_key_is_not_paused_any_more_once_it_is_another(owner: Owner) -> None:
    await owner.settings.set_key("openai", "sk-refused-0123456789")
    for _ in range(2):
        with pytest.raises(KeyRefused):
            await owner.ask()
    await owner.settings.set_key("openai", NEW)
    assert (await owner.ask()).content


async def test_an_answer_that_is_being_written_goes_on(owner: Owner, fault_server: FaultServer) -> None:
    await owner.settings.set_key("openai", OLD)
    request = ChatRequest((Message(Role.USER, "Hello"),), "openai/ok?tokens=20&rate=100")
    texts: list[str] = []
    pool = owner.hub._shared.pool
    async with owner.session.answer(request) as (events, _):
        before = pool.find("openai")

        def is_open() -> bool:
            return before is not None and before.provider is not None

        async for event in events:
            if isinstance(event, TextDelta) and not texts:
                await owner.settings.set_key("openai", NEW)
                await owner.ask()
                assert pool.find("openai") is not before
            if isinstance(event, TextDelta):
                texts.append(event.text)
        assert is_open()
    assert not is_open()  # nobody needs it any more
    assert len("".join(texts).split()) == 20
    assert keys_sent(fault_server) == [OLD, NEW]


async def test_a_key_is_never_shown_or_logged(owner: Owner) -> None:
    await owner.settings.set_key("openai", NEW)
    key = next(key for key in owner.settings.provider_keys() if key.provider == "openai")
    assert (key.is_set, key.ending, key.is_fixed) == (True, NEW[-4:], False)
    assert NEW not in repr(owner.settings.provider_keys())
    assert NEW not in owner.redactor(f"the key {NEW} was refused")


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "ä", "x" * 600])
async def test_what_is_no_key_is_refused_and_nothing_is_written(owner: Owner, key: str) -> None:
    before = owner.file.read_bytes()
    with pytest.raises(ConfigurationError, match="The key for OpenAI") as caught:
        await owner.settings.set_key("openai", key)
    assert key not in str(caught.value)
    assert owner.file.read_bytes() == before


@pytest.mark.parametrize("provider", ["nobody", "ollama", "local", "chaos", "LLM_HUB_HOST"])
async def test_only_providers_that_take_a_key_get_one(owner: Owner, provider: str) -> None:
    with pytest.raises(ConfigurationError, match="takes no key"):
        await owner.settings.set_key(provider, NEW)


@pytest.mark.parametrize("value", [OLD, ""])
async def test_what_the_environment_sets_is_not_changed_here(
    owner: Owner, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", value)
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY is set in the environment"):
        await owner.settings.set_key("openai", NEW)
    assert "OPENAI_API_KEY" not in owner.saved()
    assert next(key for key in owner.settings.provider_keys() if key.provider == "openai").is_fixed


async def test_a_key_that_has_two_names_is_removed_under_both(owner: Owner) -> None:
    owner.file.write_text(f"GEMINI_API_KEY=\nGOOGLE_API_KEY={OLD}\n")
    owner = Owner(owner.file)
    await owner.settings.set_key("gemini", NEW)
    assert owner.saved() == {"GOOGLE_API_KEY": NEW}
    await owner.settings.set_key("gemini", "")
    assert owner.saved() == {}


async def test_a_server_can_be_asked_at_once_with_its_key(owner: Owner, fault_server: FaultServer) -> None:
    await owner.settings.set_server("Studio", f"{fault_server.openai_url}/chat/completions")
    assert (await owner.ask("studio/ok")).provider == "studio"
    await owner.settings.set_server("studio", fault_server.openai_url, NEW)
    await owner.ask("studio/ok")
    await owner.settings.set_server("studio", fault_server.openai_url)  # the same: its key is kept
    await owner.ask("studio/ok")
    assert keys_sent(fault_server) == ["none", NEW, NEW]
    assert owner.saved()["LLM_HUB_SERVERS"] == f"studio={fault_server.openai_url}"
    await owner.settings.remove_server("studio")
    assert not owner.session.has_provider("studio")
    assert owner.saved().keys().isdisjoint({"LLM_HUB_SERVERS", "STUDIO_API_KEY"})


async def test_a_servers_key_goes_to_no_other_address(owner: Owner, fault_server: FaultServer) -> None:
    await owner.settings.set_server("studio", "http://127.0.0.1:9/v1", OLD)
    await owner.settings.set_server("studio", fault_server.openai_url)
    await owner.ask("studio/ok")
    assert keys_sent(fault_server) == ["none"]
    assert "STUDIO_API_KEY" not in owner.saved()


async def test_several_keys_of_a_server_go_to_no_other_address_and_leave_with_it(
    owner: Owner, fault_server: FaultServer
) -> None:
    await owner.settings.set_server("studio", "http://127.0.0.1:9/v1")
    owner.file.write_text(f"{owner.file.read_text()}\nSTUDIO_API_KEYS={OLD},{NEW}\n")
    await owner.settings.set_server("studio", fault_server.openai_url)
    await owner.ask("studio/ok")
    assert keys_sent(fault_server) == ["none"]
    owner.file.write_text(f"{owner.file.read_text()}\nSTUDIO_API_KEYS={OLD},{NEW}\n")
    await owner.settings.remove_server("studio")
    assert "STUDIO_API_KEYS" not in owner.saved()


async def test_a_server_takes_no_variable_that_is_set_for_something_else(owner: Owner) -> None:
    owner.file.write_text(f"{owner.file.read_text()}STUDIO_API_KEY={OLD}\n")
    with pytest.raises(ConfigurationError, match="STUDIO_API_KEY, which is set already"):
        await owner.settings.set_server("studio", "http://127.0.0.1:9/v1", NEW)
    assert owner.saved()["STUDIO_API_KEY"] == OLD


async def test_a_server_that_was_added_to_the_file_meanwhile_is_kept(owner: Owner) -> None:
    owner.file.write_text(f"{owner.file.read_text()}LLM_HUB_SERVERS=mine=http://127.0.0.1:9/v1\n")
    await owner.settings.set_server("studio", "http://127.0.0.1:8/v1")
    assert owner.settings.servers() == {"mine": "http://127.0.0.1:9/v1", "studio": "http://127.0.0.1:8/v1"}


async def test_two_changes_at_once_are_both_made(owner: Owner) -> None:
    await asyncio.gather(*(owner.settings.set_server(f"s{number}", "http://127.0.0.1:9/v1") for number in range(5)))
    assert list(owner.settings.servers()) == [f"s{number}" for number in range(5)]


@pytest.mark.parametrize(
    ("name", "url", "told"),
    [
        ("", "http://127.0.0.1:9/v1", "cannot be a server's name"),
        ("a b", "http://127.0.0.1:9/v1", "cannot be a server's name"),
        ("x\nLLM_HUB_HOST", "http://127.0.0.1:9/v1", "cannot be a server's name"),
        ("ü", "http://127.0.0.1:9/v1", "cannot be a server's name"),
        ("openai", "http://127.0.0.1:9/v1", "which is that of openai|name openai is taken"),
        ("local", "http://127.0.0.1:9/v1", "name local is taken"),
        ("google", "http://127.0.0.1:9/v1", "GOOGLE_API_KEY, which is that of gemini"),
        ("studio", "", "not a web address"),
        ("studio", "ftp://127.0.0.1", "not a web address"),
        ("studio", "http://a/v1,b=http://b/v1", "has a comma"),
        ("studio", "http://a/${HOME}", "has a comma or a \\$"),
        ("studio", "http://me:secret@a/v1", "contains a user name or password"),
        ("studio", "http://127.0.0.1:7860/v1", "address of this hub"),
    ],
)
async def test_what_is_no_server_is_refused_and_nothing_is_written(
    owner: Owner, name: str, url: str, told: str
) -> None:
    before = owner.file.read_bytes()
    with pytest.raises(ConfigurationError, match=told):
        await owner.settings.set_server(name, url, NEW)
    assert owner.file.read_bytes() == before
    assert owner.settings.servers() == {}


async def test_the_route_is_what_automatic_asks_from_then_on(owner: Owner, fault_server: FaultServer) -> None:
    await owner.settings.set_key("openai", NEW)
    await owner.settings.set_route("openai/500, openai/ok?tokens=3")
    assert (await owner.ask("auto")).model.startswith("ok")
    assert ",".join(owner.session.fallback) == "openai/500,openai/ok?tokens=3"
    await owner.settings.set_route("")
    assert not owner.session.fallback
    assert "LLM_HUB_ROUTE" not in owner.saved()


async def test_what_a_change_does_not_concern_stays_open(owner: Owner) -> None:
    await owner.settings.set_key("openai", NEW)
    await owner.ask()
    pool = owner.hub._shared.pool
    before, local = pool.find("openai"), pool.open("local")
    await owner.settings.set_route("openai/ok")
    await owner.settings.set_key("groq", OLD)
    assert (pool.find("openai"), pool.find("local")) == (before, local)


@pytest.mark.parametrize(
    "route", ["nobody/x", "auto", ",", "openai/a, opnai/b", "openai/$HOME", "openai/\x1b", "x" * 3000]
)
async def test_what_is_no_route_is_refused_and_nothing_is_written(owner: Owner, route: str) -> None:
    before = owner.file.read_bytes()
    with pytest.raises(ConfigurationError):
        await owner.settings.set_route(route)
    assert owner.file.read_bytes() == before


async def test_a_server_that_the_route_asks_stays(owner: Owner) -> None:
    await owner.settings.set_server("studio", "http://127.0.0.1:9/v1")
    await owner.settings.set_route("studio/x, local")
    with pytest.raises(ConfigurationError, match="The route asks studio"):
        await owner.settings.remove_server("studio")
    assert owner.session.has_provider("studio")


async def test_settings_that_somebody_broke_in_the_file_meanwhile_change_nothing(owner: Owner) -> None:
    owner.file.write_text("LLM_HUB_MAX_RETRIES=many\n")
    with pytest.raises(ConfigurationError, match="LLM_HUB_MAX_RETRIES"):
        await owner.settings.set_key("openai", NEW)
    assert owner.file.read_text() == "LLM_HUB_MAX_RETRIES=many\n"
    assert not owner.hub.configured.owner_key("openai")


@pytest.mark.parametrize(
    ("text", "is_there"),
    [
        ("", True),
        ("LLM_HUB_HOST=localhost", True),
        ("LLM_HUB_HOST=0.0.0.0", False),
        ("LLM_HUB_ALLOWED_HOSTS=hub.example", False),
        ("LLM_HUB_API_KEYS=me=0123456789abcdef", False),
        ("LLM_HUB_KEY_MODE=visitor", False),
        ("LLM_HUB_KEY_MODE=owner\nLLM_HUB_HOST=0.0.0.0", False),
    ],
)
async def test_only_a_hub_of_the_owners_alone_has_them(tmp_path: Path, text: str, *, is_there: bool) -> None:
    (tmp_path / ".env").write_text(text)
    settings = Settings.load(tmp_path / ".env")
    policy = Policy.from_settings(settings, Counters(""))
    assert (OwnerSettings.of_owner_alone(Hub(settings), policy, settings, None) is not None) == is_there


async def test_a_space_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "someone/hub")
    monkeypatch.setenv("LLM_HUB_HOST", "127.0.0.1")
    settings = Settings.load(tmp_path / ".env")
    policy = Policy.from_settings(settings, Counters(""))
    assert OwnerSettings.of_owner_alone(Hub(settings), policy, settings, None) is None

"""What went wrong is said by the error's class, with who and which model, and without anybody's key."""

from __future__ import annotations

import traceback
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.chat import ChatRequest, TextDelta
from llm_hub.errors import (
    ConfigurationError,
    ConnectionFailed,
    ContentRejected,
    InvalidRequest,
    KeyRefused,
    ModelNotFound,
    NotConfigured,
    PromptTooLong,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    ServerFailed,
    StreamBroken,
    TimedOut,
)
from tests.contract.case import KEY
from tests.contract.conftest import (
    CASES,
    can_show,
    case_pairs,
    case_params,
    has_key,
    speaks_chat_completions,
    speaks_openai,
)
from tests.contract.test_answers import user
from tests.fault_server import answer_text, expected_text
from tests.fault_server.faults import MOMENTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.provider import LLMProvider
    from tests.contract.case import Case
    from tests.fault_server import Exchange, FaultServer

STATUSES: dict[int, type[ProviderError]] = {
    400: InvalidRequest, 401: KeyRefused, 402: QuotaExhausted, 403: KeyRefused, 404: ModelNotFound, 405:
    InvalidRequest, 408: ServerFailed, 409: InvalidRequest, 413: PromptTooLong, 415: InvalidRequest, 418:
    InvalidRequest, 422: InvalidRequest, 425: ServerFailed, 429: RateLimited, 498: ServerFailed, 500: ServerFailed,
    501: ServerFailed, 502: ServerFailed, 503: ServerFailed, 504: ServerFailed, 520: ServerFailed, 529:
    ServerFailed,
}  # fmt: skip
FAILS: dict[str, type[ProviderError]] = {
    "cut@headers": ConnectionFailed,
    "close@headers": ConnectionFailed,
    "stall@headers": TimedOut,
    **{f"cut@{moment}": StreamBroken for moment in MOMENTS[1:6]},
    **{f"close@{moment}": StreamBroken for moment in MOMENTS[1:6]},
    **{f"close@{moment}?framing=chunked": StreamBroken for moment in MOMENTS[1:6]},
    **{f"stall@{moment}": TimedOut for moment in MOMENTS[1:6]},
    **{f"malformed@{moment}": StreamBroken for moment in MOMENTS[1:6]},
    **{f"not-an-object@{moment}": StreamBroken for moment in MOMENTS[1:6]},
    **{f"error-event@{moment}": ServerFailed for moment in MOMENTS[1:6]},
    "null-data": StreamBroken,
    "html": StreamBroken,
    "no-finish": StreamBroken,
    "short-body": StreamBroken,
    "gzip": StreamBroken,
    "error-event?code=rate_limit_error": RateLimited,
    "error-event?shape=vllm": ServerFailed,
    "error-event?shape=openrouter": ServerFailed,
    "error-event?shape=bare": ServerFailed,
    "error-event?shape=text": ServerFailed,
    "endless-line@one": StreamBroken,
    "redirect": StreamBroken,
    "refusal": ContentRejected,
    "content-filter": ContentRejected,
    "quota": QuotaExhausted,
    "key": KeyRefused,
    "unknown": ModelNotFound,
    "context": PromptTooLong,
    "policy": ContentRejected,
    "bad-request": InvalidRequest,
    "no-such-model": ModelNotFound,
    **{f"status-{status}": error for status, error in STATUSES.items()},
    **{f"status-{status}?body={body}": STATUSES[status]
       for status in (400, 401, 429, 502, 503) for body in ("html", "empty", "text")},
    **{f"status-404?body={body}": NotConfigured for body in ("html", "empty", "text")},  # no API is at the address
}  # fmt: skip


async def attempt(provider: LLMProvider, model: str, **options: Any) -> tuple[str, ProviderError]:
    """The text that came before the failure, and the failure."""
    pieces: list[str] = []

    async def read() -> None:
        async with aclosing(provider.events(ChatRequest(user(), model, **options))) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    pieces.append(event.text)  # noqa: PERF401  # the pieces before the failure are wanted too

    with pytest.raises(ProviderError) as caught:
        await read()
    return "".join(pieces), caught.value


@pytest.mark.parametrize(
    ("case", "model"),
    case_pairs(
        sorted(FAILS.keys() | {model for case in CASES for model in case.fails}),
        lambda case, model: can_show(case, model) and (model in FAILS or model in case.fails),
    ),
    indirect=["case"],
)
async def test_a_failure_is_the_right_error_after_no_needless_request(
    case: Case, build: Callable[..., LLMProvider], chats: Callable[[], list[Exchange]], model: str
) -> None:
    silent = model.startswith("stall") or model == "no-done"
    text, error = await attempt(build(read_timeout=0.2 if silent else 30), model)
    assert type(error) is {**FAILS, **case.differs, **case.fails}[model]
    assert (error.provider, error.model) == (case.name, model)
    assert model != "html" or "web page" in error.message
    assert expected_text(model).startswith(text)
    # Asked again without what is optional, if there is any: chat completions have `stream_options`.
    names_nothing = type(error) is InvalidRequest and error.falls_back
    assert len(chats()) == (2 if names_nothing and speaks_chat_completions(case) else 1)
    assert str(error)
    assert "<" not in str(error)
    assert len(error.detail) <= 301


@pytest.mark.parametrize("fault", ["close", "stall", "malformed", "error-event"])
@pytest.mark.parametrize(("moment", "tokens"), [("first", 0), ("one", 1), ("mid", 10), ("last", 19), ("terminal", 20)])
async def test_text_that_came_before_a_failure_is_handed_on(
    build: Callable[..., LLMProvider], fault: str, moment: str, tokens: int
) -> None:
    text, _ = await attempt(build(read_timeout=0.2 if fault == "stall" else 30), f"{fault}@{moment}")
    assert text == answer_text(tokens)


async def test_complete_raises_what_stream_raises(provider: LLMProvider) -> None:
    for model in ("cut@mid", "status-503", "no-finish", "error-event"):
        with pytest.raises(FAILS.get(model) or FAILS[f"{model}@mid"]):
            await provider.complete("Hello?", model)
        with pytest.raises(FAILS.get(model) or FAILS[f"{model}@mid"]):
            async for _ in provider.stream("Hello?", model):
                pass


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("retry-after=60", 60.0), ("retry-after=1.5", 1.5), ("retry-after=0", 0.0), ("retry-after=-1", None),
        ("retry-after=nan", None), ("retry-after=soon", None), ("retry-after=999999999", 86_400.0),
        ("retry-after-ms=250", 0.25), ("retry-after=7&retry-after-ms=250", 0.25),
        ("retry-after=Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    ],
)  # fmt: skip
async def test_retry_after_is_read_in_all_its_shapes(provider: LLMProvider, header: str, seconds: float | None) -> None:
    for status in (429, 503):
        _, error = await attempt(provider, f"status-{status}?{header}")
        assert error.retry_after == seconds


async def test_a_refused_connection_is_a_connection_failure(
    case: Case, provider: LLMProvider, fault_server: FaultServer
) -> None:
    await fault_server.__aexit__()
    _, error = await attempt(provider, "ok")
    assert type(error) is ConnectionFailed
    assert (error.provider, error.model) == (case.name, "ok")


async def test_an_outage_is_a_connection_failure_and_its_end_is_seen(
    provider: LLMProvider, fault_server: FaultServer
) -> None:
    assert (await provider.complete("Hello?", "ok")).content == answer_text()
    fault_server.down = True
    for _ in range(2):
        _, error = await attempt(provider, "ok")
        assert type(error) is ConnectionFailed
    fault_server.down = False
    assert (await provider.complete("Hello?", "ok")).content == answer_text()


async def test_a_connection_that_the_server_closed_meanwhile_is_not_an_error(
    provider: LLMProvider, fault_server: FaultServer
) -> None:
    """Servers close idle connections. The next chat opens a new one."""
    assert (await provider.complete("Hello?", "ok")).content == answer_text()
    fault_server.close_idle()
    await fault_server.until_alone()
    assert (await provider.complete("Hello?", "ok")).content == answer_text()


REFUSED_KEYS = ["sk-refused-0123456789abcdef", "refused+with/odd=signs", "AIzarefused-0123456789012345678901"]


def everything_said(error: BaseException) -> str:
    """What any log, traceback or debugger page could show of an error and its causes."""
    said = "".join(traceback.format_exception(error))
    cause: BaseException | None = error
    seen: set[int] = set()
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        said += f"{cause!s}{cause!r}{cause.args!r}{getattr(cause, 'detail', '')}{getattr(cause, 'hint', '')}"
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return said


@pytest.mark.parametrize("key", REFUSED_KEYS)
@pytest.mark.parametrize("case", case_params(has_key), indirect=True)
async def test_a_refused_key_is_in_no_words_of_the_error(
    case: Case, build: Callable[..., LLMProvider], key: str
) -> None:
    provider = build(api_key=key)
    _, error = await attempt(provider, "ok")
    assert type(error) is KeyRefused
    assert error.detail
    assert key not in everything_said(error)
    with pytest.raises(KeyRefused) as caught:
        await provider.models()
    assert key not in everything_said(caught.value)
    assert key not in repr(provider)


@pytest.mark.parametrize(
    ("case", "model"),
    case_pairs(["malformed", "not-an-object", "html", "cut@mid", "status-500", "error-event", "refusal"], can_show),
    indirect=["case"],
)
async def test_an_error_is_not_its_own_cause(case: Case, provider: LLMProvider, model: str) -> None:
    """Whoever walks along the causes of an error must come to an end."""
    _, error = await attempt(provider, model)
    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None:
        assert cause not in seen
        seen.append(cause)
        cause = cause.__cause__ or cause.__context__


@pytest.mark.parametrize("model", ["status-500", "cut@mid", "malformed", "close@headers", "bad-request"])
async def test_no_failure_shows_the_key(case: Case, provider: LLMProvider, model: str) -> None:
    _, error = await attempt(provider, model)
    assert KEY not in everything_said(error)


@pytest.mark.parametrize(
    "key",
    ["", "  ", "sk-\nabc", "sk-abc\r\nx-injected: 1", "sk-ключ", "sk-\u200babc", "sk a b", "sk-\x00"],
    ids=["empty", "blank", "line break", "header", "Cyrillic", "zero width", "space", "nul"],
)
@pytest.mark.parametrize("case", case_params(has_key), indirect=True)
async def test_a_key_that_cannot_be_one_is_a_configuration_error_that_does_not_show_it(
    case: Case, fault_server: FaultServer, key: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        case.build(fault_server, api_key=key)
    if key.strip():
        assert key not in everything_said(caught.value)
        assert repr(key) not in everything_said(caught.value)


@pytest.mark.parametrize("case", case_params(has_key), indirect=True)
async def test_a_key_with_white_space_around_it_is_the_key(
    case: Case, build: Callable[..., LLMProvider], chats: Callable[[], list[Exchange]]
) -> None:
    await build(api_key=f" {KEY}\n").complete("Hello?", "ok")
    assert chats()[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    "url", ["", "nonsense", "ftp://example.com", "http://", "http://user:secret@127.0.0.1", "http://a b", "http://[::1"]
)
async def test_a_base_url_that_cannot_be_one_is_a_configuration_error(
    case: Case, fault_server: FaultServer, url: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        case.build(fault_server, base_url=url)
    assert "secret" not in everything_said(caught.value)


@pytest.mark.parametrize("end", ["/", "/chat/completions", "/chat/completions/", "/models", "/responses"])
@pytest.mark.parametrize("case", case_params(speaks_openai), indirect=True)
async def test_a_pasted_address_of_an_endpoint_is_taken_for_its_base_url(
    case: Case, build: Callable[..., LLMProvider], fault_server: FaultServer, end: str
) -> None:
    provider = build(base_url=fault_server.openai_url + end)
    assert (await provider.complete("Hello?", "ok")).content == answer_text()


@pytest.mark.parametrize("case", case_params(speaks_openai), indirect=True)
async def test_a_base_url_without_v1_gets_a_hint_at_the_address(
    case: Case, build: Callable[..., LLMProvider], fault_server: FaultServer
) -> None:
    _, error = await attempt(build(base_url=fault_server.url), "ok")
    assert type(error) is NotConfigured
    assert "/v1" in error.hint


async def test_a_redirect_does_not_take_the_key_elsewhere(provider: LLMProvider, fault_server: FaultServer) -> None:
    _, error = await attempt(provider, f"redirect?to={fault_server.url}/elsewhere")
    assert not isinstance(error, ConnectionFailed)
    assert not any(exchange.path == "/elsewhere" for exchange in fault_server.exchanges)

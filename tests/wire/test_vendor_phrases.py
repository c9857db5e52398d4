"""What a failed reply stands for where no code says it: vendors' words, waits in bodies, errors in a 200."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from llm_hub.errors import (
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
    UnsupportedParameter,
)
from llm_hub.wire.error_body import is_error, is_error_document
from llm_hub.wire.http_errors import error_from_reply
from llm_hub.wire.retry_after import retry_after
from llm_hub.wire.vendor_phrases import PHRASES, recognise_phrase

if TYPE_CHECKING:
    from collections.abc import Mapping

MESSAGES: list[tuple[str, type[ProviderError]]] = [
    ("Output blocked by content filtering policy", ContentRejected),
    ("Your request was rejected as a result of our safety system.", ContentRejected),
    ("This model's maximum context length is 8192 tokens. However, you requested 9000 tokens.", PromptTooLong),
    ("prompt is too long: 210041 tokens > 200000 maximum", PromptTooLong),
    ("the request exceeds the available context size, try increasing it", PromptTooLong),
    ("Input is longer than the model's context length", PromptTooLong),
    ("The input token count (40000) exceeds the maximum number of tokens allowed (32768).", PromptTooLong),
    ("`inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000", PromptTooLong),
    ("Prompt contains 40000 tokens, too large for model with 32768 maximum context", PromptTooLong),
    ("Please reduce the length of the messages or completion.", PromptTooLong),
    ("Your credit balance is too low to use this API.", QuotaExhausted),
    ("Insufficient Balance", QuotaExhausted),
    ("Sorry, your account balance is insufficient", QuotaExhausted),
    ("Your team has used all available credits.", QuotaExhausted),
    ("You have exceeded your monthly included credits for Inference Providers.", QuotaExhausted),
    ("API key not valid. Please pass a valid API key.", KeyRefused),
    ("Incorrect API key provided: sk-1***", KeyRefused),
    ("Not authenticated", KeyRefused),
    ("harbour/pilot is not a valid model ID", ModelNotFound),
    ("The model `pilot` does not exist.", ModelNotFound),
    ("Rate limit reached for your plan", RateLimited),
    ("Unexpected endpoint or method. (POST /chat/completions)", NotConfigured),
    ("404 page not found", NotConfigured),
    ("Cannot POST /chat/completions", NotConfigured),
]


def error_of(status: int | None, body: Any, headers: Mapping[str, str] | None = None, **more: Any) -> ProviderError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return error_from_reply(
        provider="p", title="Harbour", model="pilot", status=status, body=raw, headers=headers, **more
    )


@pytest.mark.parametrize(("message", "kind"), MESSAGES)
def test_vendors_words_stand_for_an_error(message: str, kind: type[ProviderError]) -> None:
    assert recognise_phrase(message) is kind
    error = error_of(404 if kind is NotConfigured else 400, {"error": {"message": message}})
    assert type(error) is kind
    assert error.detail == message


def test_every_row_has_a_source_and_falls_back_unless_it_stands_at_the_beginning() -> None:
    for phrase in PHRASES:
        assert phrase.source
        assert phrase.kind("x").falls_back or phrase.words.startswith("^")


@pytest.mark.parametrize(
    "message",
    [
        "Invalid value for 'messages[0].role'.",
        "Could not process image",
        "messages: at least one message is required",
        "Something went wrong",
    ],
)
def test_other_words_stand_for_nothing(message: str) -> None:
    assert recognise_phrase(message) is None
    error = error_of(400, {"error": {"message": message}})
    assert type(error) is InvalidRequest
    assert error.falls_back  # nobody named the reason: it may be what this one server does not take


def test_words_are_read_only_where_no_code_decides() -> None:
    body = {"error": {"code": "invalid_api_key", "message": "The maximum context length is 5 tokens."}}
    assert type(error_of(401, body)) is KeyRefused
    assert (
        type(error_of(503, {"error": {"message": "The model is overloaded: maximum context length"}})) is ServerFailed
    )


def test_a_guess_holds_no_target_until_a_person_ends_that() -> None:
    assert error_of(400, {"error": {"message": "Your credit balance is too low."}}).breaker == "counts"
    assert error_of(402, {"error": {"message": "Pay first."}}).breaker == "holds"


def test_a_parameter_that_only_the_words_name_is_unsupported() -> None:
    sent = frozenset({"stream_options", "temperature"})
    error = error_of(400, {"error": {"message": "Unrecognized request argument supplied: stream_options"}}, sent=sent)
    assert isinstance(error, UnsupportedParameter)
    assert error.parameter == "stream_options"
    error = error_of(400, {"detail": "Extra inputs are not permitted: my_stream_options"}, sent=sent)
    assert type(error) is InvalidRequest


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (
            [{"error": {"details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "17.5s"}]}}],
            17.5,
        ),
        ({"error": {"details": [{"retryDelay": {"seconds": 4, "nanos": 500_000_000}}]}}, 4.5),
        ({"error": {"message": "Rate limit reached. Please try again in 1m2.5s."}}, 62.5),
        ({"error": {"message": "Too many. Retry after 250ms"}}, 0.25),
        ({"error": {"metadata": {"headers": {"Retry-After": "9"}}}}, 9),
        ({"error": {"metadata": {"retry_after_seconds": 3}}}, 3),
        ({"error": {"message": "Too many boats."}}, None),
        ({"error": {"message": "Please wait in line for 5 boats"}}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503, 529])
def test_the_wait_that_a_body_names_is_kept(status: int, body: Any, seconds: float | None) -> None:
    error = error_of(status, body)
    assert error.retry_after == seconds
    assert error.breaker == ("counts" if seconds is None else "holds" if seconds > 5 else "ignores")


def test_a_header_goes_before_the_body() -> None:
    body = {"error": {"message": "Please try again in 40s"}}
    assert error_of(503, body, {"retry-after": "2"}).retry_after == 2


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("1000000090", 90), ("1000000090000", 90), ("999999990", None), ("60", None), ("soon", None), ("nan", None)],
)
def test_a_moment_of_reset_is_believed_only_in_the_future(value: str, seconds: float | None) -> None:
    assert retry_after({"x-ratelimit-reset": value}, now=1_000_000_000) == seconds


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ({"error": {"code": 402, "message": "The purse is empty."}}, QuotaExhausted, "The purse is empty."),
        ({"error": {"error": {"message": "Not so fast: too many requests"}}}, RateLimited, "Not so fast"),
        ({"error": "Something broke: the worker crashed"}, ServerFailed, "the worker crashed"),
        ({"detail": "API key not valid"}, KeyRefused, "API key not valid"),
        ({"message": "Insufficient balance", "code": 1008}, QuotaExhausted, "Insufficient balance"),
        ({"success": False, "message": "Engine stopped"}, ServerFailed, "Engine stopped"),
        ([{"error": {"message": "prompt is too long"}}], PromptTooLong, "prompt is too long"),
        (
            {"error": {"message": "Provider returned error", "code": 400,
                "metadata": {"raw": '{"error": {"message": "Your credit balance is too low"}}'}}},
            QuotaExhausted, "credit balance is too low",
        ),
    ],
)  # fmt: skip
def test_an_error_with_the_status_of_success_is_what_it_says(body: Any, kind: type[ProviderError], words: str) -> None:
    assert is_error_document(json.dumps(body).encode())
    error = error_of(None, body)
    assert type(error) is kind
    assert words in error.detail


@pytest.mark.parametrize(
    "chunk",
    [
        {"choices": [{"delta": {"content": "x"}}]},
        {"choices": [], "usage": {"prompt_tokens": 1}},
        {"type": "ping"},
        {"type": "message_start", "message": {"content": []}},
        {"model": "m", "message": {"role": "assistant", "content": "Ahoy"}, "done": False},
        {"id": "c", "object": "chat.completion.chunk", "choices": []},
        {"error": None, "choices": [{"delta": {}}]},
    ],
)
def test_a_piece_of_an_answer_is_no_error(chunk: dict[str, Any]) -> None:
    assert not is_error(chunk)


def test_a_wrong_address_is_named_and_not_the_model() -> None:
    for body in (b"<html><title>404</title>Not here</html>", {"detail": "Not Found"}, b"404 page not found"):
        error = error_of(404, body, path="/llm", address_hint="Try the base URL with /v1 at its end.")
        assert type(error) is NotConfigured
        assert str(error) == (
            "Harbour has no API at the path /llm of its base URL. Try the base URL with /v1 at its end."
        )
    assert type(error_of(404, {"error": {"message": "The model pilot was not found"}})) is ModelNotFound
    assert type(error_of(404, b"")) is ModelNotFound


def test_the_proxy_is_named_where_it_asks_for_a_password() -> None:
    error = error_of(407, b"")
    assert "proxy" in str(error)
    assert error.kind == "connection_failed"

"""Vendors' own words: the errors that they stand for where no code says it, and the waits that they ask for."""

from __future__ import annotations

from typing import Any

import orjson
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
from llm_hub.router.retry import Retry
from llm_hub.wire.error_body import is_error, is_error_document
from llm_hub.wire.retry_after import retry_after, retry_after_in_body
from llm_hub.wire.vendor_phrases import PHRASES, recognise_phrase
from tests.wire.test_decoders import error_for

EXAMPLES: dict[str, type[ProviderError]] = {
    "This model's maximum context length is 8192 tokens. However, your prompt has 9001.": PromptTooLong,
    "prompt is too long: 213462 tokens > 200000 maximum": PromptTooLong,
    "the request exceeds the available context size, try increasing it": PromptTooLong,
    "The number of tokens to keep is greater than the context length": PromptTooLong,
    "The input token count (1196265) exceeds the maximum number of tokens allowed (1048575).": PromptTooLong,
    "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048.": PromptTooLong,
    "Input validation error: `inputs` must have less than 1024 tokens. Given: 1872": PromptTooLong,
    "Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length "
    "of only 4096 tokens, which is not enough.": PromptTooLong,
    "Context size has been exceeded.": PromptTooLong,
    "Your request exceeded model token limit: 262144 (requested: 566084)": PromptTooLong,
    "invalid params, context window exceeds limit": PromptTooLong,
    "Your credit balance is too low to use this API.": QuotaExhausted,
    "Your account is suspended due to insufficient balance, please recharge": QuotaExhausted,
    "Your paid balance is insufficient. Please top up.": QuotaExhausted,
    "Your team has either used all available credits or reached its monthly spending limit.": QuotaExhausted,
    "You have exceeded your monthly included credits for Inference Providers.": QuotaExhausted,
    "This request requires more credits, or fewer max_tokens.": QuotaExhausted,
    "Budget has been exceeded! Current cost: 1.2, Max budget: 1.0": QuotaExhausted,
    "user quota is not enough (request id: 7)": QuotaExhausted,
    "余额不足或无可用资源包,请充值。": QuotaExhausted,
    "API key not valid. Please pass a valid API key.": KeyRefused,
    "Incorrect API key provided: na***ys.": KeyRefused,
    "No auth credentials found": KeyRefused,
    "lighthouse-7b is not a valid model ID": ModelNotFound,
    "Model Not Exist": ModelNotFound,
    "The model `lighthouse` does not exist.": ModelNotFound,
    "Rate limit exceeded: free-models-per-day": RateLimited,
    "Unexpected endpoint or method. (POST /chat/completions)": NotConfigured,
    "Invalid URL (POST /chat/completions)": NotConfigured,
    "Unknown request URL: POST /chat/completions.": NotConfigured,
    "File Not Found": NotConfigured,
}


@pytest.mark.parametrize(("words", "kind"), EXAMPLES.items(), ids=[words[:40] for words in EXAMPLES])
def test_a_vendors_words_stand_for_an_error(words: str, kind: type[ProviderError]) -> None:
    assert recognise_phrase(words) is kind
    status = 404 if kind is NotConfigured else 400
    error = error_for(status, {"error": {"message": words, "type": "invalid_request_error"}})
    assert type(error) is kind
    assert error.falls_back
    assert error.breaker != "holds"  # the words may have been quoted from a prompt


def test_every_phrase_has_an_example() -> None:
    assert len(PHRASES) <= len(EXAMPLES)


def test_a_code_and_a_decisive_status_come_before_words() -> None:
    words = {"message": "Rate limit? Your credit balance is too low."}
    assert type(error_for(400, {"error": {**words, "code": "context_length_exceeded"}})) is PromptTooLong
    assert type(error_for(401, {"error": words})) is KeyRefused
    assert type(error_for(503, {"error": words})) is ServerFailed
    assert error_for(403, {"error": {"message": "credit balance is too low"}}).breaker == "holds"  # as any 403


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (403, {"type": "new_api_error", "code": "insufficient_user_quota"}),
        (403, {"type": "one_api_error", "code": "pre_consume_token_quota_failed"}),
        (400, {"type": "budget_exceeded", "code": "400"}),
        (429, {"type": "budget_exceeded", "code": "429"}),
        (401, {"type": "CreditsError", "code": None}),
        (429, {"type": "rate_limit_error", "code": "1113"}),
    ],
)
def test_used_up_credit_is_neither_a_refused_key_nor_too_many_requests(status: int, error: dict[str, Any]) -> None:
    assert type(error_for(status, {"error": {"message": "no", **error}})) is QuotaExhausted


@pytest.mark.parametrize("status", [None, 500])
def test_a_prompt_that_is_too_long_is_no_failure_of_the_server(status: int | None) -> None:
    """Source: ggml-org/llama.cpp#19774."""
    body = {"error": {"code": 500, "message": "Context size has been exceeded.", "type": "server_error"}}
    assert type(error_for(status, body)) is PromptTooLong
    body["error"]["message"] = "too many requests"
    assert type(error_for(status, body)) is ServerFailed


def test_a_status_of_ollamas_cloud_is_one() -> None:
    body = {"StatusCode": 429, "Status": "429 Too Many Requests", "error": "slow down"}
    assert type(error_for(None, body)) is RateLimited


def test_a_reason_of_googles_is_a_code() -> None:
    details = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]
    error = error_for(
        400, [{"error": {"code": 400, "status": "INVALID_ARGUMENT", "message": "no", "details": details}}]
    )
    assert type(error) is KeyRefused
    assert error.breaker == "holds"


@pytest.mark.parametrize(
    "words",
    [
        "Unrecognized request argument supplied: stream_options",
        "stream_options: Extra inputs are not permitted",
        "[{'type': 'extra_forbidden', 'loc': ('body', 'stream_options'), 'msg': 'Extra inputs'}]",
        "Validation error at #/stream_options: Extra inputs are not permitted",
    ],
)
def test_a_parameter_that_is_named_in_words_alone_is_found(words: str) -> None:
    error = error_for(400, {"error": {"message": words}}, sent=frozenset({"stream_options", "stop"}))
    assert isinstance(error, UnsupportedParameter)
    assert error.parameter == "stream_options"


def test_words_about_a_parameters_value_do_not_say_that_it_is_unknown() -> None:
    body = {"error": {"message": "temperature must be between 0 and 1"}}
    assert type(error_for(400, body, sent=frozenset({"temperature"}))) is InvalidRequest


def test_a_bad_request_that_names_nothing_may_be_this_servers_alone() -> None:
    assert error_for(400, {"error": {"message": "Something went wrong"}}).falls_back
    assert not error_for(400, {"error": {"message": "no", "param": "messages"}}).falls_back
    assert not error_for(409, {"error": {"message": "no"}}).falls_back


WRONG_ADDRESSES: list[tuple[int | None, Any]] = [
    (404, {"detail": "Not Found"}),
    (404, b"<html><h1>404 Not Found</h1><hr>nginx</html>"),
    (404, b"404 page not found"),
    (404, b""),
    (404, {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}}),
    (404, {"timestamp": 1, "status": 404, "error": "Not Found", "path": "/chat/completions"}),
    (404, {"error": {"message": "Invalid URL (POST /chat/completions)", "type": "invalid_request_error"}}),
    (405, {"detail": "Method Not Allowed"}),
    (None, {"error": "Unexpected endpoint or method. (POST /chat/completions)"}),
]


@pytest.mark.parametrize(("status", "body"), WRONG_ADDRESSES)
def test_a_page_that_is_missing_is_a_wrong_address(status: int | None, body: Any) -> None:
    error = error_for(status, body, path="/api", address_hint="Try the base URL with /v1 at its end.")
    assert type(error) is NotConfigured
    assert "/api" in error.message
    assert "/v1" in error.hint


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "The model `x` does not exist", "code": "model_not_found"}},
        {"error": 'model "x" not found, try pulling it first'},
        {"detail": "Model not found"},
        {"type": "error", "error": {"type": "not_found_error", "message": "model: x"}},
    ],
)
def test_a_model_that_is_missing_is_no_wrong_address(body: Any) -> None:
    assert type(error_for(404, body)) is ModelNotFound


NESTED: dict[str, tuple[Any, str, type[ProviderError]]] = {
    "code 402": ({"error": {"code": 402, "message": "No credits"}, "user_id": "u"}, "No credits", QuotaExhausted),
    "digits": ({"error": {"code": "429", "message": "Slow down"}}, "Slow down", RateLimited),
    "a text": ({"error": "Rate limit reached"}, "Rate limit reached", RateLimited),
    "detail": ({"detail": "Invalid API key"}, "Invalid API key", KeyRefused),
    "message and code": ({"message": "Gone", "code": 503}, "Gone", ServerFailed),
    "success": ({"success": False, "message": "Insufficient balance"}, "Insufficient balance", QuotaExhausted),
    "Anthropic": (
        {"type": "error", "error": {"type": "rate_limit_error", "message": "Too many"}}, "Too many", RateLimited),
    "MiniMax": (
        {"base_resp": {"status_code": 1008, "status_msg": "Insufficient balance"}, "choices": None},
        "Insufficient balance", QuotaExhausted),
    "twice": ({"error": {"error": {"message": "Deep", "code": "insufficient_quota"}}}, "Deep", QuotaExhausted),
    "in a list": ([{"error": {"code": 429, "message": "Each minute"}}], "Each minute", RateLimited),
    "raw": (
        {"error": {"message": "Provider returned error", "code": 429,
                   "metadata": {"raw": '{"error": {"message": "Deep and busy"}}', "provider_name": "P"}}},
        "Deep and busy", RateLimited),
    "raw text": (
        {"error": {"message": "Provider returned error", "code": 429, "metadata": {"raw": "busy upstream"}}},
        "busy upstream", RateLimited),
    "quoted": (
        {"error": {"message": '{"error": {"code": 400, "message": "API key not valid. Pass another."}}', "code": 400}},
        "API key not valid. Pass another.", KeyRefused),
}  # fmt: skip


@pytest.mark.parametrize(("body", "words", "kind"), NESTED.values(), ids=NESTED.keys())
def test_an_error_in_a_success_is_found_in_every_dress(body: Any, words: str, kind: type[ProviderError]) -> None:
    assert is_error_document(orjson.dumps(body))
    error = error_for(None, body)
    assert (type(error), error.detail) == (kind, words)


@pytest.mark.parametrize(
    "chunk",
    [
        {"choices": [{"index": 0, "delta": {"content": "x"}}], "error": None},
        {"choices": [], "usage": {"prompt_tokens": 1}},
        {"id": "c", "object": "chat.completion.chunk", "choices": []},
        {"message": {"role": "assistant", "content": "x"}, "done": False},
        {"choices": [{"index": 0, "delta": {}}], "base_resp": {"status_code": 0, "status_msg": ""}},
        {"type": "message_start", "message": {"id": "m"}},
        {"type": "content_block_delta", "delta": {"text": "x"}},
    ],
)
def test_a_piece_of_an_answer_is_no_error(chunk: dict[str, Any]) -> None:
    assert not is_error(chunk)


def test_moderation_is_about_the_prompt_and_not_about_the_key() -> None:
    body = {"error": {"code": 403, "message": "flagged", "metadata": {"reasons": ["x"], "flagged_input": "y"}}}
    assert type(error_for(403, body)) is ContentRejected


WAITS: dict[str, tuple[dict[str, Any], float | None]] = {
    "RetryInfo": ({"details": [{"@type": "google.rpc.RetryInfo", "retryDelay": "38s"}]}, 38.0),
    "RetryInfo with a fraction": ({"details": [{"retryDelay": "1.5s"}]}, 1.5),
    "RetryInfo as an object": ({"details": [{"retryDelay": {"seconds": 2, "nanos": 500_000_000}}]}, 2.5),
    "OpenRouter's reset": ({"metadata": {"headers": {"X-RateLimit-Reset": "1000000090000"}}}, 90.0),
    "a reset that has passed": ({"metadata": {"headers": {"X-RateLimit-Reset": "999999999000"}}}, None),
    "a field": ({"retry_after": 7}, 7.0),
    "seconds in words": ({"message": "Limit reached. Please try again in 7.66s. Visit us."}, 7.66),
    "minutes in words": ({"message": "Please try again in 1m2.5s."}, 62.5),
    "milliseconds in words": ({"message": "Please try again in 20ms."}, 0.02),
    "hours in words": ({"message": "Please retry after 2 hours"}, 7200.0),
    "Gemini's words": ({"message": "Quota exceeded. Please retry in 38.2s."}, 38.2),
    "no wait": ({"message": "Retry in a while, 5 seconds are not enough."}, None),
}


@pytest.mark.parametrize(("body", "seconds"), WAITS.values(), ids=WAITS.keys())
def test_the_wait_is_found_in_a_body(body: dict[str, Any], seconds: float | None) -> None:
    found = retry_after_in_body([body], body.get("message", ""), now=1_000_000_000.0)
    assert found == (seconds if seconds is None else pytest.approx(seconds))


def test_a_header_comes_before_the_body() -> None:
    body = {"error": {"message": "Please try again in 9s"}}
    assert error_for(429, body, headers={"retry-after": "3"}).retry_after == 3.0
    assert error_for(429, body).retry_after == 9.0
    assert error_for(400, body).retry_after is None


def test_a_reset_is_believed_as_a_moment_to_come_only() -> None:
    for value in ("60", "0", "nan", "soon", "999999999"):
        assert retry_after({"x-ratelimit-reset": value}, now=1e9) is None
    assert retry_after({"x-ratelimit-reset": "1000000060"}, now=1e9) == 60.0


@pytest.mark.parametrize("kind", [RateLimited, ServerFailed])
def test_a_wait_is_kept_whatever_error_asks_for_it(kind: type[ProviderError]) -> None:
    soon, late, unsaid = kind("no", retry_after=2.0), kind("no", retry_after=60.0), kind("no")
    assert Retry().wait(soon, 0, 1.0) == 2.0
    assert Retry().wait(late, 0, 1.0) is None
    assert [error.breaker for error in (soon, late, unsaid)] == ["ignores", "holds", "counts"]

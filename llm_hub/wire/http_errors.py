"""Turns failed replies and broken connections into our errors: by status, type and code.

A message's text decides only where no code does: see vendor_phrases.py. What an HTTP client
raises is translated by connection_errors.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llm_hub.errors import (
    ConnectionFailed,
    ContentRejected,
    InvalidRequest,
    KeyRefused,
    LoopDetected,
    ModelNotFound,
    NotConfigured,
    PromptTooLong,
    ProviderError,
    QuotaExhausted,
    RateLimited,
    ServerFailed,
    StreamBroken,
    UnsupportedParameter,
)
from llm_hub.redaction import redact, shorten
from llm_hub.wire.error_body import ErrorBody
from llm_hub.wire.retry_after import retry_after, retry_after_in_body
from llm_hub.wire.validation import parse_name
from llm_hub.wire.vendor_phrases import named_parameter, recognise_phrase

MAX_ERROR_CHARS = 100_000
"""Characters of an error's message that are searched for keys. Some hundred of them are shown."""


_BY_CODE: dict[str, type[ProviderError]] = {
    "insufficient_quota": QuotaExhausted,
    "billing_hard_limit_reached": QuotaExhausted,
    "billing_not_active": QuotaExhausted,
    "billing_error": QuotaExhausted,
    "insufficient_credits": QuotaExhausted,
    "insufficient_balance": QuotaExhausted,
    "spend_limit_exceeded": QuotaExhausted,
    "exceeded_current_quota_error": QuotaExhausted,  # Kimi: 666ghj/BettaFish#524
    "insufficient_balance_error": QuotaExhausted,  # MiniMax: modelscope/modelscope#1691
    "insufficient_user_quota": QuotaExhausted,  # one-api and new-api, with 403: songquanpeng/one-api#1270
    "pre_consume_token_quota_failed": QuotaExhausted,  # the same, of one key's quota
    "budget_exceeded": QuotaExhausted,  # LiteLLM, with 400 or 429: BerriAI/litellm#36729
    "creditserror": QuotaExhausted,  # OpenCode Zen, with 401: TiaraBasori/OpenCode2API#5
    "1113": QuotaExhausted,  # Z.ai, with 429 beside `rate_limit_error`: zai-org/feedback#789
    "billing_disabled": QuotaExhausted,  # Google: google.rpc.ErrorInfo's reasons
    "context_length_exceeded": PromptTooLong,
    "exceed_context_size_error": PromptTooLong,
    "model_context_window_exceeded": PromptTooLong,
    "string_above_max_length": PromptTooLong,
    "request_too_large": PromptTooLong,
    "content_policy_violation": ContentRejected,
    "content_filter": ContentRejected,
    "responsibleaipolicyviolation": ContentRejected,
    "invalid_prompt": ContentRejected,
    "invalid_api_key": KeyRefused,
    "api_key_invalid": KeyRefused,  # Gemini, with 400: cequence-io/openai-scala-client#109
    "api_key_service_blocked": KeyRefused,
    "authentication_error": KeyRefused,
    "permission_error": KeyRefused,
    "permission_denied": KeyRefused,
    "loop_detected": LoopDetected,  # another hub's, or this one's
    "model_not_found": ModelNotFound,
    "model_not_supported": ModelNotFound,
    "model_decommissioned": ModelNotFound,
    "not_found_error": ModelNotFound,
    "invalid_model": ModelNotFound,  # Mistral
    "invalid_model_id": ModelNotFound,
    "unsupported_parameter": UnsupportedParameter,
    "unsupported_value": UnsupportedParameter,
    "unknown_parameter": UnsupportedParameter,
    "extra_forbidden": UnsupportedParameter,
    "rate_limit_error": RateLimited,
    "rate_limit_exceeded": RateLimited,
    "overloaded_error": ServerFailed,
    "overloaded": ServerFailed,
    "api_error": ServerFailed,
    "server_error": ServerFailed,
    "internal_server_error": ServerFailed,
    "service_unavailable": ServerFailed,
    "unavailable_error": ServerFailed,
    "timeout_error": ServerFailed,
    "engine_overloaded": ServerFailed,
}
_INVALID_VALUE = re.compile(
    r"_(above_max|below_min)_|^invalid_(type|value)$|^(less|greater)_than|^too_(long|short)$|_(type|parsing)$"
)
"""Codes that name a parameter because its value is wrong, for any model (OpenAI's, and pydantic's)."""
_BY_STATUS: dict[int, type[ProviderError]] = {
    400: InvalidRequest,
    401: KeyRefused,
    402: QuotaExhausted,
    403: KeyRefused,
    404: ModelNotFound,
    407: ConnectionFailed,
    408: ServerFailed,
    413: PromptTooLong,
    422: InvalidRequest,
    425: ServerFailed,
    429: RateLimited,
    498: ServerFailed,
}
_ANY_GUESS: tuple[type[ProviderError], ...] = (PromptTooLong, QuotaExhausted, KeyRefused, ModelNotFound, RateLimited)
_GUESSES: dict[int | None, tuple[type[ProviderError], ...]] = {
    None: _ANY_GUESS,
    400: _ANY_GUESS,
    403: (PromptTooLong, QuotaExhausted, RateLimited),
    404: (QuotaExhausted,),
    422: _ANY_GUESS,
    429: (QuotaExhausted,),
    500: (PromptTooLong, QuotaExhausted, RateLimited),
}
"""What a vendor's words may stand for beside each status. With every other status the status decides alone."""
_SENTENCES: dict[type[ProviderError], tuple[str, str]] = {
    QuotaExhausted: (
        "{provider}: the account's quota or credit is used up.",
        "Add credit at the provider, or choose another one.",
    ),
    PromptTooLong: (
        "The conversation is too long for {model}.",
        "Shorten it, start a new chat, or choose a model with a larger context.",
    ),
    ContentRejected: ("{provider} rejected the request under its content policy.", "Rephrase the prompt."),
    KeyRefused: ("{provider} refused the API key.", "Check the key, and that it may use {model}."),
    LoopDetected: ("The base URL of {provider} leads back to this hub, or round a ring of hubs.", ""),
    ModelNotFound: ("{provider} does not know the model {model}.", "Choose a model from the list."),
    UnsupportedParameter: ("{model} does not take the setting {parameter}.", "Leave it empty."),
    RateLimited: ("{provider}: too many requests.", "Wait a moment, or choose another provider."),
    ServerFailed: ("{provider} failed on its own side{status}.", "Try again, or choose another provider."),
    InvalidRequest: ("{provider} did not accept the request.", ""),
    NotConfigured: ("{provider} has no API at the path {path} of its base URL.", "{address_hint}"),
    StreamBroken: ("{provider} sent something that is not an answer.", "Check the base URL."),
    ConnectionFailed: (
        "{provider} cannot be reached: the proxy asks for a user name and a password (407).",
        "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY.",
    ),
}


def error_from_reply(
    *,
    provider: str,
    title: str,
    model: str,
    status: int | None,
    body: object,
    headers: Mapping[str, str] | None = None,
    secrets: tuple[str, ...] = (),
    sent: frozenset[str] = frozenset(),
    path: str = "",
    address_hint: str = "",
) -> ProviderError:
    """The error that a failed reply, or an error inside a stream (`status` None), stands for.

    `title` is the provider's name in sentences. `body` is the reply as bytes, or already decoded. `secrets` are cut out
    of what it says. `sent` names the parameters of our request that a model may not know: a 400 or 422 that names one
    of them is an `UnsupportedParameter`, unless its code says that the value is wrong. `path` is that of the base URL,
    and `address_hint` what to try where nothing of an API is there.
    """
    details = ErrorBody(body)
    status = details.status if status is None else status
    if details.parameter_path in sent:
        details.parameter = details.parameter_path
    if status in (400, 422) and not details.parameter:
        details.parameter = named_parameter(details.message, sent)
    kind, is_guess = _kind_of(status, details, sent)
    sentence, hint = _SENTENCES[kind]
    names = {"provider": title, "model": model or "the model", "parameter": details.parameter}
    names["status"] = f" ({status})" if status is not None else ""
    names |= {"path": path or "/", "address_hint": address_hint or "Check the base URL."}
    wait = retry_after(headers) if headers is not None else None
    if wait is None and kind in (RateLimited, ServerFailed):
        wait = retry_after_in_body(details.layers, details.message)
    fields: dict[str, Any] = {
        "provider": provider,
        "model": model,
        "hint": hint.format(**names),
        "detail": shorten(redact(details.message[:MAX_ERROR_CHARS], *secrets)),
        "status": status,
        "code": parse_name(details.codes[0]) if details.codes else "",
        "retry_after": wait,
    }
    if kind is UnsupportedParameter:
        return UnsupportedParameter(sentence.format(**names), parameter=details.parameter, **fields)
    error = kind(sentence.format(**names), **fields)
    if is_guess and error.breaker == "holds" and wait is None:
        error.breaker = "counts"  # only a person ends a hold, and the words may have been quoted from the prompt
    if kind is InvalidRequest and status in (400, 422) and not details.parameter:
        error.falls_back = True
    return error


def _kind_of(status: int | None, details: ErrorBody, sent: frozenset[str]) -> tuple[type[ProviderError], bool]:
    """The class of an error, and whether it is a guess from the vendor's words.

    Its codes come first, then its status where they say nothing or contradict it. The words are for what is left: bad
    requests, errors without a status, and a prompt that is too long, which some servers call a failure of their own.
    """
    kind = _kind_by_code(status, details, sent)
    if kind in (None, ModelNotFound) and _is_wrong_address(status, details):
        return NotConfigured, False
    guess = recognise_phrase(details.message) if kind in (None, ServerFailed) else None
    is_plain = kind is None and details.parameter in ("", "model")
    if guess in _GUESSES.get(status, ()) and (guess is PromptTooLong or is_plain):
        return guess, status != 403
    if status is None:
        return kind or ServerFailed, False  # an error inside a stream that says nothing we know
    if kind is None or (status in (401, 402) and kind is not QuotaExhausted):
        usual = ServerFailed if status >= 500 else StreamBroken if status < 400 else InvalidRequest
        return _BY_STATUS.get(status, usual), False
    return kind, False


def _kind_by_code(status: int | None, details: ErrorBody, sent: frozenset[str]) -> type[ProviderError] | None:
    """The class that an error's codes and its parameter stand for; None: they say nothing."""
    kind = next((_BY_CODE[code] for code in details.codes if code in _BY_CODE), None)
    if status in (400, 422) and kind in (None, InvalidRequest) and details.parameter in sent:
        return InvalidRequest if any(map(_INVALID_VALUE.search, details.codes)) else UnsupportedParameter
    if kind is UnsupportedParameter and status not in (400, 422):
        return None
    if kind is RateLimited and status == 413:
        return PromptTooLong  # Groq: the request alone is over the limit of tokens a minute
    if details.is_flagged:
        return ContentRejected
    return kind


def _is_wrong_address(status: int | None, details: ErrorBody) -> bool:
    """Whether nothing of an API answered: a web server's page, or words about a path and not about a model."""
    if status not in (404, 405, None) or "model" in details.message.lower():
        return False
    is_page = status is not None and not details.is_object
    return is_page or recognise_phrase(details.message) is NotConfigured

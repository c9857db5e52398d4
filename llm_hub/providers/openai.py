"""OpenAI, and every server that speaks its chat completions protocol, over the AsyncOpenAI SDK.

The SDK's client makes a request's headers and lists the models. A chat goes straight through its HTTP client and is
decoded by the hub, which notices a malformed line and a missing end. The SDK's own layers would add 0.3 ms to each
request, as much as all that the router does, and cost three times as much for each chunk.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import httpx2
import orjson
from httpx_aiohttp.httpx2 import AiohttpTransport
from openai import APIStatusError, AsyncOpenAI, OpenAIError

from llm_hub.chat import ChatRequest, ModelInfo, ToolCallDelta, Usage
from llm_hub.errors import ProviderError
from llm_hub.providers import openai_body
from llm_hub.providers.http_provider import HttpProvider, HttpReply, StreamedResponseBuilder
from llm_hub.wire.decoders import SSEDecoder, encode_json
from llm_hub.wire.error_body import is_error
from llm_hub.wire.learned_parameters import LearnedParameters
from llm_hub.wire.public_hosts import public_connector, public_url
from llm_hub.wire.transport import Transport, client_options
from llm_hub.wire.validation import MAX_REFUSAL_CHARS, checked_key, checked_url, parse_count, parse_name

if TYPE_CHECKING:
    from llm_hub.chat import Event
    from llm_hub.response_builder import ResponseBuilder

BASE_URL = "https://api.openai.com/v1"

_REASONING_FIELDS = ("reasoning_content", "reasoning", "reasoning_text")
_NOT_CHAT = ("audio", "dall-e", "embedding", "gpt-image", "live", "moderation", "realtime", "sora", "speech", "tts-",
             "transcribe", "translate", "whisper", "babbage", "davinci", "instruct-0914")  # fmt: skip
"""Parts of the names of models for speech, pictures, embeddings, …: lists do not tell what a model is for."""


class _OpenAITransport(Transport, AiohttpTransport):
    streaming_path = "/chat/completions"


class _PublicTransport(_OpenAITransport):
    """For a server that a visitor named: it connects to public addresses only."""

    def __init__(self, resolver: Any) -> None:
        super().__init__()
        self._resolver = resolver

    def _connector(self, **options: Any) -> Any:
        return public_connector(resolver=self._resolver, **options)


class OpenAIProvider(HttpProvider):
    """Chat completions at `base_url`. Raises `ConfigurationError` for a key or URL that cannot be used.

    `max_tokens_field` is the server's name for the limit; which of the two names a model takes is also learnt from
    its refusal. `read_timeout` is the longest silence in seconds before a request is given up. `public_only` is for a
    base URL that a visitor gave: see public_hosts.py. `resolver` is one of aiohttp's, for its host name.
    """

    supports = frozenset(openai_body.FIELDS)
    exceptions = (OpenAIError, httpx2.HTTPError, httpx2.StreamError)
    decoder = SSEDecoder
    end_marker = b"[DONE]"
    base_path = "/v1"
    optional_parameters = openai_body.OPTIONAL

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str = BASE_URL,
        name: str = "openai",
        title: str = "OpenAI",
        default_model: str = "gpt-6-luna",
        max_tokens_field: str = "max_completion_tokens",
        connect_timeout: float = 5.0,
        read_timeout: float = 300.0,
        public_only: bool = False,
        resolver: Any = None,
    ) -> None:
        address = (public_url if public_only else checked_url)(base_url, f"{name}: base_url")
        key = checked_key(api_key, f"{name}: api_key") if api_key is not None else ""
        super().__init__(name=name, title=title, default_model=default_model, address=address, key=key)
        self._max_tokens_field = max_tokens_field
        self._learned = LearnedParameters(openai_body.OPTIONAL, openai_body.OTHER_NAMES)
        self._chat_url = httpx2.URL(f"{address}/chat/completions")
        self._timeout = httpx2.Timeout(read_timeout, connect=connect_timeout)
        transport = _PublicTransport(resolver) if public_only else _OpenAITransport()
        self._http = httpx2.AsyncClient(transport=transport, **client_options(self._timeout))
        self._client = AsyncOpenAI(
            # A server without keys ignores the word; None would let the SDK take a key from the environment.
            api_key=key or "none",
            base_url=address,
            timeout=self._timeout,
            max_retries=0,
            http_client=self._http,
        )
        # What the SDK has read from the environment belongs to nobody's request.
        self._client.organization = self._client.project = self._client.admin_api_key = None
        self._client._custom_headers = {}  # noqa: SLF001  # the SDK has no public way to refuse OPENAI_CUSTOM_HEADERS
        headers = {**self._client.default_headers, **self._client.auth_headers}
        self._headers = httpx2.Headers({name: value for name, value in headers.items() if isinstance(value, str)})

    async def models(self) -> tuple[ModelInfo, ...]:
        models = []
        for model, row in await self._fetch_models("/models", rows="data", name="id"):
            if not any(word in model.lower() for word in _NOT_CHAT):
                context = row.get("context_length") or row.get("context_window") or row.get("max_model_len")
                models.append(ModelInfo(model, context=parse_count(context)))
        return tuple(sorted(models, key=lambda info: info.id))

    async def aclose(self) -> None:
        await self._client.close()

    def _body(self, request: ChatRequest, model: str) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": model,
            "messages": openai_body.messages(request.messages),
            "stream": True,
            "stream_options": {"include_usage": True},
            **openai_body.options(request),
        }
        if request.max_tokens is not None:
            body[self._max_tokens_field] = request.max_tokens
        return body

    def _adapt(self, model: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._learned.apply(model, body)

    async def _send(self, body: dict[str, Any]) -> HttpReply:
        timeout = {"timeout": self._timeout.as_dict()}
        request = httpx2.Request(
            "POST", self._chat_url, headers=self._headers, content=encode_json(body), extensions=timeout
        )
        return await self._http.send(request, stream=True)

    async def _revise(
        self, model: str, body: dict[str, Any], sent: dict[str, Any], refusal: ProviderError
    ) -> dict[str, Any]:
        """A refused parameter is left out or renamed, and remembered for that model."""
        if not self._learned.learn(model, refusal, sent):
            raise openai_body.explain_refusal(refusal, sent)
        return self._learned.apply(model, body)

    def _accept(self, builder: StreamedResponseBuilder, body: dict[str, Any], sent: dict[str, Any]) -> None:
        builder.ignored = openai_body.left_out(body, sent)

    def _read(self, builder: StreamedResponseBuilder, chunks: Iterable[dict[str, Any]]) -> Iterator[Event]:
        for chunk in chunks:
            if ("error" in chunk or not chunk.get("choices")) and is_error(chunk):
                raise self._error_from_reply(None, chunk, builder.model)
            if (model := chunk.get("model")) != builder.model:
                builder.model = parse_name(model) or builder.model
            if isinstance(usage := chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage"), dict):
                builder.usage = _read_usage(usage)
            for choice in chunk.get("choices") or ():
                delta = choice.get("delta") or {}
                if len(delta) != 1 or "content" not in delta:  # nearly every chunk has text alone
                    if choice.get("error"):
                        raise self._error_from_reply(None, choice, builder.model)
                    yield from _read_other_fields(builder, delta)
                if isinstance(text := delta.get("content"), str) and text:
                    yield from builder.add_tagged_text(text)
                if isinstance(reason := choice.get("finish_reason"), str):
                    if reason == "error":  # OpenRouter, when the provider behind it has failed
                        raise self._error_from_reply(None, choice, builder.model)
                    builder.finish_reason = parse_name(reason)

    async def _get(self, path: str) -> HttpReply:
        try:
            return await self._client.get(path, cast_to=httpx2.Response)
        except APIStatusError as error:
            return error.response


def _read_other_fields(builder: ResponseBuilder, delta: dict[str, Any]) -> Iterator[Event]:
    """The events of a chunk beside its text: reasoning, tool calls, a refusal."""
    for field in _REASONING_FIELDS:
        if isinstance(thought := delta.get(field), str) and thought:
            yield builder.add_reasoning(thought)
            break
    for call in delta.get("tool_calls") or ():
        yield _read_tool_call(builder, call)
    if isinstance(refusal := delta.get("refusal"), str):
        builder.refusal = (builder.refusal + refusal)[:MAX_REFUSAL_CHARS]


def _read_tool_call(builder: ResponseBuilder, call: dict[str, Any]) -> ToolCallDelta:
    function = call.get("function") or {}
    arguments = function.get("arguments") or ""
    return builder.add_tool_call(
        parse_count(call.get("index")) or 0,
        id=call.get("id") or "",
        name=function.get("name") or "",
        arguments=arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode(),
    )


def _read_usage(reported: dict[str, Any]) -> Usage:
    usage: Usage = {}
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        if (tokens := parse_count(reported.get(name))) is not None:
            usage[name] = tokens
    if len(usage) == 3:  # Gemini and xAI count reasoning in the total alone, and charge for it
        usage["completion_tokens"] = max(usage["completion_tokens"], usage["total_tokens"] - usage["prompt_tokens"])
    details = reported.get("completion_tokens_details") or {}
    if (tokens := parse_count(details.get("reasoning_tokens"))) is not None:
        usage["reasoning_tokens"] = tokens
    details = reported.get("prompt_tokens_details") or {}
    if (tokens := parse_count(details.get("cached_tokens"))) is not None:
        usage["cached_tokens"] = tokens
    if tokens := parse_count(details.get("cache_write_tokens")):
        usage["cache_write_tokens"] = tokens
    return usage

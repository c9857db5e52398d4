"""Anthropic, over the AsyncAnthropic SDK: it sends the request, and the stream of its reply is decoded by the hub."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

import httpx2
from anthropic import AnthropicError, APIStatusError, AsyncAnthropic, AsyncStream
from httpx_aiohttp.httpx2 import AiohttpTransport

from llm_hub.chat import ChatRequest, ModelInfo, Usage
from llm_hub.errors import InvalidRequest, NotOffered, PromptTooLong, ProviderError
from llm_hub.providers import anthropic_body
from llm_hub.providers.http_provider import HttpProvider, HttpReply, StreamedResponseBuilder
from llm_hub.wire.decoders import SSEDecoder
from llm_hub.wire.error_body import is_error
from llm_hub.wire.learned_parameters import MAX_LEARNED_MODELS
from llm_hub.wire.transport import Transport, client_options
from llm_hub.wire.validation import MAX_REFUSAL_CHARS, checked_key, checked_url, parse_count, parse_name

if TYPE_CHECKING:
    from llm_hub.chat import Event
    from llm_hub.response_builder import ResponseBuilder

BASE_URL = "https://api.anthropic.com"

_MIN_CONTEXT = 200_000
"""Tokens: the smallest context of a current model."""
_SAMPLING_VERSION = "2023-06-01"
"""The last API version that takes a temperature, and only for older models."""
_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
}


class _AnthropicTransport(Transport, AiohttpTransport):
    streaming_path = "/v1/messages"


class AnthropicProvider(HttpProvider):
    """The messages API at `base_url`. Raises `ConfigurationError` for a key or URL that cannot be used.

    A temperature, a top_p and an effort reach the models that take them. For the others they are left out, and the
    response says so. `read_timeout` is the longest silence in seconds before a request is given up.
    """

    supports = frozenset({"tools", "tool_choice", "parallel_tools", "format", "stop", "top_p", "effort"})
    exceptions = (AnthropicError, httpx2.HTTPError, httpx2.StreamError)
    decoder = SSEDecoder

    def __init__(
        self,
        api_key: str,
        *,
        base_url: str = BASE_URL,
        name: str = "anthropic",
        title: str = "Anthropic",
        default_model: str = "claude-haiku-5-5",
        connect_timeout: float = 5.0,
        read_timeout: float = 300.0,
    ) -> None:
        address = checked_url(base_url, f"{name}: base_url").removesuffix("/v1")
        key = checked_key(api_key, f"{name}: api_key")
        super().__init__(name=name, title=title, default_model=default_model, address=address, key=key)
        self._left_out: dict[tuple[str, frozenset[str], str | None], tuple[str, ...]] = {}
        """What was left out when a model accepted a request with these settings, and this effort."""
        self._contexts: dict[str, int] = {}
        """Tokens of the models' contexts, as far as the list of models says."""
        timeout = httpx2.Timeout(read_timeout, connect=connect_timeout)
        self._client = AsyncAnthropic(
            api_key=key,
            base_url=address,
            timeout=timeout,
            max_retries=0,
            open_telemetry=False,
            http_client=httpx2.AsyncClient(transport=_AnthropicTransport(), **client_options(timeout)),
        )
        self._client._custom_headers = {}  # noqa: SLF001  # the SDK has no public way to refuse ANTHROPIC_CUSTOM_HEADERS

    async def models(self) -> tuple[ModelInfo, ...]:
        models = tuple(
            ModelInfo(id_, title=parse_name(row.get("display_name")), context=parse_count(row.get("max_input_tokens")))
            for id_, row in await self._fetch_models("/v1/models?limit=1000", rows="data", name="id")
            if row.get("lifecycle") != "retired"
        )
        self._contexts = {info.id: info.context for info in models if info.context}
        return models

    def reasons(self, model: str) -> bool:
        return "haiku" not in model

    async def aclose(self) -> None:
        await self._client.close()

    def _body(self, request: ChatRequest, model: str) -> dict[str, Any]:
        if (unsupported := anthropic_body.unsupported_value(request)) is not None:
            field, problem = unsupported
            raise NotOffered(f"{self.title} {problem}.", parameter=field, provider=self.name, model=model)
        return {
            "model": model,
            "messages": anthropic_body.messages(request.messages),
            "stream": True,
            **anthropic_body.options(request),
        }

    def _adapt(self, model: str, body: dict[str, Any]) -> dict[str, Any]:
        return anthropic_body.without(body, self._left_out.get(_settings_key(model, body), ()))

    async def _send(self, body: dict[str, Any]) -> HttpReply:
        sampling = {"temperature", "top_p"} & body.keys()
        try:
            reply = await self._client.post(
                "/v1/messages",
                body=body,
                cast_to=httpx2.Response,
                stream=True,
                stream_cls=AsyncStream[object],
                options={"headers": {"anthropic-version": _SAMPLING_VERSION} if sampling else {}},
            )
        except APIStatusError as error:
            return error.response
        return cast("httpx2.Response", reply)  # what cast_to asks for, which the SDK's overloads cannot say

    async def _revise(
        self, model: str, body: dict[str, Any], sent: dict[str, Any], refusal: ProviderError
    ) -> dict[str, Any]:
        """No code tells which setting was refused: the likelier ones are left out first, then more of them."""
        if type(refusal) is InvalidRequest and self._is_long(sent, model):
            # A prompt that is too long is an invalid_request_error like any other: its length is what tells.
            raise PromptTooLong(
                f"The conversation is too long for {model}.",
                provider=self.name,
                model=model,
                hint="Shorten it, start a new chat, or choose a model with a larger context.",
                detail=refusal.detail,
                status=refusal.status,
                code=refusal.code,
            )
        if not isinstance(refusal, InvalidRequest) or refusal.status != 400:
            raise refusal
        attempted = anthropic_body.left_out(body, sent)
        accepted = self._left_out.get(_settings_key(model, body))
        following = anthropic_body.next_left_out(body, attempted) if accepted is None else accepted
        if following is None or following == attempted:
            raise refusal
        return anthropic_body.without(body, following)

    def _accept(self, builder: StreamedResponseBuilder, body: dict[str, Any], sent: dict[str, Any]) -> None:
        left_out = anthropic_body.left_out(body, sent)
        if left_out:
            if len(self._left_out) >= MAX_LEARNED_MODELS:
                del self._left_out[next(iter(self._left_out))]
            self._left_out[_settings_key(builder.model, body)] = left_out
        # An effort in another vendor's words is not in the body at all.
        has_effort = builder.request.effort is None or "effort" in anthropic_body.settings(body)
        builder.ignored = left_out if has_effort else ("effort", *left_out)

    def _read(self, builder: StreamedResponseBuilder, chunks: Iterable[dict[str, Any]]) -> Iterator[Event]:
        for chunk in chunks:
            match chunk.get("type"):
                case "content_block_delta":
                    delta = chunk["delta"]
                    if isinstance(text := delta.get("text"), str) and text:
                        yield builder.add_text(text)
                    elif isinstance(thought := delta.get("thinking"), str) and thought:
                        yield builder.add_reasoning(thought)
                    elif isinstance(piece := delta.get("partial_json"), str):
                        yield builder.add_tool_call(parse_count(chunk.get("index")) or 0, arguments=piece)
                case "content_block_start":
                    block = chunk["content_block"]
                    if block.get("type") == "tool_use":
                        position = parse_count(chunk.get("index")) or 0
                        yield builder.add_tool_call(position, id=block["id"], name=block["name"])
                    elif isinstance(text := block.get("text"), str) and text:
                        yield builder.add_text(text)
                case "message_start":
                    message = chunk["message"]
                    builder.model = parse_name(message.get("model")) or builder.model
                    _update_usage(builder.usage, message.get("usage") or {})
                case "message_delta":
                    _read_end(builder, chunk["delta"])
                    _update_usage(builder.usage, chunk.get("usage") or {})
                case "message_stop":
                    builder.ended = True
                    return
                case "error" | None if is_error(chunk):
                    raise self._error_from_reply(None, chunk, builder.model)

    def _is_complete(self, builder: StreamedResponseBuilder) -> bool:
        """A message is complete with its message_stop, and not with its stop reason."""
        return builder.ended

    def _finish(self, builder: StreamedResponseBuilder) -> None:
        if not builder.ended:
            builder.finish_reason = None

    async def _get(self, path: str) -> HttpReply:
        try:
            return await self._client.get(path, cast_to=httpx2.Response)
        except APIStatusError as error:
            return error.response

    def _is_long(self, body: dict[str, Any], model: str) -> bool:
        """Whether the text may fill half of the model's context, at four bytes a token."""
        return anthropic_body.count_bytes(body) / 4 > self._contexts.get(model, _MIN_CONTEXT) / 2


def _settings_key(model: str, body: dict[str, Any]) -> tuple[str, frozenset[str], str | None]:
    """What a refusal of settings depends on: the model, which settings were sent, and the effort among them."""
    return model, frozenset(anthropic_body.settings(body)), body.get("output_config", {}).get("effort")


def _read_end(builder: ResponseBuilder, delta: dict[str, Any]) -> None:
    """Reads why the model stopped."""
    reason = delta.get("stop_reason")
    if isinstance(reason, str):
        builder.finish_reason = _FINISH_REASONS.get(reason) or parse_name(reason)
    if reason == "stop_sequence":
        builder.stop_sequence = parse_name(delta.get("stop_sequence"))
    if reason == "refusal":
        details = delta.get("stop_details") or {}
        builder.refusal = str(details.get("explanation") or "")[:MAX_REFUSAL_CHARS]


def _update_usage(usage: Usage, reported: dict[str, Any]) -> None:
    """Counts are cumulative: the last ones hold. The prompt is what was not cached, what was, and what is from now."""
    if (uncached := parse_count(reported.get("input_tokens"))) is not None:
        cached = parse_count(reported.get("cache_read_input_tokens")) or 0
        cache_write = parse_count(reported.get("cache_creation_input_tokens")) or 0
        usage["prompt_tokens"] = uncached + cached + cache_write
        if cached:
            usage["cached_tokens"] = cached
        if cache_write:
            usage["cache_write_tokens"] = cache_write
    if (completion := parse_count(reported.get("output_tokens"))) is not None:
        usage["completion_tokens"] = completion
    if "prompt_tokens" in usage and "completion_tokens" in usage:
        usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]

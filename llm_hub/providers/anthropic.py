"""Anthropic, over the AsyncAnthropic SDK: it opens the request, and the stream of its reply is decoded here."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, cast

import httpx2
from anthropic import AnthropicError, APIStatusError, AsyncAnthropic, AsyncStream
from httpx_aiohttp.httpx2 import AiohttpTransport

from llm_hub.chat import ChatRequest, ModelInfo, Role, Usage
from llm_hub.errors import InvalidRequest, NotOffered, PromptTooLong, ProviderError, StreamBroken
from llm_hub.provider import LLMProvider
from llm_hub.providers import anthropic_body
from llm_hub.response_builder import ResponseBuilder, joined
from llm_hub.wire.decoders import SSEDecoder, body, parse_object
from llm_hub.wire.http_errors import cause, failure, transport_failure
from llm_hub.wire.learned_parameters import MAX_LEARNED_MODELS
from llm_hub.wire.transport import AS_IT_IS, Transport, no_cookies
from llm_hub.wire.validation import LIST_TIMEOUT, MAX_REFUSAL_CHARS, checked_key, checked_url, count, listed, named

if TYPE_CHECKING:
    from llm_hub.chat import Event

BASE_URL = "https://api.anthropic.com"

_MAX_TOKENS = 8192
"""The API requires a limit. This one is within every current model's, and long for a chat."""
_CONTEXT = 200_000
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
_ODD = (AttributeError, KeyError, TypeError)
"""What reading JSON of another shape than the protocol's ends with."""
_FAILURES = (AnthropicError, httpx2.HTTPError, httpx2.StreamError, OSError, ProviderError, *_ODD)


class _AnthropicTransport(Transport, AiohttpTransport):
    streams = "/v1/messages"


class AnthropicProvider(LLMProvider):
    """The messages API at `base_url`. Raises `ConfigurationError` for a key or URL that cannot be used.

    A temperature, a top_p and an effort reach the models that take them; for the others they are left out, and the
    answer says so. `read_timeout` is the longest silence in seconds before a request is given up.
    """

    supports = frozenset({"tools", "tool_choice", "parallel_tools", "format", "stop", "top_p", "effort"})

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
        self.name = name
        self.title = title
        self.default_model = default_model
        self.address = checked_url(base_url, f"{name}: base_url").removesuffix("/v1")
        self._key = checked_key(api_key, f"{name}: api_key")
        self._left_out: dict[tuple[str, frozenset[str], str | None], tuple[str, ...]] = {}
        self._contexts: dict[str, int] = {}
        timeout = httpx2.Timeout(read_timeout, connect=connect_timeout)
        self._client = AsyncAnthropic(
            api_key=self._key,
            base_url=self.address,
            timeout=timeout,
            max_retries=0,
            open_telemetry=False,
            http_client=httpx2.AsyncClient(
                transport=_AnthropicTransport(),
                headers=AS_IT_IS,
                cookies=no_cookies(),
                timeout=timeout,
                follow_redirects=False,
                trust_env=False,
            ),
        )
        self._client._custom_headers = {}  # noqa: SLF001  # the SDK has no public way to refuse ANTHROPIC_CUSTOM_HEADERS

    async def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        answer, decoder = ResponseBuilder(self, request), SSEDecoder()
        stopped = False

        def said(piece: bytes) -> Iterator[Event]:
            nonlocal stopped
            for _, data in decoder.feed(piece):
                if not stopped:
                    heard = parse_object(data)
                    stopped = heard.get("type") == "message_stop"
                    yield from self._read(answer, heard)

        response = await self._post(answer, request, self._body(request, answer.model))
        try:
            async with aclosing(body(response, lambda: stopped, answer.length)) as pieces:
                async for piece in pieces:
                    for event in joined(said(piece)):
                        yield event
        except _FAILURES as error:
            raise self._translate(error, answer.model, streaming=True) from cause(error)
        if not stopped:
            answer.finish_reason = None
        yield answer.done()

    async def models(self) -> tuple[ModelInfo, ...]:
        try:
            async with asyncio.timeout(LIST_TIMEOUT):
                response = await self._client.get("/v1/models?limit=1000", cast_to=httpx2.Response)
            found = tuple(
                ModelInfo(model, title=named(item.get("display_name")), context=count(item.get("max_input_tokens")))
                for model, item in listed(parse_object(response.content).get("data"), "id")
                if item.get("lifecycle") != "retired"
            )
        except _FAILURES as error:
            raise self._translate(error, "") from cause(error)
        self._contexts = {info.id: info.context for info in found if info.context}
        return found

    def reasons(self, model: str) -> bool:
        return "haiku" not in model

    async def aclose(self) -> None:
        await self._client.close()

    def _body(self, request: ChatRequest, model: str) -> dict[str, Any]:
        system = "\n\n".join(turn.text for turn in request.messages if turn.role is Role.SYSTEM and turn.text.strip())
        wanted: dict[str, Any] = {
            "model": model,
            "messages": anthropic_body.turns(request.messages),
            "max_tokens": request.max_tokens if request.max_tokens is not None else _MAX_TOKENS,
            "stream": True,
            **anthropic_body.options(request),
        }
        if system:
            wanted["system"] = system
        for lacks, parameter, what in (
            (request.format and request.format.schema is None, "format", "writes JSON of a given schema only"),
            (any(not stop.strip() for stop in request.stop), "stop", "does not stop at white space alone"),
        ):
            if lacks:
                raise NotOffered(f"{self.title} {what}.", parameter=parameter, provider=self.name, model=model)
        return wanted

    async def _post(self, answer: ResponseBuilder, request: ChatRequest, wanted: dict[str, Any]) -> httpx2.Response:
        """The reply to a request.

        A refused setting is not named by a code, so a request with some that is refused is asked again without them,
        the likelier ones first; what was left out when one is taken is remembered for that model and those settings.
        An effort in another vendor's words is left out at once.
        """
        asked = frozenset(anthropic_body.settings(wanted))
        if request.effort is not None and "effort" not in asked:
            answer.ignored = ("effort",)
        key = (answer.model, asked, request.effort if "effort" in asked else None)
        known = self._left_out.get(key)
        for without in [known] if known is not None else anthropic_body.ways(asked):
            sent = anthropic_body.without(wanted, without)
            sampling = {"temperature", "top_p"} & sent.keys()
            headers = {"anthropic-version": _SAMPLING_VERSION} if sampling else {}
            try:
                response = await self._send(sent, answer.model, headers)
            except InvalidRequest as refused:
                if refused.status != 400:
                    raise
                last = refused
            else:
                if without:
                    if len(self._left_out) >= MAX_LEARNED_MODELS:
                        del self._left_out[next(iter(self._left_out))]  # anybody may invent names of models
                    self._left_out[key] = without
                    answer.ignored += without
                return response
        raise last

    async def _send(self, wanted: dict[str, Any], model: str, headers: dict[str, str]) -> httpx2.Response:
        try:
            response = await self._client.post(
                "/v1/messages",
                body=wanted,
                cast_to=httpx2.Response,
                stream=True,
                stream_cls=AsyncStream[object],
                options={"headers": headers},
            )
        except _FAILURES as error:
            failed = self._translate(error, model)
            if type(failed) is InvalidRequest and self._is_long(wanted, model):
                # A prompt that is too long is an invalid_request_error like any other: its length is what tells.
                failed = PromptTooLong(
                    f"The conversation is too long for {model}.",
                    provider=self.name,
                    model=model,
                    hint="Shorten it, start a new chat, or choose a model with a larger context.",
                    detail=failed.detail,
                    status=failed.status,
                    code=failed.code,
                )
            raise failed from cause(error)
        return cast("httpx2.Response", response)  # what cast_to asks for, which the SDK's overloads cannot say

    def _is_long(self, wanted: dict[str, Any], model: str) -> bool:
        """Whether the text may fill half of the model's context, at four bytes a token."""
        blocks = [block for turn in wanted["messages"] for block in turn["content"]]
        texts = (block.get("text") or block.get("content") or "" for block in blocks)
        size = sum(len(text.encode("utf-8", "replace")) for text in texts)
        return (size + len(wanted.get("system", ""))) / 4 > self._contexts.get(model, _CONTEXT) / 2

    def _read(self, answer: ResponseBuilder, event: dict[str, Any]) -> list[Event]:
        """What one event of the stream says."""
        match event.get("type"):
            case "content_block_delta":
                delta = event["delta"]
                if isinstance(text := delta.get("text"), str) and text:
                    return [answer.text(text)]
                if isinstance(thought := delta.get("thinking"), str) and thought:
                    return [answer.reasoning(thought)]
                if isinstance(piece := delta.get("partial_json"), str):
                    return [answer.tool_call(count(event.get("index")) or 0, arguments=piece)]
            case "message_start":
                message = event["message"]
                answer.model = named(message.get("model")) or answer.model
                _add_usage(answer.usage, message.get("usage") or {})
            case "content_block_start":
                block = event["content_block"]
                if block.get("type") == "tool_use":
                    return [answer.tool_call(count(event.get("index")) or 0, id=block["id"], name=block["name"])]
                if isinstance(text := block.get("text"), str) and text:
                    return [answer.text(text)]
            case "message_delta":
                reason = event["delta"].get("stop_reason")
                if isinstance(reason, str):
                    answer.finish_reason = _FINISH_REASONS.get(reason) or named(reason)
                if reason == "stop_sequence":
                    answer.stop_sequence = named(event["delta"].get("stop_sequence"))
                details = event["delta"].get("stop_details") or {}
                if reason == "refusal":
                    answer.refusal = str(details.get("explanation") or "")[:MAX_REFUSAL_CHARS]
                _add_usage(answer.usage, event.get("usage") or {})
            case "error":
                raise self._failure(None, event, answer.model)
        return []

    def _translate(self, error: Exception, model: str, *, streaming: bool = False) -> ProviderError:
        """The one place where foreign errors become ours."""
        if isinstance(error, APIStatusError):
            return self._failure(error.status_code, error.response.content, model, error.response.headers)
        if isinstance(error, ProviderError):
            error.provider, error.model = self.name, model
            return error
        if isinstance(error, _ODD):
            return StreamBroken(f"{self.title} sent JSON of an unexpected shape.", provider=self.name, model=model)
        return transport_failure(error, provider=self.name, title=self.title, model=model, streaming=streaming)

    def _failure(
        self, status: int | None, reply: object, model: str, headers: Mapping[str, str] | None = None
    ) -> ProviderError:
        return failure(
            provider=self.name,
            title=self.title,
            model=model,
            status=status,
            body=reply,
            headers=headers,
            secrets=(self._key,),
        )


def _add_usage(usage: Usage, reported: dict[str, Any]) -> None:
    """Counts are cumulative: the last reported holds. Input is the uncached part plus what the cache gave or took."""
    if (fresh := count(reported.get("input_tokens"))) is not None:
        cached = count(reported.get("cache_read_input_tokens")) or 0
        kept = count(reported.get("cache_creation_input_tokens")) or 0
        usage["prompt_tokens"] = fresh + cached + kept
        if cached:
            usage["cached_tokens"] = cached
        if kept:
            usage["cache_write_tokens"] = kept
    if (written := count(reported.get("output_tokens"))) is not None:
        usage["completion_tokens"] = written
    if "prompt_tokens" in usage and "completion_tokens" in usage:
        usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]

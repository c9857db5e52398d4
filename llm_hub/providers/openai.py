"""OpenAI, and every server that speaks its chat completions protocol, over the AsyncOpenAI SDK.

The SDK's client says what a request's headers are, and lists the models. A chat goes straight through its HTTP client
and is decoded here, where a malformed line and a missing end are seen for what they are: the SDK's own layers would
add 0.3 ms to each request, as much as all that the router does, and cost three times as much for each chunk.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import httpx2
import orjson
from httpx_aiohttp.httpx2 import AiohttpTransport
from openai import APIStatusError, AsyncOpenAI, OpenAIError

from llm_hub.capabilities import CAPABILITIES
from llm_hub.chat import ChatRequest, ModelInfo, ToolCallDelta, Usage
from llm_hub.errors import ModelNotFound, NotOffered, ProviderError, StreamBroken, UnsupportedParameter
from llm_hub.provider import LLMProvider
from llm_hub.providers import openai_body
from llm_hub.response_builder import ResponseBuilder, joined
from llm_hub.wire.decoders import SSEDecoder, body, dump, parse_object
from llm_hub.wire.http_errors import cause, failure, transport_failure
from llm_hub.wire.learned_parameters import LearnedParameters
from llm_hub.wire.public_hosts import public_connector, public_url
from llm_hub.wire.think_tags import ThinkSplitter
from llm_hub.wire.transport import AS_IT_IS, Transport, no_cookies
from llm_hub.wire.validation import LIST_TIMEOUT, MAX_REFUSAL_CHARS, checked_key, checked_url, count, listed, named

if TYPE_CHECKING:
    from llm_hub.chat import Event

BASE_URL = "https://api.openai.com/v1"

_REPLACED_BY = {
    "max_completion_tokens": "max_tokens",
    "max_tokens": "max_completion_tokens",
    "seed": "random_seed",  # Mistral's
}
_SETTINGS = {
    "temperature": ("temperature",),
    "max_tokens": ("max_tokens", "max_completion_tokens"),
    "parallel_tools": ("parallel_tool_calls",),
    "stop": ("stop",),
    "seed": ("seed", "random_seed"),
    "top_p": ("top_p",),
    "effort": ("reasoning_effort",),
}
"""What an answer is good without, and its names here. Tools and formats are what an answer is for."""
_DROPPABLE = frozenset({"stream_options", *(name for names in _SETTINGS.values() for name in names)})
_NOT_CHAT = ("audio", "dall-e", "embedding", "gpt-image", "live", "moderation", "realtime", "sora", "speech", "tts-",
             "transcribe", "translate", "whisper", "babbage", "davinci", "instruct-0914")  # fmt: skip
_ODD = (AttributeError, TypeError, RecursionError)
"""What reading JSON of another shape than the protocol's ends with."""
_FAILURES = (OpenAIError, httpx2.HTTPError, httpx2.StreamError, OSError, ProviderError, *_ODD)
_REASONING = ("reasoning_content", "reasoning", "reasoning_text")


class _OpenAITransport(Transport, AiohttpTransport):
    streams = "/chat/completions"


class _PublicTransport(_OpenAITransport):
    """For a server that a visitor named."""

    def __init__(self, resolver: Any) -> None:
        super().__init__()
        self._resolver = resolver

    def _connector(self, **options: Any) -> Any:
        return public_connector(resolver=self._resolver, **options)


class OpenAIProvider(LLMProvider):
    """Chat completions at `base_url`. Raises `ConfigurationError` for a key or URL that cannot be used.

    `max_tokens_field` is the server's name for the limit; which of the two names a model takes is also learnt from
    its refusal. `read_timeout` is the longest silence in seconds before a request is given up. `public_only` is for an
    address that a visitor gave: see addresses.py, whose resolver may be another of aiohttp's.
    """

    supports = frozenset(openai_body.NAMES)

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
        self.name = name
        self.title = title
        self.default_model = default_model
        self.address = (public_url if public_only else checked_url)(base_url, f"{name}: base_url")
        self._key = checked_key(api_key, f"{name}: api_key") if api_key is not None else ""
        self._max_tokens_field = max_tokens_field
        self._learned = LearnedParameters(_DROPPABLE, _REPLACED_BY)
        self._chat = httpx2.URL(f"{self.address}/chat/completions")
        self._timeout = httpx2.Timeout(read_timeout, connect=connect_timeout)
        self._http = httpx2.AsyncClient(
            transport=_PublicTransport(resolver) if public_only else _OpenAITransport(),
            headers=AS_IT_IS,
            cookies=no_cookies(),
            timeout=self._timeout,
            follow_redirects=False,
            trust_env=False,
        )
        self._client = AsyncOpenAI(
            # A server without keys ignores the word; None would let the SDK take a key from the environment.
            api_key=self._key or "none",
            base_url=self.address,
            timeout=self._timeout,
            max_retries=0,
            http_client=self._http,
        )
        # What the SDK has read from the environment belongs to nobody's request.
        self._client.organization = self._client.project = self._client.admin_api_key = None
        self._client._custom_headers = {}  # noqa: SLF001  # the SDK has no public way to refuse OPENAI_CUSTOM_HEADERS
        said = {**self._client.default_headers, **self._client.auth_headers}
        self._headers = httpx2.Headers({name: value for name, value in said.items() if isinstance(value, str)})

    async def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        answer, decoder, splitter = ResponseBuilder(self, request), SSEDecoder(), ThinkSplitter()
        ended = False
        response = await self._post(answer, self._body(request, answer.model))
        try:
            async with aclosing(body(response, lambda: answer.finish_reason is not None, answer.length)) as pieces:
                async for piece in pieces:
                    chunks = [] if ended else [data for _, data in decoder.feed(piece)]
                    if b"[DONE]" in chunks:
                        ended, chunks = True, chunks[: chunks.index(b"[DONE]")]
                    for event in joined(self._read(answer, chunks, splitter)):
                        yield event
        except _FAILURES as error:
            raise self._translate(error, answer.model, streaming=True) from cause(error)
        for thinking, text in splitter.flush():
            yield answer.reasoning(text) if thinking else answer.text(text)
        yield answer.done()

    async def models(self) -> tuple[ModelInfo, ...]:
        try:
            async with asyncio.timeout(LIST_TIMEOUT):
                response = await self._client.get("/models", cast_to=httpx2.Response)
            rows = listed(parse_object(response.content).get("data"), "id")
        except _FAILURES as error:
            raise self._translate(error, "") from cause(error)
        found = []
        for model, item in rows:
            if not _is_for_other_things(model):
                context = item.get("context_length") or item.get("context_window") or item.get("max_model_len")
                found.append(ModelInfo(model, context=count(context)))
        return tuple(sorted(found, key=lambda info: info.id))

    async def aclose(self) -> None:
        await self._client.close()

    def _body(self, request: ChatRequest, model: str) -> dict[str, Any]:
        wanted: dict[str, Any] = {
            "model": model,
            "messages": openai_body.messages(request.messages),
            "stream": True,
            "stream_options": {"include_usage": True},
            **openai_body.options(request),
        }
        if request.max_tokens is not None:
            wanted[self._max_tokens_field] = request.max_tokens
        return wanted

    async def _post(self, answer: ResponseBuilder, wanted: dict[str, Any]) -> httpx2.Response:
        """The reply to a request, once what this model does not take is known."""
        while True:
            sent = self._learned.apply(answer.model, wanted)
            request = httpx2.Request(
                "POST",
                self._chat,
                headers=self._headers,
                content=dump(sent),
                extensions={"timeout": self._timeout.as_dict()},
            )
            try:
                response = await self._http.send(request, stream=True)
                if response.is_success:
                    answer.ignored = tuple(
                        setting
                        for setting, names in _SETTINGS.items()
                        if not wanted.keys().isdisjoint(names) and sent.keys().isdisjoint(names)
                    )
                    return response
                async with aclosing(response):
                    reply = await response.aread()
            except _FAILURES as error:
                raise self._translate(error, answer.model) from cause(error)
            failed = self._failure(
                response.status_code, reply, answer.model, response.headers, _DROPPABLE & sent.keys()
            )
            if not self._learned.learn(answer.model, failed, sent):
                raise _of_the_request(failed, sent)

    def _read(self, answer: ResponseBuilder, chunks: list[bytes], splitter: ThinkSplitter) -> Iterator[Event]:
        """What chunks of the stream say."""
        for chunk in map(parse_object, chunks):
            if "error" in chunk or chunk.get("object") == "error":
                raise self._failure(None, chunk, answer.model)
            if (model := chunk.get("model")) != answer.model:
                answer.model = named(model) or answer.model
            if isinstance(usage := chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage"), dict):
                answer.usage = _usage(usage)
            for choice in chunk.get("choices") or ():
                delta = choice.get("delta") or {}
                if len(delta) != 1 or "content" not in delta:  # nearly every chunk has text alone
                    yield from _besides(answer, delta)
                if isinstance(text := delta.get("content"), str) and text:
                    for thinking, piece in splitter.feed(text):
                        yield answer.reasoning(piece) if thinking else answer.text(piece)
                if isinstance(reason := choice.get("finish_reason"), str):
                    if reason == "error":  # OpenRouter, when the provider behind it has failed
                        raise self._failure(None, choice, answer.model)
                    answer.finish_reason = named(reason)

    def _translate(
        self, error: Exception, model: str, *, streaming: bool = False, sent: frozenset[str] = frozenset()
    ) -> ProviderError:
        """The one place where foreign errors become ours."""
        if isinstance(error, APIStatusError):
            return self._failure(error.status_code, error.response.content, model, error.response.headers, sent)
        if isinstance(error, ProviderError):
            error.provider, error.model = self.name, model
            return error
        if isinstance(error, _ODD):
            return StreamBroken(f"{self.title} sent JSON of an unexpected shape.", provider=self.name, model=model)
        return transport_failure(error, provider=self.name, title=self.title, model=model, streaming=streaming)

    def _failure(
        self,
        status: int | None,
        reply: object,
        model: str,
        headers: Mapping[str, str] | None = None,
        sent: frozenset[str] = frozenset(),
    ) -> ProviderError:
        return failure(
            provider=self.name,
            title=self.title,
            model=model,
            status=status,
            body=reply,
            headers=headers,
            secrets=(self._key,),
            sent=sent,
        )


def _of_the_request(failed: ProviderError, sent: dict[str, Any]) -> ProviderError:
    """The error of a request with tools or a format: where a model refuses them by name, it is `NotOffered`."""
    if isinstance(failed, ModelNotFound) and {"tools", "response_format"} & sent.keys():
        # OpenRouter says 404 as well where no server behind it takes tools: the model may be there for others.
        failed.breaker = "ignores"
    refused = failed.parameter if isinstance(failed, UnsupportedParameter) else None
    field = next((field for field, name in openai_body.NAMES.items() if name == refused), None)
    if field is None:
        return failed
    return NotOffered(
        f"{failed.model} does not take {CAPABILITIES[field]}.",
        parameter=field,
        provider=failed.provider,
        model=failed.model,
        detail=failed.detail,
        status=failed.status,
        code=failed.code,
    )


def _besides(answer: ResponseBuilder, delta: dict[str, Any]) -> Iterator[Event]:
    """What a chunk says that is not text."""
    for field in _REASONING:
        if isinstance(thought := delta.get(field), str) and thought:
            yield answer.reasoning(thought)
            break
    for call in delta.get("tool_calls") or ():
        yield _called(answer, call)
    if isinstance(refusal := delta.get("refusal"), str):
        answer.refusal = (answer.refusal + refusal)[:MAX_REFUSAL_CHARS]


def _called(answer: ResponseBuilder, call: dict[str, Any]) -> ToolCallDelta:
    """What one piece of a call says."""
    function = call.get("function") or {}
    arguments = function.get("arguments") or ""
    return answer.tool_call(
        count(call.get("index")) or 0,
        id=call.get("id") or "",
        name=function.get("name") or "",
        arguments=arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode(),
    )


def _usage(reported: dict[str, Any]) -> Usage:
    usage: Usage = {}
    for name in ("prompt_tokens", "completion_tokens", "total_tokens"):
        if (tokens := count(reported.get(name))) is not None:
            usage[name] = tokens
    if len(usage) == 3:  # Gemini and xAI have what was reasoned in the total alone, and take money for it
        usage["completion_tokens"] = max(usage["completion_tokens"], usage["total_tokens"] - usage["prompt_tokens"])
    details = reported.get("completion_tokens_details") or {}
    if (tokens := count(details.get("reasoning_tokens"))) is not None:
        usage["reasoning_tokens"] = tokens
    details = reported.get("prompt_tokens_details") or {}
    if (tokens := count(details.get("cached_tokens"))) is not None:
        usage["cached_tokens"] = tokens
    if tokens := count(details.get("cache_write_tokens")):
        usage["cache_write_tokens"] = tokens
    return usage


def _is_for_other_things(model: str) -> bool:
    """Whether a listed model is for speech, pictures, embeddings, …: lists do not tell, names do."""
    name = model.lower()
    return any(word in name for word in _NOT_CHAT)

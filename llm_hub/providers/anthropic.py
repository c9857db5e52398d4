"""Anthropic, over the AsyncAnthropic SDK.

The SDK's client makes a request's headers, lists the models and counts tokens. A chat goes straight through its HTTP
client and is decoded by the hub: the SDK's own layers would cost it as much as all that the router does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, cast

import httpx2
from anthropic import AnthropicError, APIStatusError, AsyncAnthropic
from anthropic._types import RequestOptions
from httpx_aiohttp.httpx2 import transport as adapter

from llm_hub.capabilities import CAPABILITIES
from llm_hub.chat import ChatRequest, ModelInfo
from llm_hub.errors import InvalidRequest, NotOffered, PromptTooLong, ProviderError, UnsupportedParameter
from llm_hub.providers import anthropic_body, anthropic_original
from llm_hub.providers.anthropic_answer import MessageBuilder
from llm_hub.providers.anthropic_cache import has_marks, with_marks
from llm_hub.providers.anthropic_pieces import plain_text, plain_texts
from llm_hub.providers.http_provider import HttpProvider
from llm_hub.providers.streamed_response import StreamedResponseBuilder
from llm_hub.wire.connection_errors import safe_cause
from llm_hub.wire.decoders import SSEDecoder, encode_json, parse_object
from llm_hub.wire.error_body import is_error
from llm_hub.wire.http_reply import HttpReply
from llm_hub.wire.learned_parameters import MAX_LEARNED_MODELS
from llm_hub.wire.network import DIRECT, Network
from llm_hub.wire.transport import Transport, client_options
from llm_hub.wire.validation import checked_key, checked_url, parse_count, parse_name

if TYPE_CHECKING:
    from llm_hub.chat import Event

BASE_URL = "https://api.anthropic.com"

_MIN_CONTEXT = 200_000
"""Tokens: the smallest context of a current model."""
_SAMPLING = frozenset({"temperature", "top_p", "top_k"})
_SAMPLING_VERSION = "2023-06-01"
"""The last API version that takes a temperature, and only for older models."""
_READERS = {
    "content_block_delta": MessageBuilder.add_delta,
    "content_block_start": MessageBuilder.start_block,
    "content_block_stop": MessageBuilder.stop_block,
    "message_start": MessageBuilder.add_message,
    "message_delta": MessageBuilder.add_end,
    "message_stop": MessageBuilder.add_stop,
    "message": MessageBuilder.add_whole_message,
}
"""What takes each type of event for which the hub has words."""
_ENDS = ("message_stop", "message")
"""The types of event after which nothing of the answer follows."""


class _AnthropicTransport(Transport, adapter.AiohttpTransport):
    adapter: ClassVar = adapter
    streaming_path = "/v1/messages"


class AnthropicProvider(HttpProvider):
    """The messages API at `base_url`. Raises `ConfigurationError` for a key or URL that cannot be used.

    A temperature, a top_p and an effort reach the models that take them. For the others they are left out, and the
    response says so. `read_timeout` is the longest silence in seconds before a request is given up. `cache_prompts`
    marks tools and system prompts for the API's cache where a client has set no mark. `reads_pdf` says whether the
    server takes a PDF as it is; None: Anthropic's own does, and others of its protocol leave it out without a word.
    """

    protocol = "anthropic"
    supports = frozenset(CAPABILITIES.keys() - {"seed"})
    exceptions = (AnthropicError, httpx2.HTTPError, httpx2.StreamError)
    decoder = SSEDecoder
    end_marker = b"DONE"  # several compatible servers write it, after their message_stop or instead of it
    builder = MessageBuilder
    read_text = staticmethod(plain_texts)

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
        network: Network = DIRECT,
        cache_prompts: bool = False,
        reads_pdf: bool | None = None,
    ) -> None:
        address = checked_url(base_url, f"{name}: base_url").removesuffix("/v1")
        key = checked_key(api_key, f"{name}: api_key")
        super().__init__(name=name, title=title, default_model=default_model, address=address, key=key)
        self.reads_pdf = address == BASE_URL if reads_pdf is None else reads_pdf
        self._cache_prompts = cache_prompts
        self._left_out: dict[tuple[str, frozenset[str], str | None], tuple[str, ...]] = {}
        """What a model refused by name in a request with these settings, and this effort."""
        self._refuses_blank_texts = False
        """Whether it was found to refuse texts of white space alone, which clients of its protocol may send."""
        self._contexts: dict[str, int] = {}
        """Tokens of the models' contexts, as far as the list of models says."""
        timeout = httpx2.Timeout(read_timeout, connect=connect_timeout)
        self._timeouts = timeout.as_dict()
        self._transport = _AnthropicTransport(network, address)
        self._client = AsyncAnthropic(
            api_key=key,
            base_url=address,
            timeout=timeout,
            max_retries=0,
            open_telemetry=False,
            http_client=httpx2.AsyncClient(transport=self._transport, **client_options(timeout)),
        )
        self._client._custom_headers = {}  # noqa: SLF001  # the SDK has no public way to refuse ANTHROPIC_CUSTOM_HEADERS
        headers = {**self._client.default_headers, **self._client.auth_headers}
        self._headers = {name.lower(): value for name, value in headers.items() if isinstance(value, str)}
        self._sampling_headers = self._headers | {"anthropic-version": _SAMPLING_VERSION}
        self._url = f"{address}/v1/messages"

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

    async def count_tokens(self, request: ChatRequest) -> dict[str, Any] | None:
        original = request.original
        if original is None or original.protocol != self.protocol:
            return None
        model = request.model or self.default_model
        body = anthropic_original.original_prompt(original, model)
        options = RequestOptions(headers=anthropic_original.original_headers(request))
        path = f"/v1/messages/count_tokens{anthropic_original.original_query(request)}"
        try:
            try:
                reply = await self._client.post(path, body=body, cast_to=httpx2.Response, options=options)
            except APIStatusError as error:
                reply = error.response
            if reply.is_success:
                return parse_object(reply.content)
        except self._translated as error:
            raise self._translate(error, model) from safe_cause(error)
        raise self._error_from_reply(reply.status_code, reply.content, model, reply.headers)

    async def aclose(self) -> None:
        await self._client.close()

    def _body(self, request: ChatRequest, model: str) -> dict[str, Any]:
        body = self._unmarked_body(request, model)
        if not self._cache_prompts or (request.original is not None and has_marks(request.original.body)):
            return body
        return with_marks(body)

    def _unmarked_body(self, request: ChatRequest, model: str) -> dict[str, Any]:
        original = request.original
        if original is not None and original.protocol == "anthropic":
            body = anthropic_original.original_body(original, request, model)
            return anthropic_original.without_blank_texts(body) if self._refuses_blank_texts else body
        if (unsupported := anthropic_body.unsupported_value(request)) is not None:
            field, problem = unsupported
            raise NotOffered(f"{self.title} {problem}.", parameter=field, provider=self.name, model=model)
        return {
            "model": model,
            "messages": anthropic_body.messages(request.messages, provider=self.name),
            "stream": True,
            **anthropic_body.options(request),
        }

    def _adapt(self, model: str, body: dict[str, Any]) -> dict[str, Any]:
        if not self._left_out:  # nearly always
            return body
        return anthropic_body.with_budget(body, self._left_out.get(_settings_key(model, body), ()))

    async def _send(self, body: dict[str, Any], request: ChatRequest) -> HttpReply:
        headers = self._headers if _SAMPLING.isdisjoint(body) else self._sampling_headers
        if more := anthropic_original.original_headers(request):
            headers = headers | more
        url = f"{self._url}{anthropic_original.original_query(request)}"
        return await self._transport.post(url, headers, encode_json(body), self._timeouts)

    async def _revise(
        self, model: str, body: dict[str, Any], sent: dict[str, Any], refusal: ProviderError
    ) -> dict[str, Any]:
        """Leaves out the setting that a refusal names, or the blank texts, and remembers that. If it names none, leaves
        out all settings, once.

        No code tells what was refused. A refusal that names no setting teaches nothing, and is what the caller is told
        where leaving out all of them did not help.
        """
        if (revised := anthropic_original.without_refused_texts(sent, refusal)) is not None:
            self._refuses_blank_texts = True
            return revised
        if self._refuses_blank_texts:
            body = anthropic_original.without_blank_texts(body)
        if type(refusal) is InvalidRequest and self._is_long(sent, model):
            # A prompt that is too long is an invalid_request_error like any other: its length is what tells.
            too_long = PromptTooLong(
                f"The conversation is too long for {model}.",
                provider=self.name,
                model=model,
                hint="Shorten it, start a new chat, or choose a model with a larger context.",
                detail=refusal.detail,
                status=refusal.status,
                code=refusal.code,
            )
            too_long.original = refusal.original
            raise too_long
        if not isinstance(refusal, InvalidRequest | UnsupportedParameter) or refusal.status != 400:
            raise refusal
        if "thinking" in sent.keys() - body.keys():  # a budget that the hub has put in an effort's place
            left_out = (*anthropic_body.left_out(body, sent), "thinking")
            self._learn(model, body, left_out)
            return anthropic_body.without(body, left_out)
        if (name := anthropic_body.named_setting(refusal.detail, sent)) is not None:
            left_out = (*anthropic_body.left_out(body, sent), name)
            self._learn(model, body, left_out)
            return anthropic_body.with_budget(body, left_out)
        if not anthropic_body.settings(sent):
            earlier = refusal.__context__
            is_vague = isinstance(earlier, ProviderError) and not anthropic_body.named_setting(earlier.detail, body)
            raise earlier if is_vague and earlier is not None else refusal
        return anthropic_body.without(body, anthropic_body.settings(body))

    def _accept(self, builder: StreamedResponseBuilder, body: dict[str, Any], sent: dict[str, Any]) -> None:
        if sent is body and builder.request.effort is None:  # nearly always: nothing was left out
            return
        left_out = anthropic_body.left_out(body, sent)
        if "thinking" in sent.keys() - body.keys():
            left_out = tuple(name for name in left_out if name != "effort")
        # An effort in another vendor's words is not in the body at all.
        has_effort = builder.request.effort is None or "effort" in anthropic_body.settings(body)
        builder.ignored = left_out if has_effort else ("effort", *left_out)

    def _learn(self, model: str, body: dict[str, Any], left_out: tuple[str, ...]) -> None:
        if len(self._left_out) >= MAX_LEARNED_MODELS:
            del self._left_out[next(iter(self._left_out))]
        self._left_out[_settings_key(model, body)] = left_out

    def _read(self, builder: StreamedResponseBuilder, chunks: Iterable[dict[str, Any]]) -> Iterator[Event | None]:
        message = cast("MessageBuilder", builder)  # what `builder` above makes
        words: list[str] = []  # of the events that are nothing else, as nearly all are: they are added at once
        try:
            for event in chunks:
                if message.is_text_open and (text := plain_text(event)) is not None:
                    words.append(text)
                    continue
                if words:
                    yield message.add_words(words)
                kind: Any = event.get("type")
                read = _READERS.get(kind)
                yield from read(message, event) if read is not None else self._read_other(message, event)
                if kind in _ENDS:
                    return
        except Exception:
            if words:
                yield message.add_words(words)
            raise
        if words:
            yield message.add_words(words)

    def _read_other(self, message: MessageBuilder, event: dict[str, Any]) -> Iterable[Event | None]:
        """The events of what is no part of a message."""
        if event.get("type") in ("error", None) and is_error(event):
            raise self._error_from_reply(None, event, message.model)
        return message.add_event(event)

    def _is_complete(self, builder: StreamedResponseBuilder) -> bool:
        """A message is complete with its message_stop, and not with its stop reason."""
        return builder.ended

    def _finish(self, builder: StreamedResponseBuilder) -> None:
        cast("MessageBuilder", builder).keep_original()

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
    return model, frozenset(anthropic_body.settings(body)), (body.get("output_config") or {}).get("effort")

"""OpenAI, and every server that speaks its chat completions protocol, over the AsyncOpenAI SDK.

A model that needs OpenAI's newer protocol is asked in that: see openai_protocols.py and openai_responses.py. The SDK's
client makes a request's headers and lists the models. A chat goes straight through its transport and is decoded by the
hub, which notices a malformed line and a missing end, in a third of the SDK's time.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast
from urllib.parse import parse_qsl

import httpx2
from httpx_aiohttp.httpx2 import transport as adapter
from openai import APIStatusError, AsyncOpenAI, OpenAIError

from llm_hub.chat import ChatRequest, ModelInfo
from llm_hub.errors import InvalidRequest, ProviderError
from llm_hub.providers import openai_body
from llm_hub.providers.http_provider import HttpProvider
from llm_hub.providers.openai_answer import OpenAIResponseBuilder
from llm_hub.providers.openai_deployment import deployment_of, request_headers
from llm_hub.providers.openai_embeddings import EMBEDDINGS
from llm_hub.providers.openai_fields import QUIET_FIELDS
from llm_hub.providers.openai_original import (
    addressed,
    limit_fields,
    lost_signatures,
    with_plain_tools,
    with_unchecked_signatures,
    without_neutral,
)
from llm_hub.providers.openai_pieces import plain_text, plain_texts
from llm_hub.providers.openai_protocols import NOT_CHAT, ProtocolChoice, ResponsesUse
from llm_hub.providers.openai_responses import ResponsesProvider
from llm_hub.providers.other_protocol import OtherProtocol
from llm_hub.providers.streamed_response import StreamedResponseBuilder
from llm_hub.wire.decoders import USAGE_GRACE, SSEDecoder, encode_json
from llm_hub.wire.error_body import is_error
from llm_hub.wire.http_reply import HttpReply
from llm_hub.wire.learned_parameters import MAX_LEARNED_MODELS, LearnedParameters
from llm_hub.wire.network import DIRECT, Network
from llm_hub.wire.public_hosts import public_connector, public_url
from llm_hub.wire.transport import Transport, client_options
from llm_hub.wire.validation import checked_key, checked_url, parse_count, parse_name

if TYPE_CHECKING:
    from llm_hub.chat import Event

BASE_URL = "https://api.openai.com/v1"


class _OpenAITransport(Transport, adapter.AiohttpTransport):
    adapter: ClassVar = adapter
    streaming_path = ("/chat/completions", "/responses")


class _PublicTransport(_OpenAITransport):
    """For a server that a visitor named: it connects to public addresses only."""

    def __init__(self, resolver: Any) -> None:
        super().__init__()  # never through a proxy, which would look up the name itself
        self._resolver = resolver

    def _connector(self, **options: Any) -> Any:
        return public_connector(resolver=self._resolver, **options)


class OpenAIProvider(HttpProvider):
    """Chat completions at `base_url`. Raises `ConfigurationError` for a key or URL that cannot be used.

    `max_tokens_field` is the server's name for the limit, and `renames_limit` says that it goes before the name that a
    client of the same protocol has chosen, since the server might overlook the other one; which of the two a model
    takes is also learnt from its refusal. `responses` says when the server is asked in Responses instead: see
    `ResponsesUse`. `state_fields` are those of `STATE_FIELDS` that the vendor gives and wants back: messages are sent
    without the others. None: nobody knows. `stand_ins` are for calls that come without that state: see
    `with_stand_ins`. `read_timeout` is the longest silence in seconds before a request is given up. `network` says
    through which proxy the server is reached, and which certificates are trusted. `public_only` is for a base URL that
    a visitor gave: see public_hosts.py. `resolver` is one of aiohttp's, for its host name. `reads_pdf` says whether the
    server takes a PDF as it is; None: OpenAI's own does, and no other one is known to. `pins_hosts`: see `pin_host`.
    """

    protocol = "openai"
    supports = frozenset(openai_body.FIELDS) | {"image_urls"}
    exceptions = (OpenAIError, httpx2.HTTPError, httpx2.StreamError)
    decoder = SSEDecoder
    builder = OpenAIResponseBuilder
    end_marker = b"DONE"
    base_path = "/v1"
    embeddings_path = "/embeddings"
    read_text = staticmethod(plain_texts)

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str = BASE_URL,
        name: str = "openai",
        title: str = "OpenAI",
        default_model: str = "gpt-6-luna",
        max_tokens_field: str = "max_completion_tokens",
        renames_limit: bool = False,
        responses: ResponsesUse = "if_refused",
        state_fields: Collection[str] | None = None,
        stand_ins: Mapping[str, Mapping[str, Any]] | None = None,
        connect_timeout: float = 5.0,
        read_timeout: float = 300.0,
        network: Network = DIRECT,
        public_only: bool = False,
        resolver: Any = None,
        reads_pdf: bool | None = None,
        pins_hosts: bool = False,
    ) -> None:
        setting = f"{name}: base_url"
        url = public_url(base_url, setting) if public_only else checked_url(base_url, setting, takes_query=True)
        address, _, self._query = url.partition("?")  # which goes with each request
        key = checked_key(api_key, f"{name}: api_key") if api_key is not None else ""
        super().__init__(name=name, title=title, default_model=default_model, address=address, key=key)
        self.reads_pdf = address == BASE_URL if reads_pdf is None else reads_pdf
        self._max_tokens_field = max_tokens_field
        self._renames_limit = renames_limit
        self._pins_hosts = pins_hosts
        self._learned = LearnedParameters(openai_body.REQUIRED, openai_body.OTHER_NAMES)
        self._refused_fields: dict[str, frozenset[str]] = {}
        """The fields of messages that a model refused."""
        self._state_fields = openai_body.STATE_FIELDS if state_fields is None else frozenset(state_fields)
        self._foreign_fields = openai_body.STATE_FIELDS - self._state_fields
        self._stand_ins = stand_ins
        self._contexts: dict[str, int] = {}
        """Tokens of the models' contexts, as far as the list of models says."""
        self._chat_url = f"{address}/chat/completions"
        self._timeout = httpx2.Timeout(read_timeout, connect=connect_timeout)
        self._transport = _PublicTransport(resolver) if public_only else _OpenAITransport(network, address)
        self._client = AsyncOpenAI(
            # A server without keys ignores the word; None would let the SDK take a key from the environment.
            api_key=key or "none",
            base_url=address,
            default_query=dict(parse_qsl(self._query, keep_blank_values=True)),
            timeout=self._timeout,
            max_retries=0,
            http_client=httpx2.AsyncClient(transport=self._transport, **client_options(self._timeout)),
        )
        # What the SDK has read from the environment belongs to nobody's request.
        self._client.organization = self._client.project = self._client.admin_api_key = None
        self._client._custom_headers = {}  # noqa: SLF001  # the SDK has no public way to refuse OPENAI_CUSTOM_HEADERS
        self._headers = request_headers(self._client, address)
        self._protocols = ProtocolChoice(responses)
        self._responses = ResponsesProvider(
            self, key, post=self._post_json, is_too_long=self._is_too_long, protocols=self._protocols
        )

    def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        if self._protocols.prefers_responses(request.model or self.default_model, request):
            return self._responses.events(request)
        return super().events(request)

    async def models(self) -> tuple[ModelInfo, ...]:
        if deployment := deployment_of(self.address):
            return (ModelInfo(deployment),)
        models = []
        for model, row in await self._fetch_models("/models", rows="data", name="id"):
            if not any(word in model.lower() for word in NOT_CHAT):
                context = row.get("context_length") or row.get("context_window") or row.get("max_model_len")
                models.append(ModelInfo(model, context=parse_count(context)))
        self._contexts = {info.id: info.context for info in models if info.context}
        return tuple(sorted(models, key=lambda info: info.id))

    async def aclose(self) -> None:
        await self._client.close()

    def _body(self, request: ChatRequest, model: str) -> dict[str, Any]:
        original = request.original
        if original is not None and original.protocol == "openai":
            fields = openai_body.from_original(request, original)
        else:
            fields = {"messages": openai_body.messages(request.messages, self.name), **openai_body.options(request)}
        if self._stand_ins is not None:
            fields["messages"] = [openai_body.with_stand_ins(turn, self._stand_ins) for turn in fields["messages"]]
        body = {"model": model, **fields, "stream": True}
        body["stream_options"] = {**(fields.get("stream_options") or {}), "include_usage": True}
        body |= limit_fields(request, self._max_tokens_field, renames=self._renames_limit)
        return openai_body.pin_host(body) if self._pins_hosts else body

    def _adapt(self, model: str, body: dict[str, Any]) -> dict[str, Any]:
        refused = self._refused_fields.get(model, frozenset()) | self._foreign_fields
        body = openai_body.without_message_fields(body, refused)
        return self._learned.apply(model, body)

    async def _send(self, body: dict[str, Any], request: ChatRequest) -> HttpReply:
        return await self._post_json(self._chat_url, encode_json(body), request, self.protocol)

    async def _post_json(self, url: str, content: bytes, request: ChatRequest, protocol: str) -> HttpReply:
        """Posts JSON to where `protocol` is spoken, and returns the reply with its body unread."""
        url, headers = addressed(url, self._headers, request, protocol, self._query)
        return await self._transport.post(url, headers, content, self._timeout.as_dict())

    async def _revise(
        self, model: str, body: dict[str, Any], sent: dict[str, Any], refusal: ProviderError
    ) -> dict[str, Any]:
        """A refused parameter is left out or renamed, and remembered for that model once that helped twice. A refused
        field of a message is remembered once the model takes the request without it: only words tell which one it is.

        Where a refusal names nothing, all that an answer is good without is left out, once, and nothing is remembered.
        Where it says that Responses is the protocol for this, it is tried.
        """
        if self._protocols.is_refused_in_chat(model, refusal, has_tools=bool(body.get("tools"))):
            raise OtherProtocol(self._responses.events_after, refusal)
        if type(refusal) is InvalidRequest and refusal.falls_back and self._is_too_long(model, sent["messages"]):
            raise openai_body.explain_length(refusal)
        for revise in (without_neutral, with_unchecked_signatures, with_plain_tools):
            if (revised := revise(sent, refusal)) is not None:
                return revised
        if (revised := self._learned.revise(model, refusal, body, sent)) is not None:
            return revised
        if fields := openai_body.refused_message_fields(refusal, sent):
            return openai_body.without_message_fields(sent, fields)
        if type(refusal) is InvalidRequest and refusal.falls_back and (names := openai_body.dispensable(sent)):
            return {name: value for name, value in sent.items() if name not in names}
        raise openai_body.explain_refusal(refusal, sent)

    def _is_too_long(self, model: str, conversation: object) -> bool:
        """Whether the conversation is longer than the context in the server's list of models, at four bytes a token."""
        context = self._contexts.get(model)
        return context is not None and len(encode_json(conversation)) / 4 > context

    def _optional(self, sent: dict[str, Any]) -> frozenset[str]:
        """Everything but what the answer is for: a client of the same protocol may send what the hub does not know."""
        return frozenset(sent) - openai_body.REQUIRED

    def _accept(self, builder: StreamedResponseBuilder, body: dict[str, Any], sent: dict[str, Any]) -> None:
        cast("OpenAIResponseBuilder", builder).state_fields = self._state_fields
        self._learned.confirm(builder.model, body, sent)
        self._protocols.confirm_chat()
        if sent is body:  # nearly always: nothing was left out
            return
        builder.ignored = openai_body.left_out(body, sent) + lost_signatures(body, sent)
        fields = openai_body.message_fields(body) - openai_body.message_fields(sent)
        if fields and (len(self._refused_fields) < MAX_LEARNED_MODELS or builder.model in self._refused_fields):
            self._refused_fields[builder.model] = fields | self._refused_fields.get(builder.model, frozenset())

    def _read(self, builder: StreamedResponseBuilder, chunks: Iterable[dict[str, Any]]) -> Iterator[Event | None]:
        builder = cast("OpenAIResponseBuilder", builder)  # what `builder` above makes
        texts: list[str] = []  # of the chunks that are nothing else, as nearly all are: they are added at once
        try:
            for chunk in chunks:
                if builder.is_under_way and (text := plain_text(chunk, builder.model, builder.choice)) is not None:
                    texts.append(text)
                else:
                    yield from builder.add_texts(texts)
                    yield from self._read_chunk(builder, chunk)
        except Exception:
            yield from builder.add_texts(texts)
            raise
        yield from builder.add_texts(texts)

    def _read_chunk(self, builder: OpenAIResponseBuilder, chunk: dict[str, Any]) -> Iterator[Event | None]:
        choices = chunk.get("choices")
        if not QUIET_FIELDS.issuperset(chunk) or choices is None:
            for part in (chunk, chunk.get("x_groq"), chunk.get("response")):
                if isinstance(part, dict) and is_error(part):
                    raise self._error_from_reply(None, part, builder.model)
            builder.read_fields(chunk)
        builder.model = parse_name(chunk.get("model")) or builder.model
        for choice in choices or ():
            builder.keep_quiet_fields(chunk)
            if head := builder.take_head(choice):
                yield head
            for part in (choice, choice.get("delta")):
                if part and part.get("error"):
                    raise self._error_from_reply(None, part, builder.model)
            yield from builder.read_choice(choice)
            if choice.get("finish_reason") == "error":  # OpenRouter, when the provider behind it has failed
                raise self._error_from_reply(None, choice, builder.model)
        if usage := chunk.get("usage"):
            builder.add_usage(usage)
            builder.is_settled = builder.is_settled or (not choices and builder.finish_reason is not None)

    def _is_complete(self, builder: StreamedResponseBuilder) -> bool:
        return cast("OpenAIResponseBuilder", builder).is_complete

    def _grace(self, builder: StreamedResponseBuilder) -> float | None:
        """Where a server gives finish reason and usage with every chunk, the first of them is not the end."""
        grace = super()._grace(builder)
        is_sure = builder.ended or grace is None or cast("OpenAIResponseBuilder", builder).is_settled
        return grace if is_sure else USAGE_GRACE

    def _finish(self, builder: StreamedResponseBuilder) -> None:
        cast("OpenAIResponseBuilder", builder).complete()

    async def _post_embeddings(self, content: bytes, request: ChatRequest) -> HttpReply:
        reply = await self._post_json(f"{self.address}{self.embeddings_path}", content, request, EMBEDDINGS)
        await reply.aread()
        return reply

    async def _get(self, path: str) -> HttpReply:
        try:
            return await self._client.get(path, cast_to=httpx2.Response)
        except APIStatusError as error:
            return error.response

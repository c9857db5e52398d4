"""The one loop under every adapter that speaks HTTP (template method).

`HttpProvider.events` does what is the same for every vendor: it posts the request, translates an error status, sends
the request once more where a model refused a parameter that it can do without, decodes the body, collects the answer,
and closes the reply whatever happens. An adapter writes the shape of its request and the reading of its chunks:

    class ExampleProvider(HttpProvider):
        exceptions = (httpx.HTTPError,)                 # what its client raises
        decoder = SSEDecoder                            # or LineDecoder, for newline-delimited JSON

        def _body(self, request, model):
            return {"model": model, "messages": [...], "stream": True}

        async def _send(self, body):                    # any status; the body of the reply must still be unread
            return await self._client.send(self._client.build_request("POST", "/chat", json=body), stream=True)

        def _read(self, builder, chunks):
            for chunk in chunks:
                yield builder.add_text(chunk["text"])
                builder.finish_reason = chunk.get("finish_reason")

The methods with a default are for what one vendor needs: an adapter overrides them in this module's order, and `_get`
to list models. The client is built in an adapter's constructor, which the hub calls in a thread, since it loads
certificates; it connects with the first request.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar
from urllib.parse import urlsplit

import orjson

from llm_hub.chat import ChatRequest, ReasoningDelta, TextDelta
from llm_hub.errors import ProviderError, StreamBroken, shorten
from llm_hub.provider import LLMProvider
from llm_hub.redaction import redact
from llm_hub.response_builder import ResponseBuilder
from llm_hub.wire.decoders import RawReply, StreamDecoder, parse_object, read_body
from llm_hub.wire.error_body import MAX_TEXT_BYTES, is_error_document
from llm_hub.wire.http_errors import error_from_exception, error_from_reply, safe_cause
from llm_hub.wire.think_tags import ThinkSplitter
from llm_hub.wire.validation import parse_model_list

if TYPE_CHECKING:
    from llm_hub.chat import Event, Waiting

MAX_OPENING_BYTES = 2**20
"""Bytes of a body without any event of a stream that are read as a document: an error, or a whole answer."""
LIST_TIMEOUT = 10.0
"""Seconds for a list of models: the page shows its suggestions meanwhile."""

T = TypeVar("T")

_UNEXPECTED_SHAPE = (AttributeError, KeyError, TypeError, RecursionError)
"""What reading JSON of another shape than the protocol's raises."""


class HttpReply(RawReply, Protocol):
    """What the responses of httpx and httpx2 have in common."""

    @property
    def status_code(self) -> int: ...
    @property
    def is_success(self) -> bool: ...
    @property
    def content(self) -> bytes: ...
    async def aread(self) -> bytes: ...


class StreamedResponseBuilder(ResponseBuilder):
    """A response builder with what the loop has to know about the stream of one answer."""

    __slots__ = ("_splitter", "ended", "request")

    def __init__(self, provider: HttpProvider, request: ChatRequest) -> None:
        super().__init__(provider, request)
        self.request = request
        self.ended = False
        """Whether the stream has said that nothing follows: what comes all the same is not read."""
        self._splitter = ThinkSplitter()

    def add_tagged_text(self, text: str) -> Iterable[TextDelta | ReasoningDelta]:
        """Adds text in which the model may have written its reasoning between `<think>` tags."""
        if self._splitter.is_done:  # nearly always: this runs for each token
            return (self.add_text(text),)
        return self._add_pieces(self._splitter.feed(text))

    def add_rest(self) -> list[TextDelta | ReasoningDelta]:
        """Adds the text that waited for the end of a tag."""
        return self._add_pieces(self._splitter.flush())

    def _add_pieces(self, pieces: list[tuple[bool, str]]) -> list[TextDelta | ReasoningDelta]:
        return [self.add_reasoning(text) if is_reasoning else self.add_text(text) for is_reasoning, text in pieces]


class HttpProvider(LLMProvider):
    """A provider that is asked over HTTP: see the module's docstring for what an adapter writes."""

    exceptions: ClassVar[tuple[type[Exception], ...]]
    """What the client raises where a request or a reply fails: its base classes are enough."""
    decoder: ClassVar[type[StreamDecoder]]
    """What cuts the body into JSON objects. One is made for each answer."""
    end_marker: ClassVar[bytes | None] = None
    """The data that ends a stream without being JSON."""
    base_path: ClassVar[str] = ""
    """What base URLs usually end with, and what is missing where nothing answers; "": nothing."""
    optional_parameters: ClassVar[frozenset[str]] = frozenset()
    """Parameters on the wire that a model may refuse, and that an answer is good without."""

    def __init__(self, *, name: str, title: str, default_model: str, address: str, key: str = "") -> None:
        self.name = name
        self.title = title
        self.default_model = default_model
        self.address = address
        self._key = key
        self._translated: tuple[type[Exception], ...] = (*self.exceptions, OSError, ProviderError, *_UNEXPECTED_SHAPE)

    async def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        await self._prepare_model(request)
        builder, decoder = StreamedResponseBuilder(self, request), self.decoder()
        if notice := await self._loading_notice(builder.model):
            yield notice
        reply = await self._post(builder)
        opening, has_events = bytearray(), False
        try:
            body = read_body(reply, partial(self._is_complete, builder), builder.count_characters)
            async with aclosing(body) as pieces:
                async for piece in pieces:
                    texts = [] if builder.ended else decoder.decode(piece)
                    if not has_events:
                        has_events = bool(texts)
                        opening += piece[: MAX_OPENING_BYTES - len(opening)]
                    if self.end_marker is not None and self.end_marker in texts:
                        builder.ended, texts = True, texts[: texts.index(self.end_marker)]
                    for event in join_deltas(self._read(builder, map(parse_object, texts))):
                        yield event
            if not has_events:
                for event in self._read_document(builder, bytes(opening)):
                    yield event
        except self._translated as error:
            raise self._translate(error, builder.model, streaming=True) from safe_cause(error)
        for event in builder.add_rest():
            yield event
        self._finish(builder)
        yield builder.finish()

    async def _post(self, builder: StreamedResponseBuilder) -> HttpReply:
        """The reply whose body is the answer. Raises `ProviderError` for every other."""
        model = builder.model
        body = self._body(builder.request, model)
        sent = self._adapt(model, body)
        while True:
            try:
                reply = await self._send(sent)
                if not reply.is_success:
                    async with aclosing(reply):
                        content = await reply.aread()
            except self._translated as error:
                raise self._translate(error, model) from safe_cause(error)
            if reply.is_success:
                self._accept(builder, body, sent)
                return reply
            refusal = self._error_from_reply(
                reply.status_code, content, model, reply.headers, self.optional_parameters & sent.keys()
            )
            sent = await self._revise(model, body, sent, refusal)

    async def _prepare_model(self, request: ChatRequest) -> None:
        """Finds out the default model, where a request needs it and only the server knows it."""

    async def _loading_notice(self, model: str) -> Waiting | None:  # noqa: ARG002  # a default: overridden where it matters
        """The notice for a model that has to be loaded first; None: it need not, or nobody can tell."""
        return None

    @abstractmethod
    def _body(self, request: ChatRequest, model: str) -> dict[str, Any]:
        """The request in the vendor's shape, with everything that it asks for. Raises `NotOffered`."""

    def _adapt(self, model: str, body: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002  # a default: overridden where it matters
        """The body as it is sent first: without what the model is known to refuse."""
        return body

    @abstractmethod
    async def _send(self, body: dict[str, Any]) -> HttpReply:
        """Posts a body once, and returns the reply with its body unread, whatever its status is."""

    async def _revise(
        self,
        model: str,  # noqa: ARG002  # a default, like the next two
        body: dict[str, Any],  # noqa: ARG002
        sent: dict[str, Any],  # noqa: ARG002
        refusal: ProviderError,
    ) -> dict[str, Any]:
        """The body to send after a refusal of `sent`. Raises the refusal, or a clearer error, if none is worth it."""
        raise refusal

    def _accept(self, builder: StreamedResponseBuilder, body: dict[str, Any], sent: dict[str, Any]) -> None:
        """Notes what the accepted body leaves out: in `builder.ignored`, and for the next request."""

    @abstractmethod
    def _read(self, builder: StreamedResponseBuilder, chunks: Iterable[dict[str, Any]]) -> Iterator[Event]:
        """The events of the stream's next objects. Sets the builder's fields: model, usage, finish reason, the end."""

    def _read_document(self, builder: StreamedResponseBuilder, body: bytes) -> Iterator[Event]:
        """The events of a body in which no event of a stream was found. Raises the error that it is, if it is one.

        Servers answer so with a status of success that an error deserves. A body that is JSON and no error is left to
        the adapter: it may be a whole answer.
        """
        if is_error_document(body):
            raise self._error_from_reply(None, body, builder.model)
        try:
            document = orjson.loads(body)
        except orjson.JSONDecodeError:
            text = redact(body[:MAX_TEXT_BYTES].decode("utf-8", "replace"), self._key)
            if not text.strip():
                return
            raise StreamBroken(f"{self.title} sent something that is not an answer.", detail=shorten(text)) from None
        if isinstance(document, dict):
            yield from self._read(builder, [document])

    def _is_complete(self, builder: StreamedResponseBuilder) -> bool:
        """Whether the answer is complete: what may still come is usage and the end of the stream."""
        return builder.finish_reason is not None

    def _finish(self, builder: StreamedResponseBuilder) -> None:
        """Completes the builder's fields once the stream has ended."""

    async def _get(self, path: str) -> HttpReply:
        """The reply to a GET, read to its end, whatever its status is."""
        raise NotImplementedError

    async def _fetch(self, path: str) -> dict[str, Any]:
        """The JSON object at a path. Raises `ProviderError`."""
        return await self._fetch_parsed(path, parse_object)

    async def _fetch_models(self, path: str, *, rows: str, name: str) -> list[tuple[str, dict[str, Any]]]:
        """The models listed at a path, with their rows: `rows` and `name` are the usual fields of list and name."""
        return await self._fetch_parsed(path, partial(parse_model_list, rows=rows, name=name))

    async def _fetch_parsed(self, path: str, parse: Callable[[bytes], T]) -> T:
        """What `parse` makes of the reply to a GET. Raises `ProviderError`."""
        try:
            async with asyncio.timeout(LIST_TIMEOUT):
                reply = await self._get(path)
            if reply.is_success:
                if is_error_document(reply.content):
                    raise self._error_from_reply(None, reply.content, "", reply.headers)
                return parse(reply.content)
        except self._translated as error:
            raise self._translate(error, "") from safe_cause(error)
        raise self._error_from_reply(reply.status_code, reply.content, "", reply.headers)

    def _translate(self, error: Exception, model: str, *, streaming: bool = False) -> ProviderError:
        """The one place where foreign exceptions become our errors. `streaming`: the reply had begun."""
        if isinstance(error, ProviderError):
            error.provider, error.model = self.name, model
            return error
        if isinstance(error, _UNEXPECTED_SHAPE):
            return StreamBroken(f"{self.title} sent JSON of an unexpected shape.", provider=self.name, model=model)
        return error_from_exception(error, provider=self.name, title=self.title, model=model, streaming=streaming)

    def _error_from_reply(
        self,
        status: int | None,
        body: object,
        model: str,
        headers: Mapping[str, str] | None = None,
        sent: frozenset[str] = frozenset(),
    ) -> ProviderError:
        """The error that a failed reply stands for, or with the status None an error inside a stream."""
        return error_from_reply(
            provider=self.name,
            title=self.title,
            model=model,
            status=status,
            body=body,
            headers=headers,
            secrets=(self._key,),
            sent=sent,
            path=urlsplit(self.address).path,
            address_hint=self._address_hint(),
        )

    def _address_hint(self) -> str:
        """What to try where nothing of an API is at the base URL."""
        if self.base_path and not urlsplit(self.address).path.endswith(self.base_path):
            return f"Try the base URL with {self.base_path} at its end."
        return "Check the base URL."


def join_deltas(events: Iterable[Event]) -> Iterator[Event]:
    """The same events, with neighbouring pieces of text joined into one, and neighbouring pieces of reasoning.

    For the events of one read from the network: every layer above does its work once for each event. Where `events`
    raises, the text that came before is handed on first.
    """
    pending: TextDelta | ReasoningDelta | None = None
    texts: list[str] = []
    try:
        for event in events:
            if pending is not None and type(event) is type(pending):
                texts.append(event.text)
                continue
            if pending is not None:
                yield _join(pending, texts)
                pending = None
            if isinstance(event, TextDelta | ReasoningDelta):
                pending, texts = event, [event.text]
            else:
                yield event
    except Exception:
        if pending is not None:
            yield _join(pending, texts)
        raise
    if pending is not None:
        yield _join(pending, texts)


def _join(first: TextDelta | ReasoningDelta, texts: list[str]) -> TextDelta | ReasoningDelta:
    return first if len(texts) == 1 else type(first)("".join(texts))

"""The one loop under every adapter that speaks HTTP (template method).

`HttpProvider.events` does what is the same for every vendor: it posts the request, translates an error status, sends
the request once more where a model refused a parameter that it can do without, decodes the body, collects the answer,
and closes the reply whatever happens. An adapter writes the shape of its request and the reading of its chunks:

    class ExampleProvider(HttpProvider):
        exceptions = (httpx.HTTPError,)                 # what its client raises
        decoder = SSEDecoder                            # or LineDecoder, for newline-delimited JSON

        def _body(self, request, model):
            return {"model": model, "messages": [...], "stream": True}

        async def _send(self, body, request):           # any status; the body of the reply must still be unread
            return await self._client.send(self._client.build_request("POST", "/chat", json=body), stream=True)

        def _read(self, builder, chunks):
            for chunk in chunks:
                yield builder.add_text(chunk["text"])
                builder.finish_reason = chunk.get("finish_reason")

The methods with a default are for what one vendor needs: an adapter overrides them in this module's order, and `_get`
to list models. The list of models, and how foreign failures become our errors, are in vendor_server.py. The client is
built in an adapter's constructor, which the hub calls in a thread, since it loads certificates; it connects with the
first request.
"""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from llm_hub.chat import Alive, ChatRequest, FilesSent
from llm_hub.documents.sending import has_documents, is_about_files
from llm_hub.errors import ModelNotFound, NotOffered, ProviderError
from llm_hub.providers.openai_embeddings import EMBEDDINGS, embeddings_answer
from llm_hub.providers.other_protocol import OtherProtocol
from llm_hub.providers.streamed_response import StreamedResponseBuilder, join_deltas
from llm_hub.providers.vendor_server import VendorServer
from llm_hub.wire.connection_errors import safe_cause
from llm_hub.wire.decoders import (
    END_GRACE,
    USAGE_GRACE,
    SplitCharacters,
    StreamDecoder,
    encode_json,
    parse_objects,
    read_body,
)
from llm_hub.wire.error_body import is_error_document
from llm_hub.wire.http_reply import HttpReply, has_arrived
from llm_hub.wire.stages import give_way

if TYPE_CHECKING:
    from llm_hub.chat import Event, Waiting


class HttpProvider(VendorServer):
    """A provider that is asked over HTTP: see the module's docstring for what an adapter writes."""

    decoder: ClassVar[type[StreamDecoder]]
    """What cuts the body into JSON objects. One is made for each answer."""
    builder: ClassVar[type[StreamedResponseBuilder]] = StreamedResponseBuilder
    """What collects an answer. An adapter has its own where reading a chunk depends on those before it."""
    end_marker: ClassVar[bytes | None] = None
    """The word that ends a stream without being an object. Servers write it in brackets, in quotes, or alone
    (googleapis/java-genai#1084)."""
    optional_parameters: ClassVar[frozenset[str]] = frozenset()
    """Parameters on the wire that a model may refuse, and that an answer is good without."""
    reads_pdf: bool = False
    """Whether its server takes a PDF as it is. One that refuses it is sent the text."""
    embeddings_path: ClassVar[str] = ""
    """Where embeddings are at its address, in OpenAI's words; "" where it has none."""

    def events(self, request: ChatRequest) -> AsyncGenerator[Event]:
        if self.embeddings_path and (original := request.original) and original.protocol == EMBEDDINGS:
            return self._embed(request, original.body)
        return self.events_after(request, None)

    async def events_after(self, request: ChatRequest, earlier: ProviderError | None) -> AsyncGenerator[Event]:
        """The answer to a request. `earlier` is the refusal of the same one in another protocol."""
        await self._prepare_model(request)
        builder, decoder = self.builder(self, request), self.decoder()
        if has_documents(request):
            yield await builder.prepare_files(takes_pdf=self.reads_pdf)
        files = builder.files
        if notice := await self._loading_notice(builder.model):
            yield notice
        await give_way()
        try:
            reply = await self._post(builder, earlier)
        except OtherProtocol as other:
            ask, earlier, reply = other.ask, other.refusal, None
        if reply is None:
            async with aclosing(ask(request, earlier)) as events:
                async for event in events:
                    yield event
            return
        try:
            for event in self._first_events(builder, files, reply):
                yield event
        except BaseException:  # the reader leaves before anybody reads the reply
            await reply.aclose()
            raise
        split = SplitCharacters()
        try:
            async with aclosing(read_body(reply, builder)) as pieces:
                async for piece in pieces:
                    texts = [] if builder.ended else decoder.decode(piece)
                    if texts and (text := self.read_text(builder, texts)) is not None:
                        yield builder.add_text(text)
                        continue
                    is_sign_of_life = bool(texts) or b"\n" in piece  # half a line is none
                    for event in self._read_all(builder, texts, split):
                        is_sign_of_life = False
                        yield event
                    if is_sign_of_life:
                        yield Alive()
        except self._translated as error:
            raise self._translate(error, builder.model, streaming=True) from safe_cause(error)
        for event in builder.add_rest():
            yield event
        self._finish(builder)
        yield builder.finish()

    @staticmethod
    def _first_events(builder: StreamedResponseBuilder, files: tuple[str, ...], reply: HttpReply) -> list[Event]:
        """What is told before anything of the reply has been read. `files` is how they were to be sent."""
        events: list[Event] = [] if builder.files == files else [FilesSent(builder.files)]  # the PDF was refused
        return events if has_arrived(reply) else [*events, Alive()]

    def _read_all(
        self, builder: StreamedResponseBuilder, texts: list[bytes], split: SplitCharacters
    ) -> Iterator[Event]:
        """The events of the stream's next objects. Sets the time that is left for what may follow the last of them."""
        chunks = self._before_end(builder, texts)
        is_news, usage = builder.deadline is None or builder.ended, builder.usage
        for event in join_deltas(self._read(builder, parse_objects(chunks, split))):
            is_news = True
            yield event
        # Only news lengthens the wait at the end: a server may send signs of life for ever.
        is_ending = texts and (builder.finish_reason or builder.ended)
        if is_ending and (is_news or builder.usage != usage):
            grace = self._grace(builder)
            builder.deadline = None if grace is None else asyncio.get_running_loop().time() + grace

    def _before_end(self, builder: StreamedResponseBuilder, texts: list[bytes]) -> list[bytes]:
        """The objects before the marker that ends a stream, if it is among them."""
        for place, text in enumerate(texts):
            if text[:1] != b"{" and text.strip(b'[]" \t').upper() == self.end_marker:
                builder.ended = True
                return texts[:place]
        return texts

    async def _embed(self, request: ChatRequest, body: Mapping[str, Any]) -> AsyncGenerator[Event]:
        """The vectors that a model's server gives. Raises `ProviderError`."""
        model = request.model or ""
        try:
            reply = await self._post_embeddings(encode_json({**body, "model": model}), request)
            if reply.is_success:
                if is_error_document(reply.content):
                    raise self._error_from_reply(None, reply.content, model, reply.headers)
                yield embeddings_answer(self.name, model, body, reply.content)
                return
        except self._translated as error:
            raise self._translate(error, model) from safe_cause(error)
        refusal = self._error_from_reply(reply.status_code, reply.content, model, reply.headers)
        if refusal.original is not None:
            refusal.original = replace(refusal.original, protocol=EMBEDDINGS)
        raise refusal

    async def _post_embeddings(self, content: bytes, request: ChatRequest) -> HttpReply:
        """The reply to a POST of JSON to `embeddings_path`, read to its end, whatever its status is. An adapter with
        such a path has it; no other is asked for it."""
        raise NotImplementedError

    async def _post(self, builder: StreamedResponseBuilder, refusal: ProviderError | None) -> HttpReply:
        """The reply whose body is the answer. Raises `ProviderError` for every other, and `OtherProtocol`."""
        model = builder.model
        body = self._body(builder.request, model)
        sent = self._adapt(model, body)
        while True:
            try:
                reply = await self._send(sent, builder.request)
                if not reply.is_success:
                    async with aclosing(reply):
                        content = await reply.aread()
            except self._translated as error:
                raise self._translate(error, model) from safe_cause(error)
            if reply.is_success:
                self._accept(builder, body, sent)
                return reply
            optional, earlier = self._optional(sent), refusal
            refusal = self._error_from_reply(reply.status_code, content, model, reply.headers, optional)
            refusal.__context__ = earlier
            if isinstance(refusal, ModelNotFound) and model == self.default_model != self._configured_model:
                self._lacks_default = True
            if builder.sends_pdf and is_about_files(refusal):  # this file, or every one: nobody knows
                await self._give_up_files(builder, refusal)
                body = self._body(builder.request, model)
                sent = self._adapt(model, body)
            else:
                sent = await self._revise(model, body, sent, refusal)

    async def _give_up_files(self, builder: StreamedResponseBuilder, refusal: ProviderError) -> None:
        """Has the text sent in the place of a refused PDF. Raises the refusal for a scan, and for a document at an
        address, which have none: another provider may take it."""
        try:
            await builder.prepare_files(takes_pdf=False, fetches=False)
        except NotOffered:
            refusal.falls_back = True
            raise refusal from None

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
    async def _send(self, body: dict[str, Any], request: ChatRequest) -> HttpReply:
        """Posts a body once, and returns the reply with its body unread, whatever its status is.

        `request` may carry headers of the client's that belong to the protocol.
        """

    def _optional(self, sent: dict[str, Any]) -> frozenset[str]:
        """The parameters among those sent that a model may refuse, and that an answer is good without."""
        return self.optional_parameters & sent.keys()

    async def _revise(
        self,
        model: str,  # noqa: ARG002  # a default, like the next two
        body: dict[str, Any],  # noqa: ARG002
        sent: dict[str, Any],  # noqa: ARG002
        refusal: ProviderError,
    ) -> dict[str, Any]:
        """The body to send after a refusal of `sent`. Raises the refusal, or a clearer error, if none is worth it.

        Raises `OtherProtocol` where another one may help. The refusal's `__context__` is the one before it, if the
        request was revised already.
        """
        raise refusal

    def _accept(self, builder: StreamedResponseBuilder, body: dict[str, Any], sent: dict[str, Any]) -> None:
        """Notes what the accepted body leaves out: in `builder.ignored`, and for the next request."""

    @staticmethod
    def read_text(builder: Any, texts: list[bytes]) -> str | None:  # noqa: ARG004  # a default
        """The next words, where the stream's next objects are nothing else, in the middle of an answer, as nearly all
        are; None: `_read` reads them. `builder` is what the class' `builder` makes. It runs for each token."""
        return None

    @abstractmethod
    def _read(self, builder: StreamedResponseBuilder, chunks: Iterable[dict[str, Any]]) -> Iterator[Event | None]:
        """The events of the stream's next objects; None is a piece of a call that the builder holds back. Sets the
        builder's fields: model, usage, finish reason, the end."""

    def _is_complete(self, builder: StreamedResponseBuilder) -> bool:
        """Whether the answer is complete: what may still come is usage, late text and the end of the stream."""
        return builder.finish_reason is not None

    def _grace(self, builder: StreamedResponseBuilder) -> float | None:
        """Seconds of silence after which the answer is taken as it is; None: it is not complete yet."""
        if not (builder.ended or self._is_complete(builder)):
            return None
        return END_GRACE if builder.ended or builder.usage else USAGE_GRACE

    def _finish(self, builder: StreamedResponseBuilder) -> None:
        """Completes the builder's fields once the stream has ended."""

"""OpenAI's Responses, for the models of an OpenAI server that need it: see openai_protocols.py."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

import httpx2

from llm_hub.chat import ChatRequest
from llm_hub.errors import InvalidRequest, ProviderError
from llm_hub.providers import openai_responses_body
from llm_hub.providers.http_provider import HttpProvider
from llm_hub.providers.openai_body import explain_length, explain_refusal
from llm_hub.providers.openai_protocols import lacks_responses
from llm_hub.providers.openai_responses_answer import END_EVENTS, ResponsesBuilder
from llm_hub.providers.other_protocol import OtherProtocol
from llm_hub.wire.decoders import SSEDecoder, encode_json
from llm_hub.wire.error_body import is_error
from llm_hub.wire.http_reply import HttpReply
from llm_hub.wire.learned_parameters import LearnedParameters
from llm_hub.wire.validation import parse_name

if TYPE_CHECKING:
    from llm_hub.chat import Event
    from llm_hub.providers.openai_protocols import ProtocolChoice
    from llm_hub.providers.streamed_response import StreamedResponseBuilder

_FAILED = ("failed", "cancelled", "error")
_UNREADABLE_REASONING = ("encrypted content", "encrypted_content", "item of type 'reasoning'", "item with id 'rs_")
"""Words of OpenAI's refusals of reasoning that its server did not write, or does not keep: openai/codex#17541."""


class ResponsesProvider(HttpProvider):
    """Responses at the base URL of `chat`, which speaks chat completions.

    `post` sends JSON over its connections, `is_too_long` tells whether a conversation is too long for a model, and
    `protocols` is the choice between the two.
    """

    protocol = "responses"
    supports = frozenset(openai_responses_body.FIELDS) | {"image_urls", "document_urls"}
    exceptions = (httpx2.HTTPError, httpx2.StreamError)
    decoder = SSEDecoder
    builder = ResponsesBuilder
    end_marker = b"DONE"
    base_path = "/v1"

    def __init__(
        self,
        chat: HttpProvider,
        key: str,
        *,
        post: Callable[[str, bytes, ChatRequest, str], Awaitable[HttpReply]],
        is_too_long: Callable[[str, object], bool],
        protocols: ProtocolChoice,
    ) -> None:
        super().__init__(
            name=chat.name, title=chat.title, default_model=chat.default_model, address=chat.address, key=key
        )
        self.reads_pdf = chat.reads_pdf
        self._chat = chat
        self._post_json = post
        self._is_too_long = is_too_long
        self._protocols = protocols
        self._url = f"{chat.address}/responses"
        self._learned = LearnedParameters(openai_responses_body.REQUIRED)

    async def _post(self, builder: StreamedResponseBuilder, refusal: ProviderError | None) -> HttpReply:
        """As everywhere. A tool or another part that this server does not know, another model may."""
        try:
            return await super()._post(builder, refusal)
        except InvalidRequest as error:
            error.falls_back = error.falls_back or self._protocols.is_attempt(builder.request)
            raise

    def _body(self, request: ChatRequest, model: str) -> dict[str, Any]:
        original = request.original
        if original is not None and original.protocol == self.protocol:
            fields = openai_responses_body.from_original(request, original)
        else:
            fields = openai_responses_body.translated(request, self.name, reasons=self.reasons(model))
        body = {"model": model, **fields, "stream": True}
        if request.max_tokens is not None:
            body["max_output_tokens"] = request.max_tokens
        elif original is not None and original.protocol == self.protocol:
            body |= {name: value for name, value in original.body.items() if name == "max_output_tokens"}  # such as 0
        return body

    def _adapt(self, model: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._learned.apply(model, body)

    async def _send(self, body: dict[str, Any], request: ChatRequest) -> HttpReply:
        content = encode_json(openai_responses_body.nested(body))
        return await self._post_json(self._url, content, request, self.protocol)

    async def _revise(
        self, model: str, body: dict[str, Any], sent: dict[str, Any], refusal: ProviderError
    ) -> dict[str, Any]:
        """As for chat completions. Where the server has no Responses, chat completions are tried. Reasoning that the
        server cannot read is left out."""
        earlier = refusal.__context__
        if earlier is None and self._protocols.is_refused_in_responses(refusal):
            raise OtherProtocol(self._chat.events_after, refusal)
        if isinstance(earlier, ProviderError) and lacks_responses(refusal):
            earlier.falls_back = True  # what chat completions refuse, and this server cannot be asked otherwise
            raise earlier
        is_bad_request = type(refusal) is InvalidRequest and refusal.falls_back
        if is_bad_request and self._is_too_long(model, sent["input"]):
            raise explain_length(refusal)
        if any(words in refusal.detail.lower() for words in _UNREADABLE_REASONING) and (
            revised := openai_responses_body.without_reasoning(sent)
        ):
            return revised
        if (revised := self._learned.revise(model, refusal, body, sent)) is not None:
            return revised
        if is_bad_request and (names := openai_responses_body.dispensable(sent)):
            return {name: value for name, value in sent.items() if name not in names}
        raise explain_refusal(refusal, sent, openai_responses_body.FIELDS)

    def _optional(self, sent: dict[str, Any]) -> frozenset[str]:
        return frozenset(sent) - openai_responses_body.REQUIRED

    def _accept(self, builder: StreamedResponseBuilder, body: dict[str, Any], sent: dict[str, Any]) -> None:
        is_original = cast("ResponsesBuilder", builder).is_original
        unsupported = () if is_original else openai_responses_body.unsupported_options(builder.request)
        builder.ignored = (*openai_responses_body.left_out(body, sent, is_original=is_original), *unsupported)
        self._learned.confirm(builder.model, body, sent)
        self._protocols.confirm_responses(builder.model, has_tools=bool(builder.request.tools))

    def _read(self, builder: StreamedResponseBuilder, chunks: Iterable[dict[str, Any]]) -> Iterator[Event | None]:
        builder = cast("ResponsesBuilder", builder)  # what `builder` above makes
        for event in chunks:
            kind = event.get("type")
            if kind == "response.output_text.delta":  # nearly always
                yield from builder.read_text(event)
                continue
            response = event if event.get("object") == "response" else event.get("response")
            if isinstance(response, dict):
                builder.model = parse_name(response.get("model")) or builder.model
                if response.get("status") in _FAILED or kind == "response.failed":
                    raise self._error_from_reply(None, {"error": response.get("error") or response}, builder.model)
            elif not str(kind).startswith("response.") and is_error(event):
                raise self._error_from_reply(None, {"error": event.get("error") or event}, builder.model)
            if response is event:
                yield from builder.read_whole(event)
            else:
                yield from builder.read_event(event)
            if response is event or kind in END_EVENTS:
                builder.ended = True
                return

"""How a request's documents go to a provider: as they are where it takes them, and as text everywhere else."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from llm_hub.chat import Document
from llm_hub.errors import ContentRejected, InvalidRequest, NotOffered, PromptTooLong

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from llm_hub.chat import ChatRequest, Message, Part
    from llm_hub.errors import ProviderError

_REFUSALS = (400, 413, 415, 422)
"""Statuses of a refusal that may be about a file: its kind, its size, its pages."""
_FILES = re.compile(
    r"(?i)(?<![a-z])(?:files?|file_data|input_file|pdfs?|documents?|attachments?|(?:media|mime)[ _]?types?)(?![a-z])"
)


def has_documents(request: ChatRequest) -> bool:
    return any(not isinstance(turn.content, str) and turn.documents for turn in request.messages)


async def read_all(request: ChatRequest) -> ChatRequest:
    """The request with the text of every document, for whoever has to know its length. Raises `InvalidRequest`."""
    from llm_hub.documents.reader import with_text

    return await _exchange(request, with_text)


def name_files(request: ChatRequest) -> tuple[str, ...]:
    """How the documents of a request go to a provider that is sent it as its client wrote it."""
    documents = (document for turn in request.messages for document in turn.documents)
    return tuple(dict.fromkeys(_as_it_is(document) for document in documents))


def is_about_files(refusal: ProviderError) -> bool:
    """Whether a provider's refusal is about a file: no code tells. A wrong guess costs one request."""
    is_other = isinstance(refusal, ContentRejected | PromptTooLong)
    words = f"{refusal.message} {refusal.detail} {refusal.code} {getattr(refusal, 'parameter', '')}"
    return refusal.status in _REFUSALS and not is_other and bool(_FILES.search(words))


async def prepare(
    request: ChatRequest, *, takes_pdf: bool, fetches: bool = True
) -> tuple[ChatRequest, tuple[str, ...]]:
    """The request for a provider, whose documents have become text unless it `takes_pdf`s and they are some, or it
    `fetches` them and they have an address; and how each of them goes to it, as a phrase.

    Raises `NotOffered` for a document without text where text is all that the provider takes.
    """
    files: dict[str, None] = {}

    async def exchange(document: Document) -> Part:
        if (takes_pdf and document.is_pdf and not document.url) or (fetches and document.url):
            files[_as_it_is(document)] = None
            return document
        document = await _readable(document)
        files[_as_text(document)] = None
        return document.as_text

    return await _exchange(request, exchange), tuple(files)


async def _exchange(request: ChatRequest, exchange: Callable[[Document], Awaitable[Part]]) -> ChatRequest:
    """The request with something in the place of each document."""
    if not has_documents(request):
        return request
    messages: list[Message] = []
    for turn in request.messages:
        if isinstance(turn.content, str) or not turn.documents:
            messages.append(turn)
            continue
        parts = [await exchange(part) if isinstance(part, Document) else part for part in turn.content]
        messages.append(replace(turn, content=tuple(parts)))
    return replace(request, messages=tuple(messages))


async def _readable(document: Document) -> Document:
    from llm_hub.documents.reader import with_text  # imports asyncio, a third of what a program's own import would take

    if document.url:
        raise NotOffered(f"{document.name} is at an address, and was not fetched.", parameter="documents")
    try:
        document = await with_text(document)
    except InvalidRequest as error:
        raise NotOffered(error.message, parameter="documents", hint=error.hint) from None
    if not document.text:
        raise NotOffered(
            f"{document.name} has no text that could be sent: its pages are pictures.",
            parameter="documents",
            hint="Choose a model of OpenAI or Anthropic, which see the pages, or attach a text.",
        )
    return document


def _as_it_is(document: Document) -> str:
    return f"{document.name}: {'by its address' if document.url else 'sent as it is'}"


def _as_text(document: Document) -> str:
    pages = f", {document.pages} page{'s' if document.pages != 1 else ''}" if document.pages else ""
    return f"{document.name}: as text{pages}"

"""How many tokens the files of a conversation may have beside their text: images, and pictures of a PDF's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_hub.documents.limits import MAX_PAGES
from llm_hub.usage.image_tokens import most_tokens

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llm_hub.chat import Document, Message

MAX_PAGE_TOKENS = 6_500
"""Of the picture of a page, which a provider makes that takes a PDF as it is. Anthropic's newest have 4,784; OpenAI
makes its pictures smaller than what people send."""
MAX_LINKED_TOKENS = 1_000_000
"""Of a document at an address, of which nobody knows how long it is: the context of the largest models."""
MIN_PAGE_BYTES = 2_000
"""Of a page in most PDFs, for an estimate."""


def most_file_tokens(messages: Iterable[Message], model: str) -> int:
    """What the model's provider may count for the files of these messages, beside their text."""
    return sum(
        sum(most_tokens(image, model) for image in message.images)
        + sum(_page_tokens(document) for document in message.documents if document.is_pdf)
        for message in messages
    )


def _page_tokens(document: Document) -> int:
    """Of the pictures of all pages. Of a PDF that nobody has read, nobody knows more than how many bytes it has."""
    if document.url:
        return MAX_LINKED_TOKENS
    pages = document.pages if document.text is not None else min(MAX_PAGES, len(document.data) // MIN_PAGE_BYTES + 1)
    return pages * MAX_PAGE_TOKENS

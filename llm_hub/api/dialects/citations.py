"""The web pages that an answer cites, in the words of OpenAI's two protocols, whichever protocol the answer came in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_hub.wire.validation import parse_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llm_hub.chat import LLMResponse


def cited_pages(response: LLMResponse) -> list[dict[str, Any]]:
    """The pages, each with its place in the text. Empty: there are none, or something else is cited as well, which the
    answer's notes name."""
    pages = list(_pages(response)) if not response.late_text else []
    return [page for page in pages if page is not None] if None not in pages else []


def _pages(response: LLMResponse) -> Iterator[dict[str, Any] | None]:
    original = response.original
    if original is not None and original.protocol == "openai":
        for annotation in (original.body.get("message") or {}).get("annotations") or ():
            cited = annotation.get("url_citation") if isinstance(annotation, dict) else None
            cited = cited if isinstance(cited, dict) else {}
            yield _page(cited, parse_count(cited.get("start_index")) or 0, parse_count(cited.get("end_index")) or 0)
    elif original is not None and original.protocol == "anthropic":
        end = 0
        for block in original.body.get("content") or ():
            if block.get("type") == "text":
                start, end = end, end + len(block.get("text") or "")
                for citation in block.get("citations") or ():
                    yield _page(citation, start, end)


def _page(citation: Any, start: int, end: int) -> dict[str, Any] | None:
    """A page that is cited; None: it is something else, such as a part of a document."""
    url = citation.get("url") if isinstance(citation, dict) else None
    if not isinstance(url, str) or not url:
        return None
    title = citation.get("title")
    return {"url": url, "title": title if isinstance(title, str) else "", "start_index": start, "end_index": end}

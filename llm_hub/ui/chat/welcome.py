"""The empty page: what to do here, and examples that show what other pages do not have.

The examples are links to this page, as anybody can make them: see README.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from llm_hub.ui.render.sanitize import html_text
from llm_hub.ui.texts import chat_texts as texts

if TYPE_CHECKING:
    from llm_hub.access.session import Session

FAILING = "chaos/overloaded"
"""A model that fails, where the owner offers it."""


def render_welcome(session: Session) -> str:
    """The empty page as HTML, with examples for the providers that are ready."""
    links = "".join(f'<a href="?{html_text(query)}">{label}</a>' for label, query in _examples(session))
    return texts.WELCOME.format(links=links)


def _examples(session: Session) -> list[tuple[str, str]]:
    targets = [target for name in session.route if not (target := session.target(name)).startswith("chaos/")]
    examples = [(texts.EXAMPLE_ASK, _query(prompt=texts.EXAMPLE_PROMPT))]
    if targets:
        pair = targets[:2] if len(targets) > 1 else targets * 2
        examples.append((texts.EXAMPLE_COMPARE, _query(models=",".join(pair), prompt=texts.EXAMPLE_PROMPT)))
        if session.has_provider("chaos"):
            query = _query(model=FAILING, fallback=",".join(targets[:3]), prompt=texts.EXAMPLE_PROMPT)
            examples.append((texts.EXAMPLE_FALLBACK, query))
    return examples


def _query(**values: str) -> str:
    return urlencode(values, quote_via=quote)

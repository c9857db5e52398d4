"""The empty page: what to do here, and examples that show what other pages do not have.

The examples are links to this page, as anybody can make them: see README.md.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from llm_hub.ui.render.sanitize import html_text

if TYPE_CHECKING:
    from llm_hub.access.session import Session

FAILING = "chaos/overloaded"
"""A model that fails, where the owner offers it."""
PROMPT = "Explain to a ten-year-old why the sky is blue, in five sentences."


def render_welcome(session: Session) -> str:
    """The empty page as HTML, with examples for the providers that are ready."""
    links = "".join(f'<a href="?{html_text(query)}">{label}</a>' for label, query in _examples(session))
    return (
        '<div class="welcome"><h2>What would you like to know?</h2><p>Choose a provider and a model, and ask. Under '
        "each answer you see who really gave it; its speed and its price are one tap away.</p>"
        f'<p class="examples">{links}</p></div>'
    )


def _examples(session: Session) -> list[tuple[str, str]]:
    targets = [target for name in session.route if not (target := session.target(name)).startswith("chaos/")]
    examples = [("Ask why the sky is blue", _query(prompt=PROMPT))]
    if targets:
        pair = targets[:2] if len(targets) > 1 else targets * 2
        examples.append(("Compare two answers", _query(models=",".join(pair), prompt=PROMPT)))
        if session.has_provider("chaos"):
            query = _query(model=FAILING, fallback=",".join(targets[:3]), prompt=PROMPT)
            examples.append(("See one fail, and another answer", query))
    return examples


def _query(**values: str) -> str:
    return urlencode(values, quote_via=quote)

"""Lines of the page that a screen reader speaks."""

from __future__ import annotations


def live_region(inner_html: str) -> str:
    """A line as HTML that a screen reader speaks when it changes."""
    return f'<div role="status" aria-live="polite">{inner_html}</div>'

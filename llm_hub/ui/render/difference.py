"""Two answers as one text, with the words marked that only one of them has."""

from __future__ import annotations

from llm_hub.arena import diff
from llm_hub.ui.render.sanitize import html_text

_TAGS = {"same": "span", "removed": "del", "added": "ins"}


def difference_html(first: str, second: str, names: tuple[str, str]) -> str:
    """How much the two have in common, and the text. `names` are those of the answers, as HTML."""
    pieces = diff.compare_words(first, second)
    text = "".join(f"<{_TAGS[kind]}>{html_text(words)}</{_TAGS[kind]}>" for kind, words in pieces)
    cut = max(len(first.split()), len(second.split())) > diff.MAX_WORDS
    part = f"Of the first {diff.MAX_WORDS:,} words, " if cut else ""
    share = f"{part}{100 * diff.measure_similarity(pieces):.0f} % of the words are the same"
    key = f"<del>only {names[0]}</del> <ins>only {names[1]}</ins>"
    return f'<p class="difference-key">{share} · {key}</p><div class="difference">{text}</div>'

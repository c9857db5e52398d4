"""The text that was said, carried beside the text that is shown.

The page escapes and rewrites a text before Markdown is made of it. Gradio 6.31's Copy and Edit take a message as it was
sent to the page, so a message that differs from its source begins with an element that holds the source.
assets/source.js copies and edits what is in it. No text can feign such an element: it holds a character that
`strip_invisible` takes out of all that is shown, code included.
"""

from __future__ import annotations

import html
import re

MARK = "\ufffa"
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")


def with_source(shown: str, source: str) -> str:
    """`shown`, with `source` ahead of it where the two differ."""
    if shown == source:
        return shown
    value = html.escape(_HALF_CHARACTER.sub("\ufffd", source)).replace("\r", "&#13;").replace("\n", "&#10;")
    return f'<div class="source" title="{MARK}{value}"></div>\n\n{shown}'

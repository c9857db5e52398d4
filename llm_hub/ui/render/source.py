"""The text that was said, carried beside the text that is shown.

The page escapes and rewrites a text before Markdown is made of it. Gradio 6.31's Copy and Edit take a message as it was
sent to the page, so a message that differs from its source begins with a definition of a link that holds the source:
Markdown shows none of it, and assets/source.js copies and edits what is in it. No text can feign it: its name is a
character that `strip_invisible` takes out of all that is shown, code included.
"""

from __future__ import annotations

import re

MARK = "\ufffa"
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
_ESCAPES = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", **{character: f"&#{ord(character)};" for character in "\n\r\u2028\u2029"}}
)


def with_source(shown: str, source: str) -> str:
    """`shown`, with `source` ahead of it where the two differ."""
    if shown == source:
        return shown
    escaped = _HALF_CHARACTER.sub("\ufffd", source).translate(_ESCAPES)
    return f"[{MARK}]: <{escaped}>\n\n{shown}"

"""Code that is being written too fast to be read has no colours until it is whole.

At each update Gradio colours the last block of code anew: a picture of four panes costs a browser twice as much, and it
falls behind. Prism colours a block by the word behind its fence, so that word is left out.
"""

from __future__ import annotations

import re

MAX_COLORED_RATE = 1_000
"""Characters a second. People read 30, and skim some hundreds."""
_FENCE = re.compile(r"(?m)^(?:[ \t>]|[-*+][ \t]|\d{1,9}[.)][ \t])*(`{3,}|~{3,})([^\n`]*)$")


def is_too_fast_to_read(text: str, seconds: float) -> bool:
    """Whether so much text came so soon. Of the first second, nothing is known yet."""
    return len(text) > MAX_COLORED_RATE * max(1.0, seconds)


def plain_unfinished_code(text: str) -> str:
    """`text`, whose last block of code has no language if the block goes on to the end."""
    opened: re.Match[str] | None = None
    for fence in _FENCE.finditer(text):
        if opened is None:
            opened = fence
        elif fence[1].startswith(opened[1]) and not fence[2].strip():
            opened = None
    if opened is None:
        return text
    return text[: opened.start(2)] + text[opened.end(2) :]

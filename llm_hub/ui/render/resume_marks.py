"""Marks in a text where one model broke off and another went on. They never break the Markdown around them.

A mark is an empty element with a title. It is inserted only where the Markdown is certainly plain prose. In code, a
formula or a link it is left out, and only the line under the answer tells of the change. Marks are never sent to a
provider or kept in the conversation, and assets/chat.js takes them out of what is copied.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from llm_hub.ui.render.page_markdown import page_markdown
from llm_hub.ui.render.sanitize import html_text

if TYPE_CHECKING:
    from collections.abc import Mapping

_OPEN, _SHUT = "\ue0f1", "\ue0f2"
"""Private characters that hold a mark's place while the text is made harmless."""
_PROSE = re.compile(r"""[\w.,;:!?()'"\u2010-\u201f-]""")
_FENCE = re.compile(r"(?m)^[ >\t]*(?:[-*+]|\d+[.)])?[ \t]*(`{3,}|~{3,})")
_STRUCTURE = re.compile(r"[ \t>]*(?:#+|[-*+=_~|: ]+|\d{1,9}[.)])$|(?: {4}|\t)")
_ADDRESS = re.compile(r"\S*(?:://|www\.|[@&\\<])\S*$")


def insert_resume_marks(text: str, notes: Mapping[int, str]) -> str:
    """`text` as `page_markdown` makes it, with a mark at each place that takes one. `notes` are titles by place."""
    if not notes or _OPEN in text:
        return page_markdown(text)
    pieces: list[str] = []
    last = 0
    for number, at in enumerate(sorted(notes)):
        place = _place(text, at)
        if place is not None and place > last:
            pieces += (text[last:place], f"{_OPEN}{number}{_SHUT}")
            last = place
    html = page_markdown("".join((*pieces, text[last:])))
    for number, at in enumerate(sorted(notes)):
        html = html.replace(f"{_OPEN}{number}{_SHUT}", _mark(notes[at]))
    return html


def _mark(title: str) -> str:
    return f'<span class="seam" title="{html_text(title)}"></span>'


def _place(text: str, at: int) -> int | None:
    """Where a mark for `at` can stand: after the word before it; None where it would break the Markdown."""
    before = text[:at].rstrip()
    after = text[at:].lstrip()
    if not before or not _PROSE.match(before[-1]) or (after and not _PROSE.match(after[0])):
        return None
    line = before.rpartition("\n")[2]
    paragraph = re.split(r"\n[ \t]*\n", before)[-1]
    if _STRUCTURE.match(line) or _ADDRESS.search(line) or len(_FENCE.findall(before)) % 2:
        return None
    unclosed = any(paragraph.count(mark) % 2 for mark in ("`", "$"))
    nested = paragraph.count("[") > paragraph.count("]") or re.search(r"\]\([^)]*$", paragraph)
    formula = any(before.count(begin) > before.count(end) for begin, end in (("\\[", "\\]"), ("\\(", "\\)")))
    return None if unclosed or nested or formula or before.count("$$") % 2 else len(before)

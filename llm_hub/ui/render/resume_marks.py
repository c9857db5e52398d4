"""Marks in a text where one model broke off and another went on, without breaking the Markdown around them.

A mark is an empty element with a title. It is put where the Markdown is plain prose for certain; in code, a formula, a
link or anything else it is left out, and the line under the answer alone tells of the change. What is sent to a
provider and kept as the conversation never has one, and assets/chat.js takes it out of what is copied.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from llm_hub.ui.render.sanitize import html_text, safe_markdown

if TYPE_CHECKING:
    from collections.abc import Mapping

_OPEN, _SHUT = "\ue0f1", "\ue0f2"
"""Private characters that hold a mark's place while the text is made harmless."""
_PROSE = re.compile(r"""[\w.,;:!?()'"\u2010-\u201f-]""")
_FENCE = re.compile(r"(?m)^[ >\t]*(?:[-*+]|\d+[.)])?[ \t]*(`{3,}|~{3,})")
_STRUCTURE = re.compile(r"[ \t>]*(?:#+|[-*+=_~|: ]+|\d{1,9}[.)])$|(?: {4}|\t)")
_ADDRESS = re.compile(r"\S*(?:://|www\.|[@&\\<])\S*$")


def marked(text: str, seams: Mapping[int, str]) -> str:
    """`text` as `safe_markdown` makes it, with a mark at each place of `seams` that takes one."""
    if not seams or _OPEN in text:
        return safe_markdown(text)
    pieces: list[str] = []
    last = 0
    for number, at in enumerate(sorted(seams)):
        place = _place(text, at)
        if place is not None and place > last:
            pieces += (text[last:place], f"{_OPEN}{number}{_SHUT}")
            last = place
    shown = safe_markdown("".join((*pieces, text[last:])))
    for number, at in enumerate(sorted(seams)):
        shown = shown.replace(f"{_OPEN}{number}{_SHUT}", _mark(seams[at]))
    return shown


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
    opened = any(paragraph.count(mark) % 2 for mark in ("`", "$"))
    nested = paragraph.count("[") > paragraph.count("]") or re.search(r"\]\([^)]*$", paragraph)
    formula = any(before.count(one) > before.count(other) for one, other in (("\\[", "\\]"), ("\\(", "\\)")))
    return None if opened or nested or formula or before.count("$$") % 2 else len(before)

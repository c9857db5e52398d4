"""An answer's Markdown as HTML to be printed. It means there what it means on the page; a formula is left as it was
written, between its signs."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from llm_hub.ui.render.page_markdown import BEFORE_TAB, BEGIN, END, page_markdown
from llm_hub.ui.render.sanitize import html_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_PLACE = re.compile("\ufffa\\d+\ufffa")
"""Stands for a formula while the text around it is read."""
_FORMULA = re.compile(f"{BEGIN}(.*?){END}", re.DOTALL)
_HARMLESS = re.compile(r"<br>|</?(?:em|strong|kbd|su[bp])>")
"""The tags that `page_markdown` writes itself."""


def printed_markdown(text: str) -> str:
    """The text as HTML in which nothing is run, and nothing fetched."""
    formulas: dict[str, str] = {}

    def take_out(found: re.Match[str]) -> str:
        place = f"\ufffa{len(formulas)}\ufffa"
        formulas[place] = f'<span class="formula">{found[1]}</span>'
        return place

    markdown = _FORMULA.sub(take_out, page_markdown(text)).replace(BEFORE_TAB, "")
    return _PLACE.sub(lambda found: formulas.get(found[0], found[0]), _reader().render(markdown))


@cache
def _reader() -> MarkdownIt:
    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": True, "breaks": True}).enable(["table", "strikethrough"])
    for kind in ("html_inline", "html_block"):
        reader.add_render_rule(kind, _harmless_tag)
    return reader


def _harmless_tag(_: object, tokens: Sequence[Token], at: int, *__: Any) -> str:
    tag = tokens[at].content
    return tag if _HARMLESS.fullmatch(tag) else html_text(tag)

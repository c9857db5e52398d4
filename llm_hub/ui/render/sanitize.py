"""Text from a model or a provider, made harmless before it is put on the page.

Gradio's sanitiser removes scripts, but lets forms, external images and overlays live: a model could ask for a password,
leak the chat through an image's address, or cover the page. So raw HTML outside code becomes text, and an image becomes
a link. If it is unclear whether something is code, it is taken for text: the worst that follows is a visible `&lt;`.
The page's Content-Security-Policy and its style sheets are a second barrier.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]"
)
"""Characters that are removed: control characters, halves of characters, those that turn the direction of what follows,
and those that are never shown. With them a name could be read as another one, and a text could tell a model something
that its reader never saw."""
_BLACK_FLAG = "\U0001f3f4"
_FLAGS = re.compile(
    f"({_BLACK_FLAG}(?:%s)\U000e007f)"
    % "|".join("".join(chr(0xE0000 + ord(letter)) for letter in region) for region in ("gbeng", "gbsct", "gbwls"))
)
"""The flags of England, Scotland and Wales, the only ones that Unicode recommends of those that are spelled with
characters which are never shown. Other words in these characters are removed."""
_SELECTORS, _JOINERS = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef", "\u034f\u200c\u200d"
_RUN = re.compile(f"[{_SELECTORS}{_JOINERS}]+")
_NEEDED = re.compile(f"[{_SELECTORS}]?[{_JOINERS}]?")
"""The unseen characters that scripts and emoji need: one selector and one joiner in a place, and none after a plain
letter. More of them could spell a hidden text."""
_TAG = re.compile(r"<(?=[A-Za-z/!?])(?!https?://[^\s<>\"']+>)")
"""The beginning of a tag, and not of an address in angle brackets, of which Markdown makes a link."""
_SPAN = re.compile(r"(?<![`\\])(`+)(?!`)[^\n]*?(?<!`)\1(?!`)")
_SPAN_IN_TABLE = re.compile(r"(?<![`\\])(`+)(?!`)[^|\n]*?(?<!`)\1(?!`)")
_TABLE = re.compile(r"(?m)^[ \t>]*(?=[^\n]*-)[-:| \t]*[:|][-:| \t]*$")
LEAD = re.compile(r"(?:\s*(?:[-*+]|\d{1,9}[.)])[ \t]+|\s*>[ \t]?)*\s*")
_MARKER = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])(?:\s|$)")
_WORDS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz|")
"""What a line of plain prose or of a table begins with. For speed."""
_FENCE = re.compile(r"`{3,}(?=[^`]*$)|~{3,}")


def strip_invisible(text: str) -> str:
    """`text` without characters that are not seen, and with LF as its only line end: Markdown takes CR for one, too."""
    return _strip_unseen(text).replace("\r\n", "\n").replace("\r", "\n")


def html_text(text: str) -> str:
    """`text` for the inside of an HTML element or attribute.

    Line breaks are escaped, too: inside HTML in Markdown, a blank line would end the HTML.
    """
    return html.escape(_strip_unseen(text), quote=True).replace("\r", " ").replace("\n", "&#10;")


def safe_markdown(text: str) -> str:
    """Markdown whose only HTML is the one that Markdown itself makes."""
    text = strip_invisible(text)
    return MarkdownText(_escape_outside_spans).convert(text) if "<" in text or "![" in text else text


class MarkdownText:
    """Converts the prose of a Markdown text, block by block, and the lines that stand between fences.

    A block is some lines without a blank one between them; `convert_block` is told whether it belongs to a list, and
    `convert_code` what stands before the fence.
    """

    def __init__(
        self,
        convert_block: Callable[[str, bool], str],
        convert_code: Callable[[str, str], str] = lambda line, _lead: line,
    ) -> None:
        self._convert_block = convert_block
        self._convert_code = convert_code

    def convert(self, text: str) -> str:
        done: list[str] = []
        block: list[str] = []
        fence, lead, listed, in_list = "", "", False, False

        def end_block() -> None:
            if block:
                done.append(self._convert_block("\n".join(block), in_list))
                block.clear()

        for line in text.split("\n"):
            if not fence and line and line[0] in _WORDS and "```" not in line and "~~~" not in line:
                listed, in_list = False, in_list and bool(block)
                block.append(line)
                continue
            start = LEAD.match(line)
            prefix = start.group() if start else ""
            rest = line[len(prefix) :]
            if fence and _has_left(line, lead):
                fence = ""
            if fence:
                done.append(self._convert_code(line, lead))
                if rest.startswith(fence) and not rest.strip(fence[0] + " \t\r"):
                    fence = ""
                continue
            if line.strip():
                listed = bool(_MARKER.match(line)) or (listed and line[0] in " \t")
            opening = _FENCE.match(rest)
            if opening and (listed or ">" in prefix or len(prefix) < 4):
                end_block()
                fence, lead = opening.group(), prefix
                done.append(line[: len(prefix)] + escape_html(rest))
            elif line.strip():
                in_list = in_list if block else listed
                block.append(line)
            else:
                end_block()
                done.append(line)
        end_block()
        return "\n".join(done)


def find_code_span(text: str, at: int, *, pipes: bool) -> int | None:
    """Where the code that begins at `at` ends. In a table, code with a pipe in it is none: the pipe ends its cell."""
    span = (_SPAN if pipes else _SPAN_IN_TABLE).match(text, at)
    return span.end() if span else None


def is_table(block: str) -> bool:
    """Whether the lines hold a row that makes a table of them."""
    return "|" in block and _TABLE.search(block) is not None


def escape_html(text: str) -> str:
    """`text` without tags and images."""
    return _TAG.sub("&lt;", text).replace("![", "&#33;[")


def _has_left(line: str, lead: str) -> bool:
    """Whether `line` is outside the list item or quotation in which a fence with this `lead` was opened."""
    if ">" in lead:
        return line.lstrip().count(">", 0, len(lead)) < lead.count(">")
    return bool(line.strip()) and len(line) - len(line.lstrip()) < len(lead)


def _escape_outside_spans(block: str, _in_list: bool) -> str:
    safe: list[str] = []
    at = 0
    for span in (_SPAN_IN_TABLE if is_table(block) else _SPAN).finditer(block):
        safe += (escape_html(block[at : span.start()]), span.group())
        at = span.end()
    return "".join((*safe, escape_html(block[at:])))


def _strip_unseen(text: str) -> str:
    if _BLACK_FLAG in text:
        return "".join(
            part if place % 2 else _strip_unseen_outside_flags(part) for place, part in enumerate(_FLAGS.split(text))
        )
    return _strip_unseen_outside_flags(text)


def _strip_unseen_outside_flags(text: str) -> str:
    text = _UNSEEN.sub("", text)
    return text if text.isascii() else _RUN.sub(_keep_needed, text)


def _keep_needed(run: re.Match[str]) -> str:
    before = run.string[run.start() - 1 : run.start()]
    if not before or (before.isascii() and before not in "0123456789#*"):
        return ""
    needed = _NEEDED.match(run.group())
    return needed.group() if needed else ""

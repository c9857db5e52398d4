"""Text from a model or a provider, made harmless before it is put on the page.

Gradio's sanitiser removes scripts, but lets forms, external images and overlays live: a model could ask for a password,
leak the chat through an image's address, or cover the page. So raw HTML outside code becomes text, and an image becomes
a link. If it is unclear whether something is code, it is taken for text: the worst that follows is a visible `&lt;`.
The page's Content-Security-Policy and its style sheets are a second barrier.
"""

from __future__ import annotations

import html
import re

_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]"
)
"""Characters that are removed: control characters, halves of characters, those that turn the direction of what follows,
and those that are never shown. With them a name could be read as another one, and a text could tell a model something
that its reader never saw."""
_SELECTORS, _JOINERS = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef", "\u034f\u200c\u200d"
_RUN = re.compile(f"[{_SELECTORS}{_JOINERS}]+")
_NEEDED = re.compile(f"[{_SELECTORS}]?[{_JOINERS}]?")
"""The unseen characters that scripts and emoji need: one selector and one joiner in a place, and none after a plain
letter. More of them could spell a hidden text."""
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_SPAN = re.compile(r"(?<![`\\])(`+)(?!`)[^|]*?(?<!`)\1(?!`)")
_MATH = re.compile(r"\$\$|\\[(\[]")
_LEAD = re.compile(r"(?:\s*(?:[-*+]|\d{1,9}[.)])[ \t]+|\s*>[ \t]?)*\s*")
_MARKER = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])(?:\s|$)")
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
    if "<" not in text and "![" not in text:
        return text
    safe: list[str] = []
    fence, lead, listed = "", "", False
    for line in text.split("\n"):
        start = _LEAD.match(line)
        prefix = start.group() if start else ""
        rest = line[len(prefix) :]
        if fence and _has_left(line, lead):
            fence = ""
        if fence:
            safe.append(line)
            if rest.startswith(fence) and not rest.strip(fence[0] + " \t\r"):
                fence = ""
            continue
        if line.strip():
            listed = bool(_MARKER.match(line)) or (listed and line[0] in " \t")
        opening = _FENCE.match(rest)
        if opening and (listed or ">" in prefix or len(prefix) < 4):
            fence, lead = opening.group(), prefix
            safe.append(line[: len(prefix)] + _escape(rest))
            continue
        safe.append(_escape_outside_spans(line))
    return "\n".join(safe)


def _has_left(line: str, lead: str) -> bool:
    """Whether `line` is outside the list item or quotation in which a fence with this `lead` was opened."""
    if ">" in lead:
        return line.lstrip().count(">", 0, len(lead)) < lead.count(">")
    return bool(line.strip()) and len(line) - len(line.lstrip()) < len(lead)


def _escape_outside_spans(line: str) -> str:
    if _MATH.search(line):
        return _escape(line)
    safe: list[str] = []
    at = 0
    for span in _SPAN.finditer(line):
        safe += (_escape(line[at : span.start()]), span.group())
        at = span.end()
    return "".join((*safe, _escape(line[at:])))


def _strip_unseen(text: str) -> str:
    text = _UNSEEN.sub("", text)
    return text if text.isascii() else _RUN.sub(_keep_needed, text)


def _keep_needed(run: re.Match[str]) -> str:
    before = run.string[run.start() - 1 : run.start()]
    if not before or (before.isascii() and before not in "0123456789#*"):
        return ""
    needed = _NEEDED.match(run.group())
    return needed.group() if needed else ""


def _escape(text: str) -> str:
    return _TAG.sub("&lt;", text).replace("![", "&#33;[")

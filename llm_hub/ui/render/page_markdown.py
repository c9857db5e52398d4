"""An answer's Markdown as the page takes it: what Gradio 6.31 would misread is written so that it is read rightly.

Gradio looks for formulas before it looks for code, so `$$` in code would begin one. Here code is first, and a formula
is put between signs that no text holds; chatbot.py tells Gradio those signs. An environment that stands alone, such as
`align`, is a formula, too. Emphasis beside Chinese, Japanese and Korean becomes HTML: CommonMark sees no end in a `**`
between a full-width sign and a letter. What is no emphasis to a reader is none here: 2*3*4, 3~5 and 6~8 days, __init__.
A Windows path keeps its backslashes and stars. An address ends before Chinese punctuation. Code that is only indented
gets fences where it holds HTML: in it that need not be escaped. Of a model's own HTML, a few tags that do no harm stay:
line breaks, and letters that are set low, high or as a key.
"""

from __future__ import annotations

import html
import re
import unicodedata
from itertools import takewhile
from typing import TYPE_CHECKING

from llm_hub.ui.render.sanitize import LEAD, MarkdownText, escape_html, find_code_span, is_table, strip_invisible

if TYPE_CHECKING:
    from collections.abc import Iterator

BEGIN, END = "\u2061", "\u2062"
"""They enclose a formula and its signs on the page. Nobody sees them, also where a formula has a mistake and is left as
it was written. No text holds them: `strip_invisible` takes them out."""
SIGNS = {"$$": "$$", "\\[": "\\]", "\\(": "\\)", "$": "$"}
"""What begins a formula, and what ends it."""
BEFORE_TAB = "\u2064"
"""Stands before code that begins with a tab. Without it Gradio 6.31 would make four spaces of that. Nobody sees it, and
assets/source.js takes it out of what is copied. May go when
tests/ui/gradio_fixes/test_in_browser.py::test_a_tab_in_code_becomes_spaces fails."""
MAX_FORMULA_CHARS = 4_000

_PLACE = "\ufffa"
"""Stands for a piece of the text that is ready, while the text around it is worked on."""
_WIDE = r"\u2018-\u201f\u2026\u3001\u3002\u3008-\u3011\u3014\u3015\uff01-\uff0f\uff1a\uff1b\uff1f"
"""Chinese and Japanese punctuation, which ends an address."""
_REWRITTEN = re.compile(rf"[<$\\]|!\[|\*[^\x00-\x7f]|[^\x00-\x7f]\*|\n[ >]*\t|://\S{{0,999}}?[{_WIDE}]")
_IN_WORD = re.compile(r"(?a)\*(?<=[\w.)\]]\*)\*?[\w.(\[]|~[^~]+~|__[a-z]")
"""Whether `_NO_EMPHASIS` may find anything: that takes longer."""
_BEGIN = re.compile(
    r"`+|\$\$|\$(?=[^\s$\d])|(?m:^[ \t>]*+)\\begin\{(?:align|equation|gather)\*?\}|\\[^\n]"
    r"|<(?:br ?/?>|(?=(?:kbd|su[bp])>))",
    re.IGNORECASE,
)
_PAIR = re.compile(r"<(kbd|sub|sup)>([^<>\n]{1,200})</\1>", re.IGNORECASE)
_SINGLE = re.compile(r"(?a)(?<![\w$])\$(?![\s\d$])([^$`\n]{1,300}?)(?<![\s\\])\$(?![\w$])")
_TEX = re.compile(r"\\[A-Za-z]|[\^_]\{|\w\^\w|\b[A-Za-z]_[A-Za-z0-9]\b|^[A-Za-z]$")
_PATTERN = re.compile(r"^\?|(?<!\\)\\[dsw](?![A-Za-z])")
"""A regular expression, and no formula."""
_PATH = re.compile(r"(?:^|[\s\"'(])(?:[A-Za-z]:|\\\\[\w.$-]+|%\w+%)(\\\S*)?$")
"""The beginning of a Windows path."""
_SERVER = re.compile(r"(?<![^\s\"'(])\\\\(?=[\w.-]+\\)")
"""What a path in a network begins with."""
MAX_WORD_CHARS = 260
"""Of a path or an address, looked at before a sign."""
_ADDRESS = re.compile(rf"(?<![A-Za-z0-9_(<\[\"'=/])(?<!\]: )https?://[^\s<>\"'{_PLACE}{_WIDE}]{{1,999}}+(?=[{_WIDE}])")
"""One that Gradio would take for longer than it is."""
_ADDRESS_END = re.compile(r"[\s<>\"')\x80-\U0010ffff]")
_MATH = re.compile(r"[\\^]|_\{|=")
_PROSE = re.compile(r"[^\W\d_]{2,}[ \n,.;]+[^\W\d_]{2,}")
_EMPHASIS = re.compile(r"(?<![*\\])(\*{1,3})(?![*\s])((?:[^*\n]|\n(?![ \t]*(?:[-+>|#]|\d+[.)])))+)(?<!\s)\1(?!\*)")
_NO_EMPHASIS = re.compile(
    r"(?a)(?<![\w.()\[\]*\\])[\w.()\[\]]++(?:\*(?:\*(?=\d))?[\w.()\[\]]++)+"  # 2*3*4, x**2
    r"|(?<![~\\])~(?!~)"  # 3~5 and 6~8
    r"|(?<![\w*/\\])__[a-z][a-z0-9]*(?:_[a-z0-9]+)*__(?![\w*])"  # __init__
)
"""Signs in which Markdown sees emphasis, and no reader does."""
_TAGS = {1: ("<em>", "</em>"), 2: ("<strong>", "</strong>"), 3: ("<strong><em>", "</em></strong>")}


def page_markdown(text: str) -> str:
    """Harmless Markdown for a `chatbot`, which shows what `text` means."""
    text = strip_invisible(text)
    return MarkdownText(_rewrite, _keep_tabs).convert(text) if _is_rewritten(text) else text


def _is_rewritten(text: str) -> bool:
    return bool(_REWRITTEN.search(text) or _IN_WORD.search(text))


def _rewrite(block: str, in_list: bool) -> str:
    if not _is_rewritten(block):
        return block
    if block.startswith(("    ", "\t")) and not in_list:
        return _fence_code(block) if escape_html(block) != block else block
    table = is_table(block)
    ready: list[str] = []
    around: list[str] = []
    at = 0
    for start, end, piece in _pieces(block, table):
        around.append(block[at:start])
        ready.append(piece)
        at = end
    text = escape_html(_PLACE.join((*around, block[at:])))
    if "://" in text and not text.isascii():
        text = _ADDRESS.sub(r"<\g<0>>", text)
    if _IN_WORD.search(text):
        text = _NO_EMPHASIS.sub(_escape_signs, text)
    if "*" in text and not text.isascii():
        text = _EMPHASIS.sub(_emphasize, text)
    pieces = iter(ready)
    return re.sub(_PLACE, lambda _: next(pieces), text)


def _escape_signs(found: re.Match[str]) -> str:
    return found[0] if _is_in_address(found.string, found.start()) else re.sub("[*~_]", r"\\\g<0>", found[0])


def _is_in_address(text: str, at: int) -> bool:
    begin = text.rfind("://", max(0, at - MAX_WORD_CHARS), at)
    return begin >= 0 and _ADDRESS_END.search(text, begin, at) is None


def _fence_code(block: str) -> str:
    """A block that begins with indented code, which then stands between fences."""
    lines = block.split("\n")
    code = [re.sub("^(?: {4}|\t)", "", line) for line in takewhile(lambda line: line.startswith(("    ", "\t")), lines)]
    rest = "\n".join(lines[len(code) :])
    marks = "`" * max(3, 1 + max(map(len, re.findall("`+", block)), default=0))
    fenced = "\n".join((marks, *(_keep_tabs(line, "") for line in code), marks))
    return f"{fenced}\n{_rewrite(rest, in_list=False)}" if rest else fenced


def _keep_tabs(line: str, lead: str) -> str:
    """A line of code between fences that stand behind `lead`."""
    code = line[len(lead) :]
    return f"{line[: len(lead)]}{BEFORE_TAB}{code}" if code.lstrip(" ").startswith("\t") and "\t" not in lead else line


def _pieces(block: str, table: bool) -> Iterator[tuple[int, int, str]]:
    """Code, formulas, escapes and tags: where each begins and ends, and how it is written."""
    at, word, ends = 0, 0, _Ends(block)
    while begin := _BEGIN.search(block, at):
        at, mark = begin.end(), begin.group().lstrip(" \t>")
        start = at - len(mark)
        if mark[0] == "`":
            if (end := find_code_span(block, start, pipes=not table)) is not None:
                at = word = end
                yield start, end, block[start:end]
        elif mark[0] == "\\" and _is_in_path(block, word, start, mark):
            at = start + (2 if mark[1] in "\\*_" else 1)
            yield start, at, re.sub(r"[\\*_]", r"\\\g<0>", block[start:at])
        elif mark[0] == "<":
            if (tag := _tag(block, start, mark)) is not None:
                at = start + tag[0]
                yield start, at, tag[1]
        elif not _is_in_address(block, start) and (formula := _formula(ends, start, mark)) is not None:
            at = word = formula[0]
            yield start, at, formula[1]
        elif mark[0] == "\\":
            yield start, at, "&lt;" if mark == "\\<" else mark


def _is_in_path(block: str, word: int, at: int, mark: str) -> bool:
    """Whether a backslash belongs to a path that begins after `word`. `A:\\(x\\)` is none, but a formula."""
    path = _PATH.search(block[max(word, at - MAX_WORD_CHARS) : at])
    if path is None:
        return _SERVER.match(block, at) is not None
    return mark != "\\|" and (mark not in SIGNS or path[1] is not None)


def _tag(block: str, start: int, mark: str) -> tuple[int, str] | None:
    """The length of a tag, or of a pair with its text, and how it is written."""
    if mark != "<":
        line = block.rfind("\n", 0, start) + 1
        lead = LEAD.match(block, line)
        alone = lead is not None and lead.end() >= start  # a line that begins with a tag would be HTML, and no Markdown
        return len(mark), "&nbsp;<br>" if alone else "<br>"
    pair = _PAIR.match(block, start)
    if pair is None:
        return None
    tag = pair[1].lower()
    return len(pair[0]), f"<{tag}>{html.escape(pair[2])}</{tag}>"


class _Ends:
    """The next end of a formula of each kind. Found once, so that many beginnings without an end cost little."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._next: dict[str, int] = {}

    def after(self, at: int, sign: str) -> int:
        if self._next.get(sign, -1) < at:
            found = self.text.find(sign, at)
            self._next[sign] = len(self.text) + MAX_FORMULA_CHARS if found < 0 else found
        return self._next[sign]


def _formula(ends: _Ends, start: int, mark: str) -> tuple[int, str] | None:
    """Where a formula that begins at `start` ends, and how it is written."""
    is_environment = mark.startswith("\\begin{")
    sign = mark.replace("begin", "end", 1) if is_environment else SIGNS.get(mark)
    if sign is None:
        return None
    if mark == "$":
        single = _SINGLE.match(ends.text, start)
        if single is None or not _TEX.search(single[1]):
            return None
        inside = single[1]
    else:
        first = start + len(mark)
        end = ends.after(first, sign)
        inside = ends.text[first:end] if end - first <= MAX_FORMULA_CHARS else ""
        is_none = not inside.strip() or end >= len(ends.text) or _begins_code(ends.text, first, end)
        if is_none or (mark not in ("\\[", "\\(") and not _is_formula(inside)):
            return None
    end = start + len(mark) + len(inside) + len(sign)
    if _PATTERN.search(inside):
        return end, escape_html(ends.text[start:end].replace("\\", "\\\\"))
    braces = re.sub(r"\\.", "", inside)
    if braces.count("{") > braces.count("}"):  # KaTeX would look for its end in all that follows
        return end, escape_html(ends.text[start:end])
    lines = re.sub(r"\n[ \t]*(?:>[ \t]?)+", "\n", inside)
    formula = f"{mark}{html.escape(lines, quote=False)}{sign}"
    return end, f"{BEGIN}{f'$${formula}$$' if is_environment else formula}{END}"


def _begins_code(text: str, start: int, end: int) -> bool:
    """Whether code begins between these places."""
    code = text.find("`", start, end)
    return code >= 0 and find_code_span(text, code, pipes=True) is not None


def _is_formula(inside: str) -> bool:
    """Whether the text between two `$$` is one: in a shell's words, `$$` is a number of its own."""
    if "$" in re.sub(r"\\\$|\\text\{[^{}]*\}", "", inside) or "`" in inside:
        return False
    return bool(_MATH.search(inside)) or not _PROSE.search(inside)


def _emphasize(found: re.Match[str]) -> str:
    """HTML where CommonMark would see no emphasis; anything else as it is."""
    text, inside = found.string, found[2]
    before, after = (
        text[found.start() - 1 : found.start()] if found.start() else "",
        text[found.end() : found.end() + 1],
    )
    if not (_hides_mark(inside[0], before) or _hides_mark(inside[-1], after)):
        return found[0]
    begin, end = _TAGS[len(found[1])]
    return f"{begin}{inside}{end}"


def _hides_mark(inner: str, outer: str) -> bool:
    """Whether a mark between a sign and a letter is none to CommonMark, though it is beside East Asian text."""
    if not outer or outer.isspace() or _is_sign(outer) or not _is_sign(inner):
        return False
    return any(unicodedata.east_asian_width(character) in "WFA" for character in (inner, outer))


def _is_sign(character: str) -> bool:
    return character == _PLACE or unicodedata.category(character)[0] in "PS"

"""Saved files hold exactly what was written, and do nothing to whoever opens them."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import asdict, replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from llm_hub.arena.ratings import Vote, rate_models
from llm_hub.ui.render.export import ExportedAnswer, ExportedSide, ExportRecord, as_csv, as_json, as_markdown
from tests.security import words

UNSEEN = "\0\x1b[31m\x7f\x85\u202egnp.exe\u2066x\u2069\u200b\u2028\ufeff\ud83d"
TAGS = "".join(chr(0xE0000 + ord(letter)) for letter in "obey")
SELECTORS = "".join(chr(0xE0100 + byte) for byte in b"obey")
NEEDED = ["👩‍👩‍👧", "👁️‍🗨️", "1️⃣", "❤️", "می‌خواهم", "क्‍ष", "葛\U000e0100城"]
IGNORABLE = [
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
]  # fmt: skip
hidden = st.text(
    st.sampled_from("ab1#é日👩\u200b\u200c\u200d\u200e\u202e\u2064\ufe00\ufe0f\ufeff\U000e0041\U000e0101\ud800")
)
HOSTILE = [
    *words.HTML, *words.MARKDOWN, UNSEEN, "```\nnever closed", "~~~~\nnever closed", "> > ```\nx", "<!-- never closed",
    "<pre>\n\n<script>x", "</blockquote># Prompt 9", "\r\r# Prompt 9", "a\r\n\r\n## Prompt 9", "\x0b## Prompt 9",
    "Setext\n======", "[x]: http://evil.invalid", "---\ntitle: x\n---", "- a\n\n      - b\n# c", "``````\n## Prompt 9",
]  # fmt: skip
anything = st.text(st.sampled_from("ab \n\r\t`~#<>!-*|[]()&\\\"'=+@;,:\0\u202e\u2067\u2028\ud800日"), max_size=60)


def record() -> ExportRecord:
    good = ExportedAnswer("What?", "# Big\ntext", "answered", "openai/a", {"first token": "0.1 s", "price": None})
    bad = ExportedAnswer("What?", "", "failed", "", {}, problem="It\nbroke.")
    return ExportRecord(
        "2026",
        {"system": "be kind", "temperature": None},
        "tie",
        (ExportedSide("openai/a", (good,)), ExportedSide("b", (bad,))),
    )


def filled(text: str) -> ExportRecord:
    """A comparison in which everybody says this, everywhere."""
    answer = ExportedAnswer(text, text, "failed", text, {"price": text}, problem=text, reasoning=text)
    sides = (ExportedSide(text, (answer, answer)), ExportedSide("last", (replace(answer, text="The end."),)))
    return ExportRecord("2026", {"system": text, "temperature": 1.0}, text, sides)


class MarkdownReader(HTMLParser):
    """What a reader's Markdown shows: the headings, and whatever would be fetched or run."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.headings: list[str] = []
        self.active: list[str] = []
        self.quotes = 0
        self._heading = False
        self.feed(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.quotes += tag == "blockquote"
        if tag in ("h1", "h2", "h3") and not self.quotes:
            self._heading = True
            self.headings.append("")
        links = [value or "" for name, value in attrs if name in ("href", "src")]
        plain = tag in ("h1", "h2", "h3", "h4", "h5", "h6", "p", "pre", "code", "blockquote", "ul", "ol", "li", "em",
            "strong", "a", "hr", "br", "table", "thead", "tbody", "tr", "th", "td")  # fmt: skip
        allowed = {"href", "title", "class", "start", "style"}
        if not plain or any(name not in allowed for name, _ in attrs) or any("script:" in link for link in links):
            self.active.append(f"{tag} {attrs}")

    def handle_endtag(self, tag: str) -> None:
        self.quotes -= tag == "blockquote"
        self._heading = False

    def handle_data(self, data: str) -> None:
        if self._heading:
            self.headings[-1] += data

    def handle_comment(self, data: str) -> None:
        self.active.append(data)

    def handle_decl(self, decl: str) -> None:
        self.active.append(decl)

    def handle_pi(self, data: str) -> None:
        self.active.append(data)

    def unknown_decl(self, data: str) -> None:
        self.active.append(data)


def test_the_markdown_names_each_side_and_keeps_an_answers_headings_inside() -> None:
    text = as_markdown(record())
    assert "### `openai/a`" in text
    assert "> # Big\n> text" in text
    assert "*failed: It broke.*" in text
    assert "## System prompt\n\n```\nbe kind\n```" in text
    assert "temperature" not in text
    assert "vote: tie" in text
    reader = MarkdownReader(text)
    assert reader.headings == ["Comparison", "System prompt", "Prompt 1", "openai/a", "b"]
    assert reader.active == []


def test_a_prompt_with_fences_stays_one_block() -> None:
    answer = ExportedAnswer("```\nx\n```", "y", "answered", "a", {})
    assert "````\n```\nx\n```\n````" in as_markdown(ExportRecord("", {}, "", (ExportedSide("a", (answer,)),)))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_in_its_place_and_does_nothing(text: str) -> None:
    _holds(text)


@given(anything)
def test_any_text_stays_in_its_place_and_does_nothing(text: str) -> None:
    _holds(text)


def _holds(text: str) -> None:
    assert json.loads(as_json(filled(text))) == json.loads(json.dumps(asdict(filled(text))))
    saved = as_markdown(filled(text))
    assert not re.search("[\0\x1b\u202e\u2066-\u2069\ud800-\udfff\r]", saved)
    saved.encode()
    reader = MarkdownReader(saved)
    assert reader.active == []
    ours = [
        heading for heading in reader.headings if heading in ("Comparison", "System prompt", "Prompt 1", "Prompt 2")
    ]
    assert ours[-2:] == ["Prompt 1", "Prompt 2"]
    assert [heading for heading in reader.headings if heading.startswith("Prompt")] == ["Prompt 1", "Prompt 2"]
    assert reader.headings.count("last") == 1 or text.strip() == "last"
    assert "\n> The end.\n" in saved


def test_the_json_shows_what_is_hidden_and_is_read_as_it_was() -> None:
    text = as_json(filled(UNSEEN + " 日本 ümlaut"))
    assert json.loads(text)["sides"][0]["target"] == UNSEEN + " 日本 ümlaut"
    assert "日本 ümlaut" in text
    assert r"\u0000\u001b[31m\u007f\u0085\u202egnp.exe\u2066x\u2069\u200b\u2028\ufeff\ud83d" in text
    assert not re.search("[^\n -~日本ü]", text)


@given(hidden)
def test_the_json_holds_every_hidden_character_in_sight(text: str) -> None:
    saved = as_json(filled(text))
    assert json.loads(saved)["sides"][0]["answers"][0]["text"] == json.loads(json.dumps(text))
    assert re.fullmatch("[\n -~é日👩]*", saved)


@given(hidden)
def test_the_markdown_hides_no_text(text: str) -> None:
    saved = as_markdown(filled(text))
    assert not re.search("[\u200b\u200e\u202e\u2064\ufeff\ud800\U000e0000-\U000e007f]", saved)
    assert not re.search("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{2}|[\u200c\u200d][\u200c\u200d\ufe00-\ufe0f]", saved)
    assert not re.search("(^|[ab `])[\u200c\u200d\ufe00-\ufe0f\U000e0100-\U000e01ef]", saved)


@pytest.mark.parametrize("letter", ["a", "é", "👩", ""])
def test_a_hidden_order_does_not_reach_the_markdown(letter: str) -> None:
    bits = "".join("\u200c\u200d"[int(bit)] for byte in b"obey" for bit in f"{byte:08b}")
    for order in (TAGS, SELECTORS, bits, "\u200b".join(bits)):
        saved = as_markdown(filled(f"{letter}{order}z"))
        quote = next(line for line in saved.splitlines() if line.startswith("> "))
        assert len(quote) <= len(f"> {letter}z") + 2


def test_nothing_that_readers_are_not_to_see_is_saved_unseen() -> None:
    """Unicode's Default_Ignorable_Code_Point: a text could be spelled with any two of them."""
    for character in map(chr, (code for first, last in IGNORABLE for code in range(first, last + 1))):
        saved = as_markdown(filled(f"é{character * 8}z"))
        quote = next(line for line in saved.splitlines() if line.startswith("> "))
        assert quote in ("> éz", f"> é{character}z"), hex(ord(character))
        assert character not in as_json(filled(character))


@pytest.mark.parametrize("text", NEEDED)
def test_what_scripts_and_emoji_need_stays(text: str) -> None:
    assert f"> {text}\n" in as_markdown(filled(text))


@pytest.mark.parametrize(
    "name",
    [
        '=cmd|"x"!A1',
        "+1",
        "-1",
        "@SUM(1)",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1",
        "\uff1d1",
        "\0=1",
        "\u202e=1",
        "a;=1",
        "a, -1",
    ],
)
def test_the_table_for_spreadsheets_can_be_read_back_and_holds_no_formula(name: str) -> None:
    text = as_csv(rate_models([Vote((name, 'b/2,"odd"\r\nx'), "best", 0), Vote((name, "c"), "best", 1)]))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 3
    assert {row["rank"] for row in rows} == {"1", "2", "3"}
    assert {'b/2,"odd" x', "c"} < {row["model"] for row in rows}
    for separator in (",", ";", "\t", "|"):
        for cell in (cell for row in csv.reader(io.StringIO(text), delimiter=separator) for cell in row):
            assert not re.match("\\s*[=+@\uff1d\uff0b\uff0d\uff20]|\\s*-[^\\d]", cell), cell
    assert all(float(row["low"]) < float(row["rating"]) < float(row["high"]) for row in rows)

"""What the page makes of an answer's Markdown before Gradio reads it."""

# ruff: noqa: RUF001

from __future__ import annotations

import pytest

from llm_hub.ui.render.page_markdown import BEFORE_TAB, BEGIN, END, MAX_FORMULA_CHARS, page_markdown
from llm_hub.ui.render.source import MARK, with_source
from llm_hub.ui.render.transcript import split_thoughts


def readable(text: str) -> str:
    """The signs that nobody sees, as brackets around a formula."""
    return text.replace(BEGIN, "⟦").replace(END, "⟧")


@pytest.mark.parametrize(
    "text",
    [
        "The shell's number is `$$`. Write $$ in a script, its parent as $PPID, and $$ in the name of a file.",
        "```js\n$$('a'); $$('b')\n```",
        "~~~sh\necho $$ \\(a\\) $$\n~~~",
        "- one\n\n  ```sh\n  kill $$ $$\n  ```",
        "> ```\n> $$x$$\n> ```",
        "`grep '\\(foo\\)' file` and `[[ $x =~ \\[a\\] ]]`",
        "`` `$$x$$` ``",
        "    indented $$x$$ and \\(y\\)",
        "The small plan is $5 a month and the large one $10, **$3.50** each, US$1,200 beside C$1,650.",
        "Set $HOME/my_dir and $PATH, or ${a} and ${b}.",
        "\\$$x$$ has an escape, and \\\\(1) and \\\\[2] are paths",
        "An end that never comes: \\(x, \\[y and $$z",
        "$$\n\nnot over a blank line\n\n$$",
        f"\\({'x' * MAX_FORMULA_CHARS}y\\)",
        "| `a|$$b$$` |",
        "$a (see `b^c`) costs 5$, $`x^2`$, the escape \\( in a regex with its end `\\)`, \\[ a = `b` \\]",
        "[Foo](https://a.example/wiki/Foo_\\(bar\\)) and https://a.example/$$x$$?a=$x_1$",
        "C:\\temp\\(1) and C:\\temp\\[a]\\(2)\\x, ^\\(?\\d{3}\\)?$, US$A$ and a$b$",
    ],
)
def test_code_prices_and_shells_are_no_formulas(text: str) -> None:
    assert BEGIN not in page_markdown(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("The roots \\(x = \\frac{1}{2}\\).", "The roots ⟦\\(x = \\frac{1}{2}\\)⟧."),
        ("\\[ a < b \\iff b & c \\]", "⟦\\[ a &lt; b \\iff b &amp; c \\]⟧"),
        ("$$\na\n+ b\n$$", "⟦$$\na\n+ b\n$$⟧"),
        ("> $$\n> x\n> $$", "> ⟦$$\nx\n$$⟧"),
        ("1. First\n\n    $$ E $$", "1. First\n\n    ⟦$$ E $$⟧"),
        ("| \\(|x|\\) | `$$` |", "| ⟦\\(|x|\\)⟧ | `$$` |"),
        ("设$\\alpha$为正数，$n$ or $x_1$", "设⟦$\\alpha$⟧为正数，⟦$n$⟧ or ⟦$x_1$⟧"),
        ("[a](https://a.example/)\\(x\\)", "[a](https://a.example/)⟦\\(x\\)⟧"),
        ("A:\\(x\\)\\(y\\)", "A:⟦\\(x\\)⟧⟦\\(y\\)⟧"),
        ("$e^{i\\pi}+1=0$, $\\alpha<\\beta$ and $x^2$.", "⟦$e^{i\\pi}+1=0$⟧, ⟦$\\alpha&lt;\\beta$⟧ and ⟦$x^2$⟧."),
        ("`$$` is code and $$x$$ is none", "`$$` is code and ⟦$$x$$⟧ is none"),
        ("$$\\text{for $n$ in } N$$", "⟦$$\\text{for $n$ in } N$$⟧"),
        ("$$\\frac{a}{$$ but $$\\left\\{ x \\right.$$", "$$\\frac{a}{$$ but ⟦$$\\left\\{ x \\right.$$⟧"),
        ("So:\n\\begin{align*}\na &= b \\\\\nc &< d\n\\end{align*}\nand on",
            "So:\n⟦$$\\begin{align*}\na &amp;= b \\\\\nc &amp;&lt; d\n\\end{align*}$$⟧\nand on"),
        ("- one\n\n  > \\begin{equation}\n  > x^2\n  > \\end{equation}",
            "- one\n\n  > ⟦$$\\begin{equation}\nx^2\n\\end{equation}$$⟧"),
        ("$$\n\\begin{align}\na &= b\n\\end{align}\n$$", "⟦$$\n\\begin{align}\na &amp;= b\n\\end{align}\n$$⟧"),
        ("```latex\n\\begin{align}\na &= b\n\\end{align}\n```",
            "```latex\n\\begin{align}\na &= b\n\\end{align}\n```"),
        ("An \\begin{align} begins, and an \\end{align} ends it.",
            "An \\begin{align} begins, and an \\end{align} ends it."),
        ("\\begin{align}\na &= b", "\\begin{align}\na &= b"),
    ],
)  # fmt: skip
def test_formulas_are_marked_for_the_page(text: str, shown: str) -> None:
    assert readable(page_markdown(text)) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("结论：**“重点”**在，而**注意：**后面。", "结论：<strong>“重点”</strong>在，而<strong>注意：</strong>后面。"),
        ("这是*（斜体）*的例子", "这是<em>（斜体）</em>的例子"),
        ("これは***「強調」***です", "これは<strong><em>「強調」</em></strong>です"),
        ("请看**`代码`**这里", "请看<strong>`代码`</strong>这里"),
        ("한국어**(굵게)**입니다", "한국어<strong>(굵게)</strong>입니다"),
        ("这是**重点**的例子", "这是**重点**的例子"),
        ("a**b**c, **“x”** alone — *so*", "a**b**c, **“x”** alone — *so*"),
        ("`**“重点”**在`", "`**“重点”**在`"),
        ("这是**跨行的\n重点：**在", "这是<strong>跨行的\n重点：</strong>在"),
        ("- 这是**前：\n- 后**在", "- 这是**前：\n- 后**在"),
        ("\\**“重点”**在", "\\**“重点”**在"),
    ],
)  # fmt: skip
def test_emphasis_beside_east_asian_text(text: str, shown: str) -> None:
    assert page_markdown(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2*3*4 = 24, x**2 + y**2, (a+b)*c", "2\\*3\\*4 = 24, x\\*\\*2 + y\\*\\*2, (a+b)\\*c"),
        ("the *n*th, **iPhone**17, **H**yper**T**ext", "the *n*th, **iPhone**17, **H**yper**T**ext"),
        ("3~5天，7~8天 and ~~gone~~", "3\\~5天，7\\~8天 and ~~gone~~"),
        ("__init__.py, __Note:__ and __a text__", "\\_\\_init\\_\\_.py, __Note:__ and __a text__"),
        ("http://a/b*c*d http://a/~b~c/__init__.py", "http://a/b*c*d http://a/~b~c/__init__.py"),
        ("`2*3*4` and \\(a*b*c\\)", "`2*3*4` and ⟦\\(a*b*c\\)⟧"),
        ("Open D:\\_old\\*.txt, then \\_ and \\n", "Open D:\\\\\\_old\\\\\\*.txt, then \\_ and \\n"),
        ("\\\\server\\c$\\[x] and \\\\(1)", "\\\\\\\\server\\\\c$\\\\[x] and \\\\(1)"),
        ("C:\\*.log, %TMP%\\*\\a", "C:\\\\\\*.log, %TMP%\\\\\\*\\\\a"),
        ("^\\(?\\d{3}\\)?$", "^\\\\(?\\\\d{3}\\\\)?$"),
    ],
)  # fmt: skip
def test_signs_that_are_no_emphasis_stay(text: str, shown: str) -> None:
    assert readable(page_markdown(text)) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("| one<br>two | a<BR/>b |\n|---|---|", "| one<br>two | a<br>b |\n|---|---|"),
        ("<br>\n`<form>`", "&nbsp;<br>\n`<form>`"),
        ("- <br>\n`<form>`", "- &nbsp;<br>\n`<form>`"),
        ("<kbd>Ctrl</kbd>, H<sub>2</sub>O, x<SUP>2</SUP>", "<kbd>Ctrl</kbd>, H<sub>2</sub>O, x<sup>2</sup>"),
        ("<kbd onclick=x>a</kbd> <sub>no end", "&lt;kbd onclick=x>a&lt;/kbd> &lt;sub>no end"),
        ("<sub><img src=x></sub>", "&lt;sub>&lt;img src=x>&lt;/sub>"),
        ("<br onload=x> <b>bold</b> ![i](u)", "&lt;br onload=x> &lt;b>bold&lt;/b> &#33;[i](u)"),
        ("\\<b> and \\`<i>`", "&lt;b> and \\`&lt;i>`"),
        ("\\(<img src=x>\\)", "⟦\\(&lt;img src=x&gt;\\)⟧"),
        ("<https://a.example/?b=1&c> <http://a b> <https://>", "<https://a.example/?b=1&c> &lt;http://a b> &lt;https://>"),
        ("    <b>\n    ```\n\ta &lt;\nThen <b>", "````\n<b>\n```\na &lt;\n````\nThen &lt;b>"),
        ("- a\n\n        <b>", "- a\n\n        &lt;b>"),
        ("`a | <b>` in prose", "`a | <b>` in prose"),
        ("| a ` | <form> ` |\n|---|---|", "| a ` | &lt;form> ` |\n|---|---|"),
        ("a ` | <form> `\n:-:|-", "a ` | &lt;form> `\n:-:|-"),
    ],
)  # fmt: skip
def test_only_harmless_html_stays(text: str, shown: str) -> None:
    assert readable(page_markdown(text)) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "请看 https://a.example/x。谢谢（http://b.example）。",
            "请看 <https://a.example/x>。谢谢（<http://b.example>）。",
        ),
        ("见https://a.example/维基，公式\\(x\\)", "见<https://a.example/维基>，公式⟦\\(x\\)⟧"),
        ("[a。](https://a，b) <https://a。b> `https://a。`", "[a。](https://a，b) <https://a。b> `https://a。`"),
        ("https://a.example/?b=1, so", "https://a.example/?b=1, so"),
    ],
)
def test_an_address_ends_before_chinese_punctuation(text: str, shown: str) -> None:
    assert readable(page_markdown(text)) == shown


def test_signs_that_only_the_page_may_write_are_taken_out_of_a_text() -> None:
    feigned = f"{BEGIN}$$x$${END}{MARK}\n```\n{BEFORE_TAB}\n```"
    assert page_markdown(feigned) == page_markdown("$$x$$\n```\n\n```")
    assert page_markdown(f"a < b {MARK} **“重点”{MARK}**在") == "a < b  <strong>“重点”</strong>在"


def test_a_source_stands_ahead_of_what_is_shown_where_they_differ() -> None:
    assert with_source("same", "same") == "same"
    shown = with_source("shown", "> <b> &amp;\r\n\n\u2028\ud800")
    assert shown == f"[{MARK}]: <&gt; &lt;b&gt; &amp;amp;&#13;&#10;&#10;&#8232;\ufffd>\n\nshown"


@pytest.mark.parametrize(
    ("text", "thoughts", "answer"),
    [
        ("She greets me.\n</think>\n\nHello!", "She greets me.", "Hello!"),
        ("</think>\nHello!", "", "Hello!"),
        ("<think>a\n</think>\nHello!", "", "<think>a\n</think>\nHello!"),
        ("Write\n\n```xml\nx\n</think>\n```", "", "Write\n\n```xml\nx\n</think>\n```"),
        ("She greets me.</think>Hello!", "She greets me.", "Hello!"),
        ("She greets me.\n</think> Hello!", "She greets me.", "Hello!"),
        (
            "Not `a</think>`.\n```\nb</think>\n```\nOr so.</think>\n\nHello!",
            "Not `a</think>`.\n```\nb</think>\n```\nOr so.",
            "Hello!",
        ),
        ("The tag </think> ends it.", "", "The tag </think> ends it."),
        ('The tag "</think>" ends it.', "", 'The tag "</think>" ends it.'),
    ],
)
def test_thoughts_that_end_without_a_beginning_are_no_answer(text: str, thoughts: str, answer: str) -> None:
    assert split_thoughts(text) == (thoughts, answer)


def test_very_many_ends_of_thoughts_in_code_are_read_at_once() -> None:
    text = "```\n" + "</think>\n" * 200_000  # it took half an hour, where each looked at all before it
    assert split_thoughts(text) == ("", text)


def test_flags_of_regions_stay_and_other_words_in_unseen_characters_do_not() -> None:
    def flag(region: str) -> str:
        return "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in region) + "\U000e007f"

    shown = page_markdown(f"{flag('gbsct')} Scotland, {flag('gbeng')}{flag('gbwls')}, {flag('obey')} {flag('gbsctx')}")
    assert shown == f"{flag('gbsct')} Scotland, {flag('gbeng')}{flag('gbwls')}, \U0001f3f4 \U0001f3f4"
    assert page_markdown("\U0001f3f4\u200d\u2620\ufe0f a pirate's") == "\U0001f3f4\u200d\u2620\ufe0f a pirate's"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("```make\nall:\n\techo\tso\n```", "```make\nall:\n→\techo\tso\n```"),
        (
            "1. a\n\n   ```go\n   \tif x {\n     \ty\n   ```\n\tb",
            "1. a\n\n   ```go\n   →\tif x {\n   →  \ty\n   ```\n\tb",
        ),
        ("> ~~~\n> \ta\n> ~~~", "> ~~~\n> →\ta\n> ~~~"),
        ("\tindented", "\tindented"),
    ],
)
def test_tabs_in_code_are_kept(text: str, shown: str) -> None:
    assert page_markdown(text).replace(BEFORE_TAB, "→") == shown

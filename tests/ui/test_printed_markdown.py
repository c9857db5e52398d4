"""An answer on paper: its Markdown is read there as on the page, and nothing in it is run or fetched."""

from __future__ import annotations

import pytest

from llm_hub.ui.render.printed_markdown import printed_markdown


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# Tide\nIt **turns**.\nNow.", "<h1>Tide</h1>\n<p>It <strong>turns</strong>.<br />\nNow.</p>\n"),
        ("a<br>b, H<sub>2</sub>O", "<p>a<br>b, H<sub>2</sub>O</p>\n"),
        ("`a<br>b`", "<p><code>a&lt;br&gt;b</code></p>\n"),
        ("```html\n\t<b>x</b> $$\n```", '<pre><code class="language-html">\t&lt;b&gt;x&lt;/b&gt; $$\n</code></pre>\n'),
        ("~~5~~ 2*3*4 __init__", "<p><s>5</s> 2*3*4 __init__</p>\n"),
        ("**“重点”**注意", "<p><strong>“重点”</strong>注意</p>\n"),
        ("It is $x_1*y*z^2$.", '<p>It is <span class="formula">$x_1*y*z^2$</span>.</p>\n'),
        ("$$\na < b^2\n$$", '<p><span class="formula">$$\na &lt; b^2\n$$</span></p>\n'),
        ("&#xfffa;9&#xfffa; $x_1$", '<p>\ufffa9\ufffa <span class="formula">$x_1$</span></p>\n'),
        ("It costs $5 or $6.", "<p>It costs $5 or $6.</p>\n"),
    ],
)
def test_it_is_read_as_on_the_page(text: str, html: str) -> None:
    assert printed_markdown(text) == html


def test_a_table_is_one() -> None:
    table = printed_markdown("| port | ships |\n|---|---:|\n| Hamburg | 3 |")
    assert "<th>port</th>" in table
    assert '<td style="text-align:right">3</td>' in table


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<div>\n\n<form action=x>",
        "<img src=x onerror=alert(1)>",
        "<br onclick=alert(1)>",
        "![i](https://elsewhere.test/i.png)",
        "[l](javascript:alert(1))",
        "<style>\n* { color: red }\n</style>",
        "- <iframe src=x>\n\n      <iframe src=y>",
    ],
)
def test_nothing_is_run_or_fetched(text: str) -> None:
    printed = printed_markdown(text)
    for word in ("<script", "<div", "<form", "<img", "<br onclick", 'href="javascript', "<style", "<iframe"):
        assert word not in printed

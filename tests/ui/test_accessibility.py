"""What axe-core finds on the page, in Chromium: nothing serious, whatever the page shows, by day and by night."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.ui.compare_page import SLOW, ComparePage
from tests.ui.conftest import visiting
from tests.ui.conversations_page import ConversationsPage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from tests.ui.chat_page import ChatPage
    from tests.ui.site import Site

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
CHECK = """async (isDark) => {
  document.body.classList.toggle("dark", isDark);
  dispatchEvent(new Event("resize"));  // what scrolls is looked for at once, and not when there is time for it
  for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame);
  const passing = document.getAnimations().filter((each) => each.effect.getComputedTiming().endTime < Infinity);
  passing.forEach((each) => each.finish());  // halfway, a colour is none that anybody chose
  const {violations} = await axe.run(isDark ? {runOnly: ["color-contrast"]} : {});
  return violations.filter(({impact}) => ["serious", "critical"].includes(impact)).flatMap(({id, nodes}) =>
    nodes.map(({target, any, all, none}) => `${id}: ${target}: ${[...any, ...all, ...none][0].message}`));
}"""
"""The serious problems of what is shown. At night only colours are others."""
LONG_LINE = "print('" + "a line that is longer than a phone is wide, " * 4 + "')"
PROMPT = f"""**Bold**, `code`, a [link](https://example.org), ~~struck~~ and $x^2$.

# A heading

```python
# A comment
def area(radius: float) -> float:
    return 3.14 * radius**2 if radius else None
{LONG_LINE}
```

| left | {"a long head " * 6} | {"another one " * 6} |
|:--|--:|--:|
| 1 | 2 | 3 |

> A quotation

- [x] a task

$${" + ".join(f"x_{{{number}}}^2" for number in range(30))} = 1$$
"""
"""What the model of `echo` answers with its own words."""


def expect_accessible(page: ChatPage, *widths: int) -> None:
    """axe-core finds nothing serious on what is shown now, at these widths."""
    for width in widths or (1440, 375):
        page.page.set_viewport_size({"width": width, "height": 800})
        for is_dark in (False, True):
            problems = page.page.evaluate(CHECK, is_dark)
            assert problems == [], f"{width} px, {'dark' if is_dark else 'light'}:\n" + "\n".join(problems)


@pytest.fixture
def chat(browser: Browser, site: Site) -> Iterator[ConversationsPage]:
    with visiting(browser, ConversationsPage, site.url) as chat:
        chat.page.evaluate(AXE)
        yield chat


@pytest.fixture
def compare(browser: Browser, site: Site) -> Iterator[ComparePage]:
    with visiting(browser, ComparePage, site.url) as compare:
        compare.page.evaluate(AXE)
        yield compare


def test_a_chat(chat: ConversationsPage) -> None:
    expect_accessible(chat)
    chat.choose("echo", "echo")
    chat.ask(PROMPT)
    chat.answer_again_with("echo/echo")
    expect(chat.figures.last).to_contain_text("2/2")
    chat.choose("reasoning", "OpenAI")
    chat.ask("Think first")
    chat.choose("cut@mid?from=axe")
    chat.fall_back_to("second/ok?tokens=5")
    chat.ask("Let another one go on")
    chat.figures.last.locator("summary").click()
    chat.choose("policy")
    chat.ask("Fail")
    expect(chat.log.locator(".problem")).to_be_visible()
    chat.choose("stall@mid")
    chat.type("Answer half")
    expect(chat.live).to_contain_text("fiku", timeout=SLOW)
    expect_accessible(chat)
    chat.stop.click()
    expect(chat.stop).to_be_hidden()
    chat.page.get_by_label("Provider", exact=True).click()
    expect(chat.page.get_by_role("option").first).to_be_visible()
    expect_accessible(chat, 1440)


def test_the_list_of_conversations(chat: ConversationsPage) -> None:
    chat.choose("ok", "OpenAI")
    chat.ask("Of the list")
    more = chat.item("Of the list").get_by_role("button")
    more.click()
    expect_accessible(chat, 1440)
    chat.page.set_viewport_size({"width": 375, "height": 800})
    chat.page.get_by_role("button", name="Conversations").click()
    expect_accessible(chat, 375)
    chat.page.get_by_role("button", name="Delete", exact=True).click()
    expect(chat.page.get_by_role("button", name="Undo the deletion")).to_be_visible()
    expect_accessible(chat, 375)


def test_comparisons(compare: ComparePage) -> None:
    expect_accessible(compare)
    compare.set("ok", "policy")
    compare.compare(PROMPT)
    compare.page.locator("#compare-results > .label-wrap").click()
    expect(compare.page.locator(".side-by-side")).to_be_visible()
    expect_accessible(compare)
    compare.page.locator("#compare-new").click()
    compare.set("ok?of=left", "ok?of=right")
    compare.page.locator("#compare-blind input").check()
    compare.run("Who is better?")
    expect(compare.page.locator("#compare-vote")).to_be_visible(timeout=SLOW)
    expect_accessible(compare)
    compare.page.locator("#compare-best-1").click(timeout=SLOW)
    expect(compare.page.locator("#compare-said")).to_contain_text("You voted", timeout=SLOW)
    compare.page.get_by_role("tab", name="Leaderboard").click()
    expect(compare.page.locator(".ratings")).to_be_visible(timeout=SLOW)
    expect_accessible(compare)


def test_runs(chat: ConversationsPage) -> None:
    page = chat.page
    page.get_by_role("tab", name="Runs").click()
    page.get_by_role("button", name="Fill in an example").click()
    expect(page.locator(".run-estimate")).to_contain_text("requests, free", timeout=SLOW)
    expect_accessible(chat)
    page.locator("#runs-start").click()
    marks = page.locator("#runs-table td button")
    expect(marks.filter(has_text=re.compile("[✓✗]")).first).to_be_visible(timeout=SLOW)
    page.reload()  # the run goes on, and the page finds it again
    page.get_by_role("tab", name="Runs").click()
    page.get_by_role("button", name="Pause").click(timeout=SLOW)
    expect(page.get_by_role("button", name="Go on")).to_be_visible(timeout=SLOW)
    marks.filter(has_text=re.compile("[✓✗]")).first.click()
    expect(page.get_by_role("dialog").get_by_text("Attempts")).to_be_visible(timeout=SLOW)
    page.evaluate(AXE)
    expect_accessible(chat)
    page.get_by_role("button", name="Close").click()
    expect_accessible(chat)
    page.get_by_role("button", name="Mark answers").click()
    marked = page.locator(".run-marking [role=status]")
    expect(marked).to_contain_text("0 marked", timeout=SLOW)
    page.evaluate(AXE)
    expect_accessible(chat)
    for key, place, count in (("y", 2, 1), ("0", 3, 2), ("ArrowLeft", 2, 2), ("u", 2, 1)):
        page.keyboard.press(key)  # the next one only when this one's answer is there: until then keys do nothing
        expect(marked).to_have_text(re.compile(f"^Answer {place} of .*, {count} marked$"), timeout=SLOW)
    page.keyboard.press("Escape")
    expect(page.locator("#runs-figures")).to_contain_text("Passed", timeout=SLOW)
    page.get_by_role("button", name="New run").click()
    expect(page.locator("#runs-new")).to_be_visible(timeout=SLOW)
    page.set_viewport_size({"width": 1440, "height": 800})
    listed = page.locator("#conversation-list li.run a")
    listed.click(timeout=SLOW)
    expect(page.locator("#runs-head h2")).to_be_visible(timeout=SLOW)
    page.goto(listed.evaluate("link => link.href"))  # in a new tab of the browser
    expect(page.locator("#runs-head h2")).to_be_visible(timeout=SLOW)


def test_the_other_tabs(chat: ConversationsPage) -> None:
    chat.choose("status-503?from=axe", "OpenAI")
    chat.fall_back_to("second/ok")
    chat.ask("Hello")
    for tab, shown in (("Status", ".health .target"), ("Usage", "#usage-shown table"), ("Keys", ".keys")):
        chat.page.set_viewport_size({"width": 1440, "height": 800})
        chat.page.get_by_role("tab", name=tab).click()
        expect(chat.page.locator(shown).first).to_be_visible(timeout=SLOW)
        expect_accessible(chat)

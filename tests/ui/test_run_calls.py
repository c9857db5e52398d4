"""The Runs tab's handlers, called without a browser."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.ui.page_calls import PageCalls, TabCalls, page_calls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.fault_server import FaultServerThread

pytestmark = pytest.mark.asyncio(loop_scope="module")

CSV = "word,answer\nboat,a\nsea,b\ncalm,c"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def page(fault_server: FaultServerThread, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PageCalls]:
    environment = {
        "OPENAI_API_KEY": "sk-test-0123456789abcdef",
        "OPENAI_BASE_URL": fault_server.openai_url,
        "LLM_HUB_CHAOS": "1",
        "LLM_HUB_MAX_RETRIES": "0",
    }
    async with page_calls(tmp_path_factory.mktemp("runs"), environment) as page:
        yield page


@pytest.fixture
def tab(page: PageCalls) -> TabCalls:
    return page.open()


def fill(tab: TabCalls, *targets: str, text: str = CSV, **values: Any) -> None:
    tab.set(runs_prompts={"text": text, "files": []}, runs_kind="csv", runs_targets=list(targets), **values)


async def press(tab: TabCalls, part: str, what: str) -> dict[str, Any]:
    return await tab.use(part, "pick", event_data={"what": what})


async def test_a_judge_is_estimated_asked_and_shown(tab: TabCalls) -> None:
    targets = ("openai/ok?tokens=3", "openai/ok?tokens=6")
    fill(tab, *targets, runs_template="Say {{word}}", runs_judge="openai/ok?as=judge&leans=first", runs_rubric="Short?")
    await tab.use("runs-rubric", "blur")
    assert "up to 12 requests, whose price cannot be known" in tab.text("runs-estimate")
    assert "as judge: up to 6 requests" in tab.text("runs-estimate")
    await tab.click("runs-start")
    assert "Complete." in tab.text("runs-head")
    assert "Judged by openai/ok?as=judge&leans=first" in tab.text("runs-figures")
    assert "named the first place whatever stood there 3 times" in tab.text("runs-figures")


async def test_a_column_is_suggested_where_no_prompt_is_written(tab: TabCalls) -> None:
    fill(tab, "openai/ok?tokens=3")
    await tab.use("runs-prompts", "change")
    assert tab.value("runs-template") == "{{word}}"
    assert "3 requests" in tab.text("runs-estimate")
    for text, template in (
        ("town,land\nOslo,Norway", "{{town}}"),
        ("land,town\nNorway,Oslo", "{{town}}"),
        ("prompt,land\nHi,Norway", "{{prompt}}"),
    ):
        tab.set(runs_prompts={"text": text, "files": []})
        await tab.use("runs-kind", "input")
        assert tab.value("runs-template") == template
    for written, text in (("", "prompt,land\nHi,Norway"), ("Where is {{word}}?", "land,town\nNorway,Oslo")):
        tab.set(runs_template=written, runs_prompts={"text": text, "files": []})
        await tab.use("runs-prompts", "change")
        assert tab.value("runs-template") == written
    assert "has no column 'word'" in tab.text("runs-estimate")


async def test_a_run_is_estimated_asked_opened_and_saved(tab: TabCalls) -> None:
    fill(tab, "openai/ok?tokens=3", "openai/status-400", runs_template="Say {{word}}", runs_checks="length:1..")
    await tab.use("runs-template", "blur")
    assert "6 requests, whose price cannot be known in all" in tab.text("runs-estimate")
    await tab.click("runs-start")
    assert tab.visible("runs-shown")
    assert not tab.visible("runs-new")
    assert tab.value("runs-live")["marks"] == "✓!✓!✓!"
    assert tab.value("runs-live")["state"] == "ended"
    assert "3 prompts × 2 targets: 6 of 6 cells" in tab.text("runs-figures")
    assert "Complete." in tab.text("runs-head")
    assert "Ask 3 failed cells again" in tab.text("runs-head")
    await press(tab, "runs-table", "0")
    assert "Say boat" in tab.text("runs-answer")
    assert "openai/ok?tokens=3 · answered" in tab.text("runs-answer")
    await press(tab, "runs-table", "1")
    assert "Attempts" in tab.text("runs-answer")
    for kind in ("csv", "json", "md", "html"):
        (file,) = [value for value in (await press(tab, "runs-save", kind)).values() if isinstance(value, dict)]
        assert file["name"].endswith(f".{kind}")
        assert "status-400" in file["text"]
    await press(tab, "runs-head", "close")
    assert tab.visible("runs-new")
    assert "Say boat" in tab.text("runs-saved")


async def test_rows_are_chosen_and_two_answers_of_one_are_compared(tab: TabCalls) -> None:
    fill(tab, "openai/ok?tokens=5", "openai/ok?tokens=3", runs_template="Say {{word}}", runs_checks="not-contains:x")
    await tab.click("runs-start")
    whole = tab.value("runs-live")
    assert "Passed by" in tab.text("runs-filter")
    await press(tab, "runs-filter", json.dumps({"text": "sea", "only": "", "passed": "1", "missed": ""}))
    assert "Say sea" in tab.text("runs-table")
    assert "Say boat" not in tab.text("runs-table")
    assert len(tab.value("runs-live")["marks"]) == 2
    assert tab.value("runs-live")["shown"] != whole["shown"]
    await press(tab, "runs-filter", json.dumps({"only": "failed"}))
    assert "No row is like that." in tab.text("runs-table")
    for nothing in ("{", "[1]", '{"passed": "99", "only": 3}'):
        await press(tab, "runs-filter", nothing)
        assert tab.value("runs-live") == whole
    await press(tab, "runs-answer", "2 3")
    assert "of the words are the same" in tab.text("runs-answer")
    assert "<del>only openai/ok?tokens=5</del>" in tab.html("runs-answer")
    await press(tab, "runs-answer", "2 0")  # another row's
    assert "of the words are the same" not in tab.text("runs-answer")


async def test_answers_are_marked_without_a_sight_of_the_target(tab: TabCalls) -> None:
    fill(tab, "openai/ok?tokens=3", "openai/ok?tokens=5", runs_template="Mark {{word}}")
    await tab.click("runs-start")
    assert "95 % interval" not in tab.text("runs-figures")
    await press(tab, "runs-head", "mark")
    assert "Answer 1 of 6, 0 marked" in tab.text("runs-marking")
    assert "Mark boat" in tab.text("runs-marking")
    assert "openai" not in tab.html("runs-marking")
    await press(tab, "runs-marking", "yes 0")
    await press(tab, "runs-marking", "no 1")
    assert "Answer 3 of 6, 2 marked" in tab.text("runs-marking")
    await press(tab, "runs-marking", "card 1")
    await press(tab, "runs-marking", "unmark 1")
    assert "Answer 2 of 6, 1 marked" in tab.text("runs-marking")
    await press(tab, "runs-marking", "no 5")
    await press(tab, "runs-marking", "done")
    assert tab.value("runs-marking") == ""
    assert Counter(tab.value("runs-live")["marks"]) == {"•": 4, "✓": 1, "✗": 1}
    assert "95 % interval" in tab.text("runs-figures")
    marks = tab.value("runs-live")["marks"]
    await press(tab, "runs-table", str(marks.index("✓")))
    assert "✓ marked by a person" in tab.text("runs-answer")
    await press(tab, "runs-saved", f"open {tab.value('runs-live')['shown'].split()[0]}")
    assert tab.value("runs-live")["marks"] == marks, "they are in the database"
    await press(tab, "runs-head", "rerun")
    assert "95 % interval" not in tab.text("runs-figures"), "the new run's answers are not marked"


async def test_a_set_is_run_again_and_compared_with_itself(tab: TabCalls) -> None:
    fill(tab, "openai/ok?tokens=3", runs_template="Again {{word}}", runs_checks="length:1..")
    await tab.click("runs-start")
    assert "Compare with" not in tab.text("runs-figures")
    await press(tab, "runs-head", "rerun")
    assert "3 of 3 cells" in tab.text("runs-figures")
    assert "openai/ok?tokens=3, 3 rows: passed 100.0% → 100.0%, the same" in tab.text("runs-figures")
    assert "Other answers than before: 0 of 3 prompts" in tab.text("runs-figures")
    (earlier,) = re.findall(r'data-pick="(compare \S+)"', tab.html("runs-figures"))
    run = tab.value("runs-live")["shown"].split()[0]
    await press(tab, "runs-saved", f"open {run}")
    assert "Other answers" not in tab.text("runs-figures")
    await press(tab, "runs-figures", earlier)
    assert "Other answers than before: 0 of 3 prompts" in tab.text("runs-figures")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"text": "word\nboat\nsea,b"}, "line 3: has 2 fields"),
        ({"runs_template": "Say {{other}}"}, "no column 'other'"),
        ({"runs_template": "{{word}}", "runs_checks": "resembles:x"}, "is no check"),
        ({"runs_template": "{{word}}", "runs_repeats": "many"}, "from 1 to 20"),
        ({"runs_template": "{{word}}", "runs_ceiling": "-1"}, "an amount of dollars"),
        ({"runs_template": "{{word}}", "runs_ceiling": "1"}, "costs is not known"),
    ],
)
async def test_what_is_wrong_is_told_and_nothing_is_lost(tab: TabCalls, values: dict[str, Any], sentence: str) -> None:
    fill(tab, "openai/ok?tokens=3", **values)
    before = tab.value("runs-prompts")
    await tab.click("runs-start")
    assert sentence in tab.text("runs-estimate")
    assert tab.visible("runs-new")
    assert tab.value("runs-prompts") == before


async def test_what_was_read_is_told_before_anybody_is_chosen_and_what_is_missing_then(tab: TabCalls) -> None:
    fill(tab)
    await tab.use("runs-prompts", "change")
    assert tab.text("runs-estimate") == "The text: 3 rows, columns: word, answer"
    fill(tab, "openai/ok?tokens=3", runs_template="")
    await tab.use("runs-targets", "input")
    assert "such as {{word}}" in tab.text("runs-estimate")


async def test_a_run_is_opened_again_in_another_tab_and_deleted_after_a_question(page: PageCalls) -> None:
    tab = page.open()
    fill(tab, "openai/ok?tokens=3", runs_template="Delete {{word}}")
    await tab.click("runs-start")
    run = tab.value("runs-live")["shown"].split()[0]
    other = page.open()
    await press(other, "runs-head", "close")
    assert "Delete boat" in other.text("runs-saved")
    await press(other, "runs-saved", f"ask {run}")
    assert "with its answers?" in other.text("runs-saved")
    await press(other, "runs-saved", f"open {run}")
    assert other.value("runs-live")["marks"] == "•••"
    await press(other, "runs-head", "close")
    await press(other, "runs-saved", f"delete {run}")
    assert "Delete boat" not in other.text("runs-saved")


async def test_strangers_behind_a_proxy_are_told_nothing(page: PageCalls, tmp_path: Path) -> None:
    stranger = page.open()
    assert stranger._request.request is not None
    stranger._request.request.scope["headers"].append((b"x-forwarded-for", b"203.0.113.9"))
    fill(stranger, "openai/ok?tokens=3", runs_template="{{word}}")
    for use in (stranger.click("runs-start"), press(stranger, "runs-saved", "keep")):
        await use
        assert "only be used in a browser on the hub's own computer" in stranger.text("runs-problem")
        assert stranger.text("runs-saved") == ""
        assert not stranger.visible("runs-shown")


async def test_the_example_costs_nothing(tab: TabCalls) -> None:
    await tab.click("runs-example")
    assert "chaos/steady" in tab.value("runs-targets")
    assert "requests, free" in tab.text("runs-estimate")

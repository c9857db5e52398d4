"""The Compare tab's handlers, called without a browser: what is asked, what is hidden, what counts, what is kept."""

from __future__ import annotations

import asyncio
import json
import re
import sqlite3
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.fault_server import answer_text
from tests.ui.page_calls import PageCalls, TabCalls, page_calls, table
from tests.ui.test_export import MarkdownReader

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.fault_server import Exchange, FaultServerThread
    from tests.ui.echo_server import EchoServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

SUBSTITUTE = "ok?tokens=5&plain=substitute"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compare")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def page(fault_server: FaultServerThread, echo_server: EchoServer, folder: Path) -> AsyncIterator[PageCalls]:
    """A hub with a route to fall back on."""
    environment = {
        "OPENAI_API_KEY": "sk-test-0123456789abcdef",
        "OPENAI_BASE_URL": fault_server.openai_url,
        "LLM_HUB_SERVERS": f"echo={echo_server.url}",
        "LLM_HUB_ROUTE": f"openai/{SUBSTITUTE}",
        "LLM_HUB_MAX_RETRIES": "0",
    }
    async with page_calls(folder, environment) as page:
        yield page


@pytest.fixture
def compare(page: PageCalls) -> TabCalls:
    return page.open()


def requests(fault_server: FaultServerThread, model: str) -> list[Exchange]:
    return [exchange for exchange in fault_server.exchanges if exchange.model == model and exchange.method == "POST"]


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """Rows of the database of votes."""
    if not (folder / "votes.db").exists():
        return []
    with closing(sqlite3.connect(folder / "votes.db")) as connection:
        try:
            return connection.execute(query).fetchall()
        except sqlite3.OperationalError:  # nobody has voted yet
            return []


def votes(folder: Path, label: str) -> list[tuple[Any, ...]]:
    query = "select verdict, won, conversation, target from votes join contestants on id = vote_id"
    return rows(folder, f"{query} where target like '%plain={label}%' order by seat")


async def compare_blind(compare: TabCalls, *models: str, prompt: str = "Hello") -> None:
    for _ in models[2:]:
        await compare.click("compare-add")
    compare.set_panes(*models)
    compare.set(compare_blind=True)
    await compare.compare(prompt)


def visible_panes(compare: TabCalls) -> list[int]:
    return [number for number in range(1, 5) if compare.visible(f"compare-pane-{number}")]


def visible_html(compare: TabCalls) -> str:
    """All that the tab says while names are hidden. The lists of models are not on the page then."""
    for number in visible_panes(compare):
        assert not compare.visible(f"compare-pane-{number} picker")
    lists = re.compile(r"compare-pane-\d-(provider|model)$|state$|json$")
    return "\n".join(compare.html(name) for name in compare.names if not lists.search(name))


def _has_text(compare: TabCalls, name: str, text: str) -> bool:
    return text in compare.text(name)


def texts(compare: TabCalls, number: int) -> list[str]:
    return compare.answers(f"compare-pane-{number} past")


# Prompts and answers.


async def test_the_panes_are_asked_at_once_and_each_shows_its_own_answer(
    compare: TabCalls, fault_server: FaultServerThread
) -> None:
    models = ("ok?tokens=40&rate=40&plain=once1", "ok?tokens=60&rate=60&plain=once2")
    compare.set_panes(*models)
    await compare.compare("Hello")
    assert [texts(compare, number) for number in (1, 2)] == [[answer_text(40)], [answer_text(60)]]
    first, second = (requests(fault_server, model)[0] for model in models)
    assert first.closed is not None
    assert second.closed is not None
    assert first.opened < second.closed
    assert second.opened < first.closed


async def test_a_pane_that_hangs_fails_or_breaks_off_delays_no_other(
    compare: TabCalls, fault_server: FaultServerThread
) -> None:
    for _ in range(2):
        await compare.click("compare-add")
    good, hangs = "ok?tokens=30&plain=others", "stall@first?plain=others"
    compare.set_panes(good, hangs, "status-503?plain=others", "cut@mid?tokens=20&plain=others")
    asking = asyncio.create_task(compare.compare("Hello"))
    for number in (1, 3, 4):
        await compare.until(partial(compare.figures, f"compare-pane-{number} past"))
    assert "30 out tokens" in compare.figures("compare-pane-1 past")[0]
    assert requests(fault_server, hangs)[0].closed is None
    assert "Waiting for" in compare.text("compare-pane-2 line")
    await compare.click("compare-pane-2 stop")
    await asking
    assert "stopped" in compare.figures("compare-pane-2 past")[0]
    assert "503" in compare.problems("compare-pane-3 past")[0]
    assert compare.problems("compare-pane-4 past")
    assert texts(compare, 4)[0].startswith(answer_text(20)[:30])


async def test_stopping_one_pane_leaves_the_others_streaming(
    compare: TabCalls, fault_server: FaultServerThread
) -> None:
    goes_on, ends = "ok?tokens=30&rate=50&plain=on", "ok?tokens=3000&rate=50&plain=ends"
    compare.set_panes(goes_on, ends)
    asking = asyncio.create_task(compare.compare("Hello"))
    await compare.until(lambda: "fiku cepo" in compare.text("compare-pane-2 live"))
    await compare.click("compare-pane-2 stop")
    await asking
    assert re.search(r"stopped.*≈ \d+ out tokens", compare.figures("compare-pane-2 past")[0])
    assert texts(compare, 1) == [answer_text(30)]
    assert not requests(fault_server, goes_on)[0].client_left


async def test_a_prompt_that_is_sent_just_after_a_stop_is_asked(
    compare: TabCalls, fault_server: FaultServerThread
) -> None:
    models = [f"ok?tokens=3000&rate=50&plain=stopped{number}" for number in (1, 2)]
    compare.set_panes(*models)
    asking = asyncio.create_task(compare.compare("One"))
    await compare.until(lambda: "fiku" in compare.text("compare-pane-2 live"))
    stopping = asyncio.create_task(compare.click("compare-stop"))
    again = asyncio.create_task(compare.compare("Two"))  # the page has not heard yet that the answers have ended
    await compare.until(lambda: compare.prompts("compare-pane-2 live") == ["Two"])
    await compare.until(lambda: [len(requests(fault_server, model)) for model in models] == [2, 2])
    await stopping
    await compare.click("compare-stop")
    await asyncio.gather(asking, again)
    assert compare.prompts("compare-pane-1 past") == ["One", "Two"]
    assert not compare.visible("compare-stop")


async def test_a_prompt_that_is_sent_while_answers_are_written_comes_back(compare: TabCalls) -> None:
    compare.set_panes(*["ok?tokens=3000&rate=50&plain=waits"] * 2)
    asking = asyncio.create_task(compare.compare("One"))
    await compare.until(lambda: "fiku" in compare.text("compare-pane-2 live"))
    again = asyncio.create_task(compare.compare("Two"))
    await compare.until(lambda: compare.value("compare-prompt")["text"] == "Two")
    assert "still being written" in compare.text("compare-hint")
    await compare.click("compare-stop")
    await asyncio.gather(asking, again)
    assert compare.prompts("compare-pane-1 past") == ["One"]


async def test_the_figures_are_those_of_the_providers(compare: TabCalls) -> None:
    compare.set_panes("ok?tokens=50&rate=200&plain=fig1", "no-usage?tokens=50&rate=200&plain=fig2")
    await compare.compare("Hello")
    first, second = table(compare.html("compare-figures"))
    assert first["tokens out"] == "50"
    assert re.fullmatch(r"\d+", first["tokens a second"])
    assert second["tokens out"].startswith("≈ ")
    assert second["tokens a second"].startswith("≈ ")
    assert (first["ended"], first["attempts"]) == ("complete", "1")


async def test_the_figures_have_a_row_for_each_pane_although_an_earlier_update_comes_last(compare: TabCalls) -> None:
    compare.set_panes("ok?tokens=3&plain=late1", "ok?tokens=40&rate=80&plain=late2")
    late = compare.hold("finish")  # of the first pane, which ends first
    asking = asyncio.create_task(compare.compare("Hello"))
    await compare.until(partial(compare.figures, "compare-pane-2 past"))
    late.set()
    await asking
    assert [row["tokens out"] for row in table(compare.html("compare-figures"))] == ["3", "40"]
    assert compare.visible("compare-run")
    assert not compare.visible("compare-stop")


async def test_one_event_shows_the_state_so_that_none_shows_an_older_one(compare: TabCalls) -> None:
    """But for a link's, which comes with the page."""
    for name in ("compare-figures", "compare-run", "compare-stop", "compare-said", "compare-pane-1 past"):
        assert compare.handlers_of(name) == {"refresh", "open"}


async def test_a_pane_that_ends_meanwhile_is_not_shown_as_busy_by_a_click_that_comes_late(compare: TabCalls) -> None:
    compare.set_panes("ok?tokens=3&plain=click1", "ok?tokens=3000&rate=50&plain=click2")
    asking = asyncio.create_task(compare.compare("Hello"))
    await compare.until(partial(compare.figures, "compare-pane-1 past"))
    late = compare.hold("add")
    adding = asyncio.create_task(compare.click("compare-add"))
    await compare.click("compare-pane-2 stop")
    await asking
    late.set()
    await adding
    assert visible_panes(compare) == [1, 2, 3]
    assert "stopped" in compare.figures("compare-pane-2 past")[0]
    assert compare.value("compare-pane-2 live") == []
    assert not compare.visible("compare-pane-2 stop")
    assert not compare.visible("compare-stop")


async def test_an_answer_that_is_over_does_not_stay_twice_by_an_update_that_comes_late(
    compare: TabCalls, fault_server: FaultServerThread
) -> None:
    """The beginning of the question comes after the page has been shown its end."""
    models = ("ok?tokens=3000&rate=50&plain=twice1", "ok?tokens=3000&rate=50&plain=twice2")
    compare.set_panes(*models)
    late = compare.hold("ask")
    asking = asyncio.create_task(compare.compare("Hello"))
    await asyncio.to_thread(fault_server.wait_for, lambda _: all(requests(fault_server, model) for model in models))
    await compare.click("compare-stop")
    late.set()
    await asking
    for number in (1, 2):
        assert compare.prompts(f"compare-pane-{number} past") == ["Hello"]
        assert compare.value(f"compare-pane-{number} live") == []


async def test_a_prompt_that_is_sent_while_another_is_on_its_way_is_not_lost(compare: TabCalls) -> None:
    compare.set_panes(*["ok?tokens=3000&rate=50&plain=on-its-way"] * 2)
    late = compare.hold("ask")
    asking = asyncio.create_task(compare.compare("One"))
    await late.reached.wait()
    again = asyncio.create_task(compare.compare("Two"))
    await compare.until(lambda: "still being written" in compare.text("compare-hint"))
    late.set()
    await compare.until(lambda: compare.value("compare-prompt")["text"] == "Two")
    await compare.click("compare-stop")
    await asyncio.gather(asking, again)
    assert compare.prompts("compare-pane-1 past") == ["One"]


async def test_an_old_comparison_does_not_come_back_with_an_update_that_comes_late(compare: TabCalls) -> None:
    compare.set_panes("ok?tokens=3&plain=old1", "ok?tokens=4&plain=old2")
    late = compare.hold("finish")
    asking = asyncio.create_task(compare.compare("Hello"))
    await compare.until(lambda: any(compare.figures(f"compare-pane-{number} past") for number in (1, 2)))
    await compare.begin("compare")
    late.set()
    await asking
    assert not any(compare.value(f"compare-pane-{number} {box}") for number in (1, 2) for box in ("past", "live"))
    assert not compare.visible("compare-results")


async def test_retry_asks_one_pane_again_and_leaves_the_other_alone(
    compare: TabCalls, fault_server: FaultServerThread
) -> None:
    still = "ok?tokens=5&plain=still"
    compare.set_panes(still, "status-503?plain=retry")
    await compare.compare("Hello")
    assert "503" in compare.problems("compare-pane-2 past")[0]
    compare.set_panes(still, "ok?tokens=7&plain=retry")
    await compare.click("compare-pane-2 retry")
    assert texts(compare, 2) == [answer_text(7)]
    assert compare.prompts("compare-pane-2 past") == ["Hello"]
    assert len(requests(fault_server, still)) == 1


async def test_a_follow_up_goes_to_every_pane_with_its_own_history(
    compare: TabCalls, fault_server: FaultServerThread
) -> None:
    models = ("ok?tokens=3&plain=turns1", "ok?tokens=6&plain=turns2")
    compare.set_panes(*models)
    compare.set(compare_system="Be brief.", compare_temperature="0.5", compare_max_tokens="77")
    await compare.compare("First")
    await compare.compare("Second")
    for model, tokens in zip(models, (3, 6), strict=True):
        body = requests(fault_server, model)[1].body
        messages = [(message["role"], message["content"]) for message in body["messages"]]
        assert messages[-3:] == [("user", "First"), ("assistant", answer_text(tokens)), ("user", "Second")]
        assert messages[0][1] == "Be brief."
        assert body["temperature"] == 0.5
        assert body.get("max_completion_tokens", body.get("max_tokens")) == 77


async def test_panes_come_and_go_between_two_and_four(compare: TabCalls) -> None:
    assert visible_panes(compare) == [1, 2]
    assert not compare.visible("compare-pane-1 remove")
    await compare.click("compare-add")
    await compare.click("compare-add")
    assert not compare.visible("compare-add")
    await compare.click("compare-pane-2 remove")
    assert visible_panes(compare) == [1, 3, 4]
    await compare.click("compare-pane-4 remove")
    assert visible_panes(compare) == [1, 3]
    assert not compare.visible("compare-pane-1 remove")


async def test_a_new_comparison_leaves_the_old_one_to_its_end(
    compare: TabCalls, fault_server: FaultServerThread
) -> None:
    models = ("ok?tokens=60&rate=60&plain=new1", "ok?tokens=40&rate=60&plain=new2")
    compare.set_panes(*models)
    asking = asyncio.create_task(compare.compare("Hello"))
    await compare.until(lambda: "fiku" in compare.text("compare-pane-1 live"))
    old = compare.value("compare-opened")["id"]
    await compare.begin("compare")
    await asking
    assert compare.value("compare-opened")["id"] == ""
    assert not any(compare.value(f"compare-pane-{number} {box}") for number in (1, 2) for box in ("past", "live"))
    assert compare.visible("compare-run")
    await compare.use("compare-opened", "open", event_data={"id": old})
    assert [texts(compare, number) for number in (1, 2)] == [[answer_text(60)], [answer_text(40)]]
    assert not any(requests(fault_server, model)[0].client_left for model in models)


async def test_no_pane_falls_back_unless_that_is_allowed(compare: TabCalls, fault_server: FaultServerThread) -> None:
    before = len(requests(fault_server, SUBSTITUTE))
    compare.set_panes("ok?tokens=8&plain=own1", "status-503?plain=own2")
    await compare.compare("Hello")
    assert "503" in compare.problems("compare-pane-2 past")[0]
    assert len(requests(fault_server, SUBSTITUTE)) == before
    compare.set(compare_fallback=True)
    await compare.click("compare-pane-2 retry")
    assert SUBSTITUTE in compare.text("compare-pane-2 head")
    assert "Fell back" in compare.text("compare-pane-2 head")
    assert texts(compare, 2) == [answer_text(5)]


async def test_without_a_route_fallbacks_are_allowed_by_the_box_alone(
    fault_server: FaultServerThread, tmp_path: Path
) -> None:
    environment = {
        "OPENAI_API_KEY": "sk-refused-0123456789",
        "OPENAI_BASE_URL": fault_server.openai_url,
        "ANTHROPIC_API_KEY": "sk-ant-test-0123456789",
        "ANTHROPIC_BASE_URL": fault_server.anthropic_url,
    }
    async with page_calls(tmp_path, environment) as page:
        compare = page.open()
        compare.set_panes("ok?plain=nobody1", "ok?plain=nobody2")
        await compare.compare("Hello")
        for pane in (1, 2):
            assert compare.problems(f"compare-pane-{pane} past")
        compare.set(compare_fallback=True)
        await compare.click("compare-pane-2 retry")
        assert "Anthropic" in compare.text("compare-pane-2 head")


# The words of two answers.


async def test_the_words_of_two_answers_are_compared(compare: TabCalls) -> None:
    compare.set_panes("ok?tokens=4&plain=diff1", "ok?tokens=6&plain=diff2")
    await compare.compare("Hello")
    await compare.use("compare-results", "expand")
    same, more = answer_text(4), answer_text(6).removeprefix(answer_text(4)).strip()
    html = compare.html("compare-difference")
    assert re.findall(r"<span>(.*?)</span>", html)[0].strip() == same
    assert [text.strip() for text in re.findall(r"<ins>(.*?)</ins>", html)[1:]] == [more]


async def test_the_words_of_a_pane_that_is_removed_give_way_to_those_that_are_left(compare: TabCalls) -> None:
    await compare.click("compare-add")
    compare.set_panes("ok?tokens=4&plain=gone1", "ok?tokens=4&plain=gone2", "ok?tokens=6&plain=gone3")
    await compare.compare("Hello")
    compare.set(compare_left=0, compare_right=2)
    await compare.use("compare-right", "input", 2)
    more = answer_text(6).removeprefix(answer_text(4)).strip()
    assert more in compare.html("compare-difference")
    await compare.compare("And then?")
    assert compare.value("compare-right") == 2
    await compare.click("compare-pane-2 remove")
    labels = {value: label for label, value in compare.choices("compare-right")}
    assert re.match(r"B: .*gone3", labels[compare.value("compare-right")])
    await compare.use("compare-figures", "change")
    assert more in compare.html("compare-difference")


# On to Chat, links and files.


async def test_an_answer_can_be_continued_in_chat(compare: TabCalls, fault_server: FaultServerThread) -> None:
    model = "ok?tokens=9&plain=carry2"
    assert "Asked in this order" in compare.text("chat-chain-list")
    compare.set_panes("ok?tokens=4&plain=carry1", model)
    await compare.compare("Hello")
    await compare.click("compare-pane-2 carry")
    assert compare.selected_tab == "chat"
    assert compare.answers("chat-log") == [answer_text(9)]
    assert compare.value("chat-model") == model
    assert "If it fails" in compare.text("chat-chain-list")
    await compare.ask("And then?")
    messages = requests(fault_server, model)[1].body["messages"]
    assert [message["content"] for message in messages] == ["Hello", answer_text(9), "And then?"]


async def test_nothing_is_continued_in_chat_before_there_is_an_answer(compare: TabCalls) -> None:
    await compare.click("compare-pane-1 carry")
    assert compare.text("compare-hint") == "There is no answer to continue with yet."


async def test_a_link_opens_the_same_set_up_and_asks_nobody(
    compare: TabCalls, page: PageCalls, fault_server: FaultServerThread
) -> None:
    from urllib.parse import parse_qsl

    await compare.click("compare-add")
    models = [f"ok?tokens=4&plain=link{number}" for number in (1, 2, 3)]
    compare.set_panes(*models)
    compare.set(compare_prompt={"text": "What & why?", "files": []}, compare_temperature="0.5")
    shared = await compare.click("compare-share")
    assert "link" in compare.text("compare-hint")
    opened = page.open(**dict(parse_qsl(shared["json"]["query"])))
    await opened.load()
    assert opened.selected_tab == "compare"
    assert opened.value("compare-prompt")["text"] == "What & why?"
    assert opened.value("compare-temperature") == "0.5"
    assert [opened.value(f"compare-pane-{number}-model") for number in (1, 2, 3)] == models
    assert visible_panes(opened) == [1, 2, 3]
    assert not [exchange for exchange in fault_server.exchanges if "plain=link" in exchange.model]


async def test_a_link_that_asks_for_an_unknown_provider_says_so(page: PageCalls) -> None:
    opened = page.open(models="nobody/x,openai/ok", prompt="Hello")
    await opened.load()
    assert "The link asks for 'nobody', which this hub does not know." in opened.text("compare-hint")
    assert opened.value("compare-pane-2-model") == "ok"


async def test_a_link_without_a_prompt_leaves_what_was_typed_before_a_reload(page: PageCalls) -> None:
    opened = page.open(models="openai/ok")
    opened.set(compare_prompt={"text": "A draft", "files": []})
    await opened.load()
    assert opened.value("compare-pane-1-model") == "ok"
    assert opened.value("compare-prompt")["text"] == "A draft"


async def test_a_comparison_can_be_saved_as_json_and_as_markdown(compare: TabCalls) -> None:
    compare.set_panes("ok?tokens=4&plain=save1", "ok?tokens=5&plain=save2")
    await compare.compare("Hello")
    saved = json.loads((await compare.click("compare-json"))["json"]["text"])
    assert [side["answers"][0]["text"] for side in saved["sides"]] == [answer_text(4), answer_text(5)]
    assert f"> {answer_text(5)}" in (await compare.click("compare-markdown"))["json"]["text"]


async def test_what_is_saved_of_hostile_answers_is_exact_as_json_and_does_nothing_as_markdown(
    compare: TabCalls,
) -> None:
    prompt = (
        "=cmd|' /C calc'!A0\n<img src=http://evil.invalid/a.png onerror=alert(1)> ![x](http://evil.invalid/b.png)\n"
        "\u202egnp.exe \u2066x\u2069 \u3000\n\n# Prompt 9\n\n```\n<script>never closed"
    )
    compare.set_panes("echo", "echo?again", provider="echo")
    await compare.compare(prompt)
    saved = (await compare.click("compare-json"))["json"]
    assert saved["name"] == "comparison.json"
    assert [side["answers"][0]["text"] for side in json.loads(saved["text"])["sides"]] == [prompt, prompt]
    assert "\u202e" not in saved["text"]
    saved = (await compare.click("compare-markdown"))["json"]
    assert saved["name"] == "comparison.md"
    document = MarkdownReader(saved["text"])
    assert document.headings == ["Comparison", "Prompt 1", "echo/echo", "echo/echo?again"]
    assert document.active == []


# Blind comparisons and their votes.


async def test_no_name_is_on_the_page_before_the_vote(compare: TabCalls, folder: Path) -> None:
    first, second = "ok?tokens=400&rate=150&plain=hide1", "ok?tokens=400&rate=60&plain=hide2"
    compare.set_panes(first, second)
    compare.set(compare_blind=True)
    asking = asyncio.create_task(compare.compare("Hello"))
    for number in (1, 2):
        await compare.until(partial(_has_text, compare, f"compare-pane-{number} live", "fiku cepo"))
    html = visible_html(compare)
    assert "fiku cepo" in html
    assert "plain=hide" not in html
    panes = [name for name in compare.names if name.startswith("compare-pane-") and " " in name]
    assert not any("OpenAI" in compare.html(name) for name in panes)
    await compare.click("compare-best-1")  # while both are still being written
    assert "You voted: A is better" in compare.text("compare-said")
    for number in (1, 2):  # with the next piece of its answer
        await compare.until(partial(_has_text, compare, f"compare-pane-{number} head", "OpenAI"))
    names = {re.findall(r"<b>(.*?)</b>", compare.html(f"compare-pane-{number} head"))[0] for number in (1, 2)}
    assert names == {f"OpenAI · {first.replace('&', '&amp;')}", f"OpenAI · {second.replace('&', '&amp;')}"}
    assert len(votes(folder, "hide")) == 2
    await compare.click("compare-stop")
    await asking


async def test_a_vote_says_who_won_and_keeps_nothing_else(compare: TabCalls, folder: Path) -> None:
    await compare_blind(compare, "ok?tokens=8&plain=keep1", "ok?tokens=9&plain=keep2", prompt="Keep this out")
    await compare.click("compare-best-2")
    winner = compare.text("compare-pane-2 head").partition("OpenAI · ")[2]
    recorded = votes(folder, "keep")
    assert [(verdict, conversation) for verdict, _, conversation, _ in recorded] == [("best", None), ("best", None)]
    assert [target for _, won, _, target in recorded if won] == [f"openai/{winner}"]
    assert b"Keep this out" not in (folder / "votes.db").read_bytes()


async def test_the_conversation_is_kept_where_it_was_ticked(compare: TabCalls, folder: Path) -> None:
    await compare_blind(compare, "ok?tokens=8&plain=tick1", "ok?tokens=9&plain=tick2")
    compare.set(compare_keep=True)
    await compare.click("compare-tie")
    assert "a tie" in compare.text("compare-said")
    verdict, _, conversation, _ = votes(folder, "tick")[0]
    assert verdict == "tie"
    assert answer_text(8)[:4] in conversation


async def test_two_panes_of_one_model_are_not_asked_blind(compare: TabCalls, fault_server: FaultServerThread) -> None:
    await compare_blind(compare, "ok?tokens=8&plain=twins", "ok?tokens=8&plain=twins")
    assert "different ones" in compare.text("compare-hint")
    assert compare.value("compare-prompt")["text"] == "Hello"
    assert requests(fault_server, "ok?tokens=8&plain=twins") == []


async def test_a_pane_that_failed_gets_no_vote_and_does_not_say_who_it_was(compare: TabCalls, folder: Path) -> None:
    await compare_blind(compare, "ok?tokens=8&plain=fails1", "status-503?plain=fails2")
    pasts = [f"compare-pane-{number} past" for number in (1, 2)]
    assert sum("could not answer" in compare.text(past) for past in pasts) == 1
    for button in ("best-1", "best-2", "tie", "bad"):
        await compare.click(f"compare-{button}")
        assert "failed" in compare.text("compare-hint")
    assert "plain=fails" not in visible_html(compare)
    assert votes(folder, "fails") == []
    await compare.click("compare-reveal")
    assert any("503" in problem for past in pasts for problem in compare.problems(past))
    assert not compare.visible("compare-vote")


async def test_an_answer_by_a_fallback_gets_no_vote(compare: TabCalls, folder: Path) -> None:
    compare.set(compare_fallback=True)
    await compare_blind(compare, "ok?tokens=8&plain=else1", "status-503?plain=else2")
    await compare.click("compare-best-1")
    assert "another model" in compare.text("compare-hint")
    assert not any(SUBSTITUTE in compare.html(f"compare-pane-{number} {box}") for number in (1, 2)
        for box in ("past", "head", "line"))  # fmt: skip
    assert votes(folder, "else") == []


async def test_the_best_of_three_is_counted(compare: TabCalls, folder: Path) -> None:
    await compare_blind(compare, *(f"ok?tokens={8 + number}&plain=three{number}" for number in range(3)))
    assert compare.value("compare-best-3") == "C is best"
    assert compare.value("compare-bad") == "All are bad"
    assert not compare.visible("compare-best-4")
    await compare.click("compare-best-3")
    winner = compare.text("compare-pane-3 head").partition("OpenAI · ")[2]
    assert [target for _, won, _, target in votes(folder, "three") if won] == [f"openai/{winner}"]


async def test_there_is_one_vote_on_a_comparison(compare: TabCalls, folder: Path) -> None:
    await compare_blind(compare, "ok?tokens=8&plain=twice1", "ok?tokens=9&plain=twice2")
    await compare.click("compare-bad")
    assert "both bad" in compare.text("compare-said")
    await compare.click("compare-tie")
    assert "You have already voted on this comparison." in compare.text("compare-hint")
    assert [verdict for verdict, *_ in votes(folder, "twice")] == ["bad", "bad"]

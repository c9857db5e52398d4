"""The Chat tab's handlers, called without a browser: what is asked, what is shown, who answered."""

from __future__ import annotations

import asyncio
import re
import sys
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from llm_hub.access.available_providers import AvailableProviders
from llm_hub.providers.chaos import ChaosProvider
from tests.fault_server import REASONING, answer_text
from tests.ui.page_calls import PageCalls, TabCalls, page_calls

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path
    from types import FrameType

    from tests.fault_server import Exchange, FaultServerThread
    from tests.ui.echo_server import EchoServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOG = "chat-log"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def page(
    fault_server: FaultServerThread, echo_server: EchoServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[PageCalls]:
    environment = {
        "OPENAI_API_KEY": "sk-test-0123456789abcdef",
        "OPENAI_BASE_URL": fault_server.openai_url,
        "LLM_HUB_SERVERS": f"echo={echo_server.url},second={fault_server.openai_url}",
        "LLM_HUB_CHAOS": "1",
    }
    async with page_calls(tmp_path_factory.mktemp("chat"), environment) as page:
        yield page


@pytest.fixture
def chat(page: PageCalls) -> TabCalls:
    return page.open()


def requests(fault_server: FaultServerThread, model: str) -> list[Exchange]:
    return [exchange for exchange in fault_server.exchanges if exchange.model == model and exchange.method == "POST"]


def contents(exchange: Exchange) -> list[str]:
    return [message["content"] for message in exchange.body["messages"]]


async def fall_back_to(chat: TabCalls, *targets: str) -> None:
    for target in targets:
        await chat.use("chat-chain-add", "input", target)


def chain(chat: TabCalls) -> list[str]:
    return re.findall(r"<b>(.*?)</b>", chat.html("chat-chain-list"))


# Answers, and the line under them.


async def test_the_page_offers_every_provider_and_says_which_need_a_key(chat: TabCalls) -> None:
    labels = {name: label for label, name in chat.choices("chat-provider")}
    assert labels["openai"] == "OpenAI"
    assert labels["anthropic"] == "Anthropic (needs a key)"


async def test_an_answer_becomes_a_turn_of_the_log(chat: TabCalls) -> None:
    chat.choose("ok?tokens=20")
    await chat.ask("Hello")
    assert chat.prompts(LOG) == ["Hello"]
    assert chat.answers(LOG) == [answer_text(20)]
    assert chat.value("chat-live") == []
    assert chat.value("chat-prompt") == {"text": "", "files": []}
    assert not chat.visible("chat-stop")


async def test_no_provider_is_looked_at_to_show_turns(chat: TabCalls) -> None:
    """That takes a hundred times as long as the turn itself: the files and modules of each provider are looked for."""
    chat.choose("ok?tokens=3")
    await chat.ask("Hello")
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call" and frame.f_code is AvailableProviders.states.__code__

    sys.setprofile(count)
    try:
        await chat.use("chat-turn-actions", "act", event_data={"what": "show-1"})
    finally:
        sys.setprofile(None)
    assert chat.prompts(LOG) == ["Hello"]
    assert calls == 0


async def test_the_line_under_an_answer_says_who_gave_it_and_at_what_cost(chat: TabCalls) -> None:
    chat.choose("ok?tokens=20&rate=60")
    await chat.ask("Hello")
    [line] = chat.figures(LOG)
    assert "OpenAI · ok?tokens=20&rate=60" in line
    assert re.search(r"first token \d+\.\d+ s · .*\d+ tokens/s · \d+ in / 20 out tokens · price unknown", line)
    assert line == chat.text("chat-route") + "FiguresHide figuresAnswer again with …"


async def test_a_provider_without_a_key_says_which_setting_is_missing(chat: TabCalls) -> None:
    await chat.use("chat-provider", "input", "anthropic")
    assert "set ANTHROPIC_API_KEY" in chat.text("chat-note")
    chat.set(chat_model="claude-haiku-5-5")
    await chat.ask("Hello")
    assert "ANTHROPIC_API_KEY" in chat.problems(LOG)[0]
    assert chat.prompts(LOG) == ["Hello"]


async def test_an_error_stands_in_the_answers_place_and_try_again_asks_again(chat: TabCalls) -> None:
    chat.choose("status-503?plain=again")
    await chat.ask("Will this work?")
    [problem] = chat.problems(LOG)
    assert "OpenAI" in problem
    assert "The fault server says 503." in problem
    assert "Later prompts are sent without this one." in problem
    assert "no answer" in chat.figures(LOG)[0]
    assert chat.options(LOG) == ["Try again"]
    chat.choose("ok?tokens=2")
    await chat.use(LOG, "option_select", event_data={"index": 3, "value": "again"})
    assert chat.answers(LOG) == [answer_text(2)]
    assert chat.prompts(LOG) == ["Will this work?"]


async def test_an_answer_that_breaks_off_keeps_its_text(chat: TabCalls) -> None:
    chat.choose("cut@mid?tokens=40&plain=1")
    await chat.ask("Hello")
    assert chat.answers(LOG)[0].startswith("fiku cepo vavi")
    [problem] = chat.problems(LOG)
    assert "Later prompts" not in problem  # they are sent with what has come
    assert "broken off" in chat.figures(LOG)[0]


async def test_an_answer_that_ran_out_of_tokens_says_so(chat: TabCalls) -> None:
    chat.choose("length?tokens=5")
    await chat.ask("Hello")
    assert "cut at its token limit" in chat.figures(LOG)[0]
    chat.set(chat_max_tokens="5")
    await chat.ask("Hello")
    assert "cut at max tokens" in chat.figures(LOG)[1]


async def test_reasoning_is_a_message_of_its_own(chat: TabCalls) -> None:
    chat.choose("reasoning?tokens=5")
    await chat.ask("Think")
    assert chat.reasoning(LOG) == ["".join(REASONING).strip()]
    assert chat.answers(LOG) == [answer_text(5)]


# What is sent.


async def test_settings_are_sent_only_when_they_are_set(chat: TabCalls, fault_server: FaultServerThread) -> None:
    model = "ok?tokens=2&plain=settings"
    chat.choose(model)
    await chat.ask("Unset")
    chat.set(chat_system="Be brief.", chat_temperature="0,5", chat_max_tokens="7")
    await chat.ask("Set")
    unset, is_set = (exchange.body for exchange in requests(fault_server, model))
    assert not {"temperature", "max_tokens", "max_completion_tokens"} & unset.keys()
    assert is_set["temperature"] == 0.5
    assert 7 in (is_set.get("max_tokens"), is_set.get("max_completion_tokens"))
    assert is_set["messages"][0]["content"] == "Be brief."
    chat.set(chat_temperature="warm")
    await chat.ask("Not sent")
    assert "Temperature is a number from 0 to 2." in chat.text("chat-hint")
    assert chat.value("chat-prompt")["text"] == "Not sent"
    assert len(requests(fault_server, model)) == 2


async def test_an_empty_prompt_is_not_sent(chat: TabCalls, fault_server: FaultServerThread) -> None:
    chat.choose("ok?plain=empty")
    await chat.ask("   ")
    assert chat.text("chat-hint") == "Type a prompt first."
    assert requests(fault_server, "ok?plain=empty") == []


async def test_a_file_that_is_no_image_is_not_sent(chat: TabCalls, tmp_path: Path) -> None:
    file = tmp_path / "notes.png"
    file.write_text("no picture")
    chat.choose("echo", provider="echo")
    await chat.ask("What is this?", files=(str(file),))
    assert "notes.png is not an image" in chat.text("chat-hint")
    assert chat.prompts(LOG) == []


async def test_a_prompt_that_is_stopped_before_any_word_says_that_it_is_left_out(chat: TabCalls) -> None:
    chat.choose("stall@first?plain=left-out")
    asking = asyncio.create_task(chat.ask("First"))
    await chat.until(lambda: chat.visible("chat-stop"))
    await chat.click("chat-stop")
    await asking
    assert "later prompts are sent without this one" in chat.figures(LOG)[0]


async def test_a_partial_answer_is_part_of_the_history_and_a_failed_turn_is_not(
    chat: TabCalls, fault_server: FaultServerThread
) -> None:
    chat.choose("ok?tokens=2000&rate=50&plain=part")
    asking = asyncio.create_task(chat.ask("First"))
    await chat.until(lambda: "fiku cepo" in chat.text("chat-live"))
    await chat.click("chat-stop")
    await asking
    assert "stopped" in chat.figures(LOG)[0]
    chat.choose("status-503?plain=history")
    await chat.ask("Second")
    chat.choose("ok?tokens=2&plain=history")
    await chat.ask("Third")
    messages = requests(fault_server, "ok?tokens=2&plain=history")[-1].body["messages"]
    assert [(message["role"], message["content"][:9]) for message in messages] == [
        ("user", "First"),
        ("assistant", "fiku cepo"),
        ("user", "Third"),
    ]


# A conversation is changed.


async def test_repeating_asks_the_last_prompt_with_the_same_history(
    chat: TabCalls, fault_server: FaultServerThread
) -> None:
    model = "ok?tokens=4&plain=same"
    chat.choose(model)
    await chat.ask("One")
    await chat.ask("Two")
    await chat.use(LOG, "retry", event_data={"index": 0, "value": ""})
    assert chat.prompts(LOG) == ["One", "Two"]
    _, second, third = requests(fault_server, model)
    assert second.body["messages"] == third.body["messages"]


async def test_an_edited_prompt_takes_the_place_of_its_turn_and_of_later_ones(
    chat: TabCalls, fault_server: FaultServerThread
) -> None:
    model = "ok?tokens=4&plain=edit"
    chat.choose(model)
    await chat.ask("One")
    await chat.ask("Two")
    await chat.use(LOG, "edit", event_data={"index": 0, "previous_value": "One", "value": "One, edited"})
    assert chat.prompts(LOG) == ["One, edited"]
    assert len(chat.figures(LOG)) == 1
    assert contents(requests(fault_server, model)[-1]) == ["One, edited"]


async def test_what_is_edited_reaches_the_model_letter_by_letter(
    chat: TabCalls, fault_server: FaultServerThread
) -> None:
    model = "ok?tokens=3&plain=escaped"
    chat.choose(model)
    await chat.ask("One")
    edited = "Is &lt;b> the same as <b>? &#33;[i](u)\n  \\(x\\)"
    await chat.use(LOG, "edit", event_data={"index": 0, "previous_value": "One", "value": edited})
    assert contents(requests(fault_server, model)[-1])[-1] == edited


async def test_undo_puts_the_last_prompt_back_into_its_box(chat: TabCalls) -> None:
    chat.choose("ok?tokens=2")
    await chat.ask("One")
    await chat.ask("Two")
    await chat.use(LOG, "undo", event_data={"index": 0, "value": ""})
    assert chat.prompts(LOG) == ["One"]
    assert chat.value("chat-prompt") == {"text": "Two", "files": []}


async def test_a_new_chat_is_empty(chat: TabCalls, fault_server: FaultServerThread) -> None:
    chat.choose("ok?tokens=2&plain=new")
    await chat.ask("One")
    await chat.begin()
    assert chat.value(LOG) == []
    assert chat.text("chat-route") == ""
    await chat.ask("Two")
    assert contents(requests(fault_server, "ok?tokens=2&plain=new")[-1]) == ["Two"]


async def test_what_is_being_written_when_a_new_chat_begins_does_not_become_part_of_it(chat: TabCalls) -> None:
    chat.choose("ok?tokens=2000&rate=50&plain=left")
    asking = asyncio.create_task(chat.ask("Hello"))
    await chat.until(lambda: "fiku" in chat.text("chat-live"))
    left = chat.value("chat-opened")["id"]
    await chat.begin()
    await asking
    assert chat.value(LOG) == chat.value("chat-live") == []
    assert not chat.visible("chat-stop")
    chat.choose("ok?tokens=2")
    await chat.ask("Hello again")
    assert chat.prompts(LOG) == ["Hello again"]
    opening = asyncio.create_task(chat.use("chat-opened", "open", event_data={"id": left}))
    await chat.until(lambda: "fiku" in chat.text("chat-live"))
    assert chat.prompts("chat-live") == ["Hello"]
    await chat.click("chat-stop")
    await opening
    assert chat.prompts(LOG) == ["Hello"]
    assert "stopped" in chat.figures(LOG)[0]


async def test_a_second_prompt_waits_for_the_first_answer(chat: TabCalls) -> None:
    chat.choose("ok?tokens=2000&rate=50&plain=second")
    asking = asyncio.create_task(chat.ask("First"))
    await chat.until(lambda: "fiku" in chat.text("chat-live"))
    await chat.ask("Second")
    assert "still being written" in chat.text("chat-hint")
    assert chat.value("chat-prompt")["text"] == "Second"
    assert chat.visible("chat-stop")
    await chat.click("chat-stop")
    await asking
    assert chat.prompts(LOG) == ["First"]


async def test_a_prompt_that_is_sent_just_after_a_stop_is_asked(chat: TabCalls) -> None:
    chat.choose("ok?tokens=2000&rate=50&plain=after")
    asking = asyncio.create_task(chat.ask("First"))
    await chat.until(lambda: "fiku" in chat.text("chat-live"))
    stopping = asyncio.create_task(chat.click("chat-stop"))
    again = asyncio.create_task(chat.ask("Second"))  # the page has not heard yet that the answer has ended
    await chat.until(lambda: chat.prompts("chat-live") == ["Second"])
    await stopping
    await chat.click("chat-stop")
    await asyncio.gather(asking, again)
    assert chat.prompts(LOG) == ["First", "Second"]
    assert not chat.visible("chat-stop")


# The route.


async def test_a_provider_that_fails_is_replaced_and_every_attempt_can_be_opened(
    chat: TabCalls, fault_server: FaultServerThread
) -> None:
    model, other = "status-503?plain=live", "ok?tokens=6&plain=live"
    chat.choose(model)
    await fall_back_to(chat, f"second/{other}")
    await chat.ask("Hello")
    assert chat.answers(LOG) == [answer_text(6)]
    [line] = chat.figures(LOG)
    assert f"second · {other} · took over from OpenAI" in line
    assert "4 attempts" in line
    first, second, _, last = re.findall(r"<li.*?</li>", chat.html(LOG), re.DOTALL)
    assert re.search(r"OpenAI · status-503.*failed on its own side \(503\)", first)
    assert re.search(r"at \+.* s, after a wait of .* s · took", second)
    assert re.search(r"answered.*first token.*6 out tokens", last)
    assert len(requests(fault_server, model)) == 3
    assert len(requests(fault_server, other)) == 1


async def test_when_everybody_fails_every_attempt_is_there(chat: TabCalls) -> None:
    chat.choose("context?plain=all")
    await fall_back_to(chat, "second/unknown?plain=all")
    await chat.ask("Hello")
    assert "None of the 2 models of the route could answer." in chat.problems(LOG)[0]
    assert "2 attempts" in chat.figures(LOG)[0]
    first, _ = re.findall(r"<li.*?</li>", chat.html(LOG), re.DOTALL)
    assert "too long" in first


async def test_the_chain_is_asked_in_the_order_that_was_set(chat: TabCalls, fault_server: FaultServerThread) -> None:
    first, second, last = (f"context?chain={number}" for number in range(3))
    answering = "ok?chain=1"
    chat.choose("context?chain=chosen")
    await fall_back_to(chat, f"second/{first}", f"openai/{second}", f"second/{last}", f"second/{answering}")
    assert chain(chat) == [f"second · {first}", f"OpenAI · {second}", f"second · {last}", f"second · {answering}"]
    await chat.use("chat-chain-list", "pick", event_data={"what": f"up second/{last}"})
    assert chain(chat) == [f"second · {first}", f"second · {last}", f"OpenAI · {second}", f"second · {answering}"]
    await chat.use("chat-chain-list", "pick", event_data={"what": f"off second/{first}"})
    assert len(chain(chat)) == 3
    await chat.ask("Hello")
    models = [each.model for each in fault_server.exchanges if each.method == "POST" and "chain=" in each.model]
    assert models == ["context?chain=chosen", last, second, answering]
    await chat.use("chat-chain-list", "pick", event_data={"what": "route"})
    assert "No other model is asked." in chat.text("chat-chain-list")


async def test_a_target_that_cannot_be_asked_does_not_come_into_the_chain(chat: TabCalls) -> None:
    for target, problem in (("anthropic/claude-haiku-5-5", "needs a key"), ("nobody/x", "There is no provider")):
        await fall_back_to(chat, target)
        assert problem in chat.text("chat-chain-list")
        assert chat.value("chat-chain-add") is None
    assert chain(chat) == ["OpenAI", "echo", "second"]  # what Automatic asks
    labels = [label for label, _ in chat.choices("chat-chain-add")]
    assert "Chaos · steady" in labels
    assert not any("Anthropic" in label for label in labels)


async def test_a_chain_has_a_bound(chat: TabCalls) -> None:
    await fall_back_to(chat, *(f"second/ok?bound={number}" for number in range(9)))
    assert len(chain(chat)) == 8
    assert "At most 8 models can stand here." in chat.text("chat-chain-list")


async def test_answer_again_with_another_model_asks_the_same_and_changes_no_choice(
    chat: TabCalls, fault_server: FaultServerThread
) -> None:
    mine, other = "ok?tokens=3&plain=with1", "ok?tokens=5&plain=with2"
    chat.choose(mine)
    await chat.ask("One")
    await chat.ask("Two")
    await chat.use("chat-again", "input", f"second/{other}")
    assert chat.answers(LOG) == [answer_text(3), answer_text(5)]
    assert f"second · {other}" in chat.figures(LOG)[-1]
    assert chat.prompts(LOG) == ["One", "Two"]
    assert requests(fault_server, other)[0].body["messages"] == requests(fault_server, mine)[1].body["messages"]
    assert chat.value("chat-model") == mine
    assert chat.value("chat-again") is None
    await chat.ask("Three")
    assert len(requests(fault_server, mine)) == 3
    chat.set(chat_turn_actions=1)  # the button under the first answer
    await chat.use("chat-again", "input", f"second/{other}")
    assert chat.prompts(LOG) == ["One"]
    assert f"second · {other}" in chat.figures(LOG)[0]
    assert "2/2" in chat.figures(LOG)[0]
    assert [message["content"] for message in requests(fault_server, other)[1].body["messages"]] == ["One"]


async def test_a_sole_model_that_is_back_answers_although_it_was_paused(
    chat: TabCalls, fault_server: FaultServerThread
) -> None:
    model = "status-503?times=3&plain=pause&tokens=2"
    chat.choose(model)
    await chat.ask("Hello")
    assert chat.problems(LOG)
    assert len(requests(fault_server, model)) == 3
    await chat.ask("Are you back?")
    assert chat.answers(LOG) == [answer_text(2)]
    assert len(requests(fault_server, model)) == 4


async def test_an_answer_survives_chaos_without_any_key(chat: TabCalls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ChaosProvider, "pace", 0)
    chat.choose("breaks-off", provider="chaos")
    await fall_back_to(chat, "chaos/steady")
    await chat.ask("Is it safe?")
    assert "nothing was lost on the way." in chat.answers(LOG)[0]
    assert "Chaos · steady · took over from Chaos · breaks-off after 51 words" in chat.figures(LOG)[0]


def several_keys(fault_server: FaultServerThread) -> dict[str, str]:
    """Keys for two providers, both of which are the fault server; it refuses the first."""
    return {
        "OPENAI_API_KEY": "sk-refused-0123456789",
        "OPENAI_BASE_URL": fault_server.openai_url,
        "ANTHROPIC_API_KEY": "sk-ant-test-0123456789",
        "ANTHROPIC_BASE_URL": fault_server.anthropic_url,
    }


async def test_with_several_keys_automatic_is_chosen_and_the_next_provider_answers(
    fault_server: FaultServerThread, tmp_path: Path
) -> None:
    async with page_calls(tmp_path, several_keys(fault_server)) as page:
        chat = page.open()
        assert chat.value("chat-provider") == "auto"
        assert ("Automatic", "auto") in chat.choices("chat-provider")
        assert chat.text("chat-followers") == "Asked in this order: OpenAI, then Anthropic."
        await chat.ask("Hello")
        assert "Anthropic · claude-haiku-5-5 · took over from OpenAI" in chat.figures(LOG)[0]
        await chat.use("chat-chain-list", "pick", event_data={"what": "up anthropic"})
        assert chain(chat) == ["Anthropic", "OpenAI"]
        await chat.use("chat-chain-list", "pick", event_data={"what": "off openai"})
        assert chat.text("chat-followers") == "Only Anthropic is asked. Add more models in the settings."
        await chat.use("chat-chain-list", "pick", event_data={"what": "off anthropic"})
        assert chat.text("chat-followers") == "There is no model to ask: add one."


async def test_who_follows_a_chosen_model_stands_beside_it(fault_server: FaultServerThread, tmp_path: Path) -> None:
    async with page_calls(tmp_path, several_keys(fault_server)) as page:
        chat = page.open()
        await chat.use("chat-provider", "input", "openai")
        chat.set(chat_model="gpt-6-luna")
        nobody = "No fallback. Choose Automatic, or add a model in the settings."
        assert chat.text("chat-followers") == nobody
        assert "No other model is asked. Choose Automatic, or add a model." in chat.text("chat-chain-list")
        await chat.ask("Hello")
        assert chat.problems(LOG)
        await fall_back_to(chat, "auto")
        assert chain(chat) == ["Automatic"]
        assert chat.text("chat-followers") == "If it fails: OpenAI, then Anthropic."
        await chat.ask("And now?")
        assert "Anthropic · claude-haiku-5-5 · in place of OpenAI" in chat.figures(LOG)[1]
        await chat.use("chat-chain-list", "pick", event_data={"what": "off auto"})
        assert chat.text("chat-followers") == nobody


async def test_without_a_key_one_model_is_chosen_and_nobody_follows(tmp_path: Path) -> None:
    async with page_calls(tmp_path, {}) as page:
        chat = page.open()
        assert chat.value("chat-provider") == "local"
        assert ("Automatic", "auto") in chat.choices("chat-provider")
        assert chat.text("chat-followers") == "No fallback. Add a model in the settings."


async def test_a_route_that_is_sorted_is_not_said_to_be_asked_as_it_stands(
    fault_server: FaultServerThread, tmp_path: Path
) -> None:
    environment = {
        "LLM_HUB_SERVERS": ",".join(f"{name}={fault_server.openai_url}" for name in ("one", "two", "three")),
        "LLM_HUB_ROUTE": "one/ok,two/ok,three/ok",
        "LLM_HUB_PRICES": "one=9/9,two=1/1,three=5/5",
        "LLM_HUB_ORDER": "cheapest",
    }
    async with page_calls(tmp_path, environment) as page:
        chat = page.open()
        assert chat.text("chat-followers") == "The cheapest is asked first: one · ok, two · ok, three · ok."
        assert chat.text("chat-chain-list").startswith("The cheapest is asked first")
        assert "then" not in chat.text("chat-chain-list")
        await chat.ask("Hello")
        assert chat.figures(LOG)[0].startswith("two · ok")
        await chat.use("chat-chain-list", "pick", event_data={"what": "up three/ok"})
        assert chat.text("chat-followers") == "Asked in this order: one · ok, then three · ok, then two · ok."
        await chat.ask("Hello")
        assert chat.figures(LOG)[-1].startswith("one · ok")


async def test_the_hubs_own_route_is_a_choice_and_can_be_changed(
    fault_server: FaultServerThread, tmp_path: Path
) -> None:
    environment = {
        "LLM_HUB_SERVERS": f"one={fault_server.openai_url},two={fault_server.openai_url}",
        "LLM_HUB_ROUTE": "one/context?plain=auto,two/ok?tokens=4&plain=auto",
    }
    async with page_calls(tmp_path, environment) as page:
        chat = page.open()
        assert ("Automatic", chat.value("chat-provider")) in chat.choices("chat-provider")
        order = "one · context?plain=auto, then two · ok?tokens=4&amp;plain=auto"
        assert f"Asked in this order: {order}." in chat.html("chat-followers")
        assert not chat.visible("chat-model")
        assert re.search(r"first one.*then two", chat.text("chat-chain-list"))
        await chat.ask("Hello")
        assert chat.answers(LOG) == [answer_text(4)]
        assert "two · ok?tokens=4&plain=auto · took over from one" in chat.figures(LOG)[0]
        await chat.use("chat-chain-list", "pick", event_data={"what": "off one/context?plain=auto"})
        assert len(chain(chat)) == 1
        await chat.ask("Again")
        assert len(requests(fault_server, "context?plain=auto")) == 1
        await chat.use("chat-chain-list", "pick", event_data={"what": "off two/ok?tokens=4&plain=auto"})
        assert chain(chat) == []
        await chat.ask("Nobody")
        assert "Automatic has no model to ask." in chat.text("chat-hint")
        await chat.use("chat-chain-list", "pick", event_data={"what": "route"})
        assert len(chain(chat)) == 2
        await chat.use("chat-provider", "input", "two")
        assert chat.visible("chat-model")

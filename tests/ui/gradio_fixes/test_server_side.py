"""What Gradio does on the server that llm_hub/ui/gradio_fixes mends. A failure says which workaround may go."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import gradio as gr
import httpx
import pytest
from gradio import component_meta, queueing, routes
from gradio.state_holder import SessionState, StateHolder

from llm_hub.ui.gradio_fixes.first_values import change_first_values
from llm_hub.ui.gradio_fixes.page_loading import shorten_config
from llm_hub.ui.gradio_fixes.session_memory import ErrorPlaces, SmallSession, SmallSessions


@pytest.fixture
async def page() -> gr.Blocks:  # a running loop is what Gradio looks for
    page: gr.Blocks
    with gr.Blocks() as page:
        gr.Textbox("Hello")
        gr.State("mine")
    return page


def test_gradio_takes_any_json_for_a_value() -> None:
    may_go = "Gradio checks values itself now: see whether event_inputs.py can go"
    assert gr.Textbox().preprocess({"a": 1}) == "{'a': 1}", may_go  # type: ignore[arg-type]
    assert gr.Checkbox().preprocess("x") == "x", may_go  # type: ignore[arg-type, comparison-overlap]
    assert gr.Radio([("One", 1)]).preprocess(True) is True, may_go
    assert gr.Dropdown(["a"], allow_custom_value=True).preprocess({"a": 1}) == {"a": 1}, may_go  # type: ignore[arg-type, comparison-overlap]


def test_gradio_writes_a_stub_for_every_component(monkeypatch: pytest.MonkeyPatch) -> None:
    stubs: list[str] = []
    monkeypatch.setattr(component_meta, "create_or_modify_pyi", lambda _, name, *__: stubs.append(name))

    class Invented(gr.HTML): ...

    assert stubs == [Invented.__name__], "Gradio writes no stubs any more: import_speed.py can go"


async def test_a_configuration_tells_what_programs_may_send(page: gr.Blocks) -> None:
    page.config = page.get_config_file()
    part = page.config["components"][0]
    may_go = "Gradio tells the page nothing for programs any more: shorten_config in page_loading.py can go"
    assert {"api_info", "api_info_as_input", "api_info_as_output"} <= part.keys(), may_go
    assert len(part["component_class_id"]) > 60, may_go
    shorten_config(page)
    assert "string" not in str(part)


async def test_a_page_begins_with_what_was_written_down_when_it_was_mounted(page: gr.Blocks) -> None:
    page.config = page.get_config_file()
    box = next(block for block in page.blocks.values() if isinstance(block, gr.Textbox))
    box.value = "changed"
    begins_with = page.config["components"][0]["props"]
    assert begins_with["value"] == "Hello", "Gradio reads components when it is asked: first_values.py can go"
    change_first_values(page, box, value="changed")
    assert begins_with["value"] == "changed"


async def test_gradio_copies_the_page_for_every_session(page: gr.Blocks) -> None:
    copied = SessionState(page).config_values
    assert len(copied) > 1, "Gradio copies nothing any more: SmallSession in session_memory.py can go"
    assert SmallSession(page).config_values == {}


async def test_gradio_keeps_sessions_until_there_is_no_room(page: gr.Blocks) -> None:
    long_ago = datetime.now() - timedelta(days=1)  # noqa: DTZ005  # as Gradio notes it
    for holder in (StateHolder(), SmallSessions(())):  # type: ignore[no-untyped-call]
        holder.set_blocks(page)
        holder["somebody"].is_closed = True
        holder.time_last_used["somebody"] = long_ago
        holder.delete_all_expired_state()  # type: ignore[no-untyped-call]
        if type(holder) is StateHolder:
            assert "somebody" in holder.session_data, "Gradio drops sessions itself now: can SmallSessions go?"
        else:
            assert "somebody" not in holder.session_data


async def test_a_session_whose_connection_is_back_is_kept(page: gr.Blocks) -> None:
    holder = SmallSessions({"somebody"})
    holder.set_blocks(page)
    holder["somebody"].is_closed = True  # as Gradio notes it when a connection is lost
    holder.time_last_used["somebody"] = datetime.now() - timedelta(days=1)  # noqa: DTZ005  # as above
    holder.delete_all_expired_state()
    assert "somebody" in holder.session_data


@pytest.mark.parametrize("kind", ["Gradio's", "unread", "read", "open"])
async def test_gradio_goes_on_with_what_nobody_reads(kind: str) -> None:
    flows, ended = asyncio.Event(), asyncio.Event()

    async def answer(text: str) -> AsyncIterator[str]:
        try:
            for number in count():
                yield text
                await asyncio.sleep(0)
                if number == 3:
                    flows.set()
        finally:
            ended.set()

    with gr.Blocks() as page:
        box = gr.Textbox()
        box.submit(answer, box, box)
    app = routes.App.create_app(page)
    page.run_startup_events()
    await page.run_extra_startup_events()
    if kind != "Gradio's":
        app.state_holder = holder = SmallSessions({"tab"} if kind == "open" else ())
        holder.set_blocks(page)
    event = {"data": ["Hello"], "fn_index": 0, "session_hash": "tab", "trigger_id": None}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://page.test") as client:
        (await client.post("/gradio_api/queue/join", json=event)).raise_for_status()
    await flows.wait()
    messages = page._queue.pending_messages_per_session["tab"]
    app.state_holder.delete_all_expired_state()  # type: ignore[no-untyped-call]
    if kind != "Gradio's":
        assert list(holder.unread_since) == ([] if kind == "open" else ["tab"])
        holder.unread_since.update(dict.fromkeys(holder.unread_since, datetime.now() - timedelta(seconds=30)))  # noqa: DTZ005  # as Gradio notes it
    while kind == "read" and not messages.empty():
        messages.get_nowait()
    app.state_holder.delete_all_expired_state()  # type: ignore[no-untyped-call]
    for _ in range(200):
        await asyncio.sleep(0)
    if kind == "unread":
        await asyncio.wait_for(ended.wait(), 20)
    else:
        assert not ended.is_set(), "Gradio ends unread events itself now: SmallSessions need not"
        await page._queue.clean_events(session_hash="tab")
        await asyncio.wait_for(ended.wait(), 20)
    page._queue.close()


@pytest.mark.parametrize(("text", "end"), [("ab", "b"), ("", None)])
async def test_the_end_of_a_handler_sends_its_last_update_again(text: str, end: str | None) -> None:
    async def spell(text: str) -> AsyncIterator[str]:
        for letter in text:
            yield letter

    with gr.Blocks() as page:
        box = gr.Textbox()
        box.submit(spell, box, box)
    result: dict[str, Any] = {"is_generating": True, "iterator": None}
    while result["is_generating"]:
        result = await page.process_api(
            0, [text], SessionState(page), iterator=result["iterator"], session_hash="tab", event_id="event"
        )
    assert result["data"] == [end], "quiet_end.py can go"


def test_gradio_prints_the_text_of_an_error() -> None:
    may_go = "Gradio prints no errors any more: ErrorPlaces can go"
    for module in (queueing, routes):
        assert getattr(module, "traceback", None) is not None, may_go
        assert "traceback.print_exc()" in inspect.getsource(module), may_go
    assert not hasattr(ErrorPlaces, "format_exc")


def test_a_dropdown_takes_no_placeholder() -> None:
    assert "placeholder" not in inspect.signature(gr.Dropdown).parameters, "its script in gradio_fixes.js can go"


def test_gradio_reindents_a_message_that_is_a_bare_string() -> None:
    text = "intro\n    a\n    b\n"
    message = {"role": "assistant", "content": text}
    block = {"role": "assistant", "content": [{"type": "text", "text": text}]}
    bare, whole = (gr.Chatbot().postprocess([each]).root[0].content[0].text for each in (message, block))  # type: ignore[union-attr, list-item]
    assert whole == text
    assert bare != text, "Gradio leaves strings as they are now: transcript.py may send them"

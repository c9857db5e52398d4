"""A small page of Gradio's own, without any of our workarounds: `python bare_page.py PORT`.

With a second argument, "whole", updates are sent as whole_updates.py has them sent; with "script", the page has
joined_updates.js and gradio_fixes.js.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import uvicorn
from fastapi import FastAPI

HEAD = """<script>
  window.requests = [];
  const fetchAsBefore = window.fetch;
  window.fetch = (...call) => { window.requests.push(call[0].url ?? String(call[0])); return fetchAsBefore(...call); };
</script>"""
ASSETS = Path(__file__).parents[3] / "llm_hub" / "ui" / "assets"
SCRIPTS = ("joined_updates.js", "gradio_fixes.js")
CSS = ":is(#first, #second) p { color: rgb(1, 2, 3); }"


def answer_late() -> str:
    time.sleep(1)
    return "from the server"


def count_up() -> Iterator[str]:
    for number in range(20):
        yield str(number)
        time.sleep(0.02)


is_shown = threading.Event()


def keep_open() -> Iterator[str]:
    yield "open"
    is_shown.wait()
    yield "over"


def show_in_turn() -> Iterator[tuple[str | dict[str, str], ...]]:
    yield gr.update(value="one"), "first"
    yield gr.skip(), "second"
    is_shown.set()


def build() -> gr.Blocks:
    page: gr.Blocks
    with gr.Blocks(analytics_enabled=False) as page:
        gr.State("with one there is a heartbeat")
        page.load(lambda: None, None, None, queue=False)
        choice = gr.Dropdown(["one", "two"], value="one", label="List", interactive=True, elem_id="list")
        inputs = gr.Number(0, elem_id="inputs")
        choice.input(lambda number: number + 1, inputs, inputs, queue=False)
        typed = gr.Textbox(interactive=True, elem_id="typed")
        gr.Button("Now", elem_id="now").click(lambda: "now", None, typed, queue=False)
        gr.Button("Late", elem_id="late").click(answer_late, None, typed)
        gr.Button("Queued", elem_id="queued").click(lambda: "queued", None, typed)
        with gr.Column():
            counted = gr.HTML("Hello", elem_id="counted")
            gr.Button("Count", elem_id="count").click(count_up, None, counted)
        code: list[Any] = [{"role": "assistant", "content": [{"type": "text", "text": "```\n\ttab\n```"}]}]
        gr.Chatbot(code, elem_id="code")
        shown = gr.Textbox(interactive=True, elem_id="shown")
        gr.Button("Loud", elem_id="loud").click(count_up, None, shown)
        quiet: dict[str, Any] = {"show_progress": "hidden", "show_progress_on": []}
        gr.Button("Quiet", elem_id="quiet").click(count_up, None, shown, **quiet)
        gr.Button("Read", elem_id="read").click(lambda text: text.upper(), shown, typed, **quiet)
        with gr.Row():
            once, each, kept = gr.Textbox(elem_id="once"), gr.Textbox(elem_id="each"), gr.Textbox(elem_id="kept")
        gr.Button("Keep open", elem_id="keep").click(keep_open, None, kept)
        gr.Button("Show in turn", elem_id="in-turn").click(show_in_turn, None, [once, each])
    return page


if __name__ == "__main__":
    if sys.argv[2:] == ["whole"]:
        from llm_hub.ui.gradio_fixes.whole_updates import send_updates_whole

        send_updates_whole()
    if sys.argv[2:] == ["script"]:
        from llm_hub.ui.gradio_fixes.page_head import extend_head

        extend_head("".join(f"<script>{(ASSETS / name).read_text(encoding='utf-8')}</script>" for name in SCRIPTS), "")
    app = gr.mount_gradio_app(FastAPI(), build(), path="/", ssr_mode=False, show_error=False, css=CSS, head=HEAD)
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")

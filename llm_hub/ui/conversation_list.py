"""The list of conversations at the left of the page: found, opened, renamed, pinned and deleted there.

It is our own HTML. assets/conversation_list.js reads the list from where conversations are kept
(assets/conversation_store.js), and assets/open_conversation.js asks the server for the one that is to be shown.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import gradio as gr

from llm_hub.ui.gradio_fixes.event_options import NOW
from llm_hub.ui.page_assets import read_asset

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_hub.conversations.open_conversations import Keeping

SCRIPT = "".join(
    read_asset(name)
    for name in ("conversation_list.js", "conversation_files.js", "previous_conversation.js", "open_conversation.js")
)
LIST = """<button type="button" class="toggle" aria-controls="conversation-list" aria-label="Conversations">
<svg viewBox="0 0 20 20" aria-hidden="true"><path d="M3 5h14M3 10h14M3 15h9"/></svg></button>
<nav id="conversation-list" aria-label="Conversations" aria-busy="true"><div class="tools">
<input type="search" placeholder="Search" aria-label="Search all conversations" autocomplete="off" spellcheck="false">
<button type="button" class="temporary">Temporary chat</button></div>
<p class="note" role="status"></p><ul></ul>
<div class="files"><p class="done" role="status"></p>
<input type="file" accept=".json,.zip" aria-label="File to import" hidden>
<button type="button" class="import" title="A file of LLM Hub, ChatGPT, Claude or Open WebUI">Import</button>
<button type="button" class="export">Export all</button></div></nav>
<p class="line" role="status"></p>"""

PREVIOUS = '<div class="previous"></div>'
"""Where assets/previous_conversation.js puts the way back to what was shown before."""


def conversation_list(keeping: Keeping) -> None:
    """Builds the list."""
    gr.HTML(
        LIST,
        js_on_load=SCRIPT,
        apply_default_css=False,
        elem_id="conversations",
        elem_classes=["off"] if keeping == "off" else [],
    )


def remember_settings(boxes: Mapping[str, gr.Dropdown | gr.Textbox | gr.HTML]) -> None:
    """Has the browser keep what is chosen in these boxes, by name, for its next new chat and for a reload. Of HTML, it
    keeps the attribute `data-chain`.
    """
    script = f"""(...values) => window.llmHub.drafts.keepSettings(Object.fromEntries(
      {json.dumps(list(boxes))}.map((name, place) => [name, values[place] ?? ""])))"""
    changes = [box.change for box in boxes.values()]
    gr.on(changes, None, list(boxes.values()), None, js=script, **NOW)

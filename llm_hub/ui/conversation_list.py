"""The list of conversations at the left of the page: found, opened, renamed, pinned and deleted there.

It is our own HTML. assets/conversations.js reads the list from where conversations are kept
(assets/conversation_store.js), and asks for a conversation by the event `open`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

if TYPE_CHECKING:
    from llm_hub.conversations.open_conversations import Keeping

SCRIPT = (Path(__file__).parent / "assets" / "conversations.js").read_text(encoding="utf-8")
LIST = """<button type="button" class="toggle" aria-controls="conversation-list" aria-label="Conversations">
<svg viewBox="0 0 20 20" aria-hidden="true"><path d="M3 5h14M3 10h14M3 15h9"/></svg></button>
<nav id="conversation-list" aria-label="Conversations"><div class="tools">
<input type="search" placeholder="Search" aria-label="Search all conversations" autocomplete="off" spellcheck="false">
<button type="button" class="temporary">Temporary chat</button></div>
<p class="note" role="status"></p><ul></ul></nav>
<p class="line" role="status"></p>"""


def conversation_list(keeping: Keeping) -> gr.HTML:
    """Builds the list. Its event `open` says in its data what is to be opened.

    `id` is the conversation's, "" for a new one, which is not kept with `temporary`. `settings` are what the reader had
    chosen when the page was last open, null unless it has just been loaded.
    """
    return gr.HTML(
        LIST,
        js_on_load=SCRIPT,
        apply_default_css=False,
        elem_id="conversations",
        elem_classes=["off"] if keeping == "off" else [],
    )

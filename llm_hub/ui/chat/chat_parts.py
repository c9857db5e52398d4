"""The components of the Chat tab by name, for its layout and its events alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio as gr

    from llm_hub.ui.chat.download_view import DownloadParts
    from llm_hub.ui.chat.fallback_chain import ChainParts
    from llm_hub.ui.gradio_fixes.default_model import DefaultModel


@dataclass(frozen=True, slots=True)
class ChatParts:
    """Everything on the tab that an event reads or writes.

    `past` and `live` are read as one conversation: `past` is written once a turn, and `live`, just below it, shows the
    turn that is being answered, since what an update costs a browser grows with the messages that it touches.
    `earlier`, above them, offers the turns that are left out: see chat_view.py.
    `opened` names the conversation that the tab shows; the conversation itself is on the server. `asked` is the prompt
    on its way there, `returned` one that comes back into the box; neither is seen. `meter` is the
    line about the prompt that is being typed: see context_meter.py. `attachments` notices the files that are chosen:
    see ui/attachments.py. `turn_actions` brings the clicks on the buttons under an answer, and has the number of the
    turn that `again` is to answer.
    """

    provider: gr.Dropdown
    model: gr.Dropdown
    default_model: DefaultModel
    note: gr.HTML
    download: DownloadParts
    followers: gr.HTML
    system: gr.Textbox
    temperature: gr.Textbox
    max_tokens: gr.Textbox
    effort: gr.Dropdown
    chain: ChainParts
    earlier: gr.HTML
    past: gr.Chatbot
    live: gr.Chatbot
    again: gr.Dropdown
    route: gr.HTML
    prompt: gr.MultimodalTextbox
    asked: gr.MultimodalTextbox
    returned: gr.MultimodalTextbox
    stop: gr.Button
    hint: gr.HTML
    meter: gr.HTML
    attachments: gr.HTML
    opened: gr.HTML
    turn_actions: gr.HTML

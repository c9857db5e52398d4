"""The component that shows a conversation, the same on the Chat tab and in each pane of the Compare tab."""

from __future__ import annotations

from typing import Any

import gradio as gr

from llm_hub.ui.render.page_markdown import BEGIN, END, SIGNS

LATEX: list[dict[str, str | bool]] = [
    {"left": BEGIN + begin, "right": end + END, "display": begin in ("$$", "\\[")} for begin, end in SIGNS.items()
]
"""What encloses a formula, as `page_markdown` writes it."""


def chatbot(label: str, **options: Any) -> gr.Chatbot:
    """A Chatbot without a frame of its own. `options` are Gradio's, such as its id."""
    return gr.Chatbot(
        label=label,
        show_label=False,
        height=None,
        autoscroll=False,
        layout="bubble",
        group_consecutive_messages=False,
        buttons=["copy"],
        latex_delimiters=LATEX,
        feedback_options=None,
        allow_file_downloads=False,
        **options,
    )

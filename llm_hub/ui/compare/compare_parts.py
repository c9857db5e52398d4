"""The components of the Compare tab by name, for its layout and its events alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio as gr

    from llm_hub.ui.gradio_fixes.default_model import DefaultModel


@dataclass(frozen=True, slots=True)
class PaneParts:
    """Everything in one pane that an event reads or writes.

    A pane has a `past` and a `live` Chatbot, for the same reason as the Chat tab: see `ChatParts`.
    """

    column: gr.Column
    picker: gr.Row
    provider: gr.Dropdown
    model: gr.Dropdown
    default_model: DefaultModel
    head: gr.HTML
    past: gr.Chatbot
    live: gr.Chatbot
    line: gr.HTML
    stop: gr.Button
    retry: gr.Button
    carry: gr.Button
    remove: gr.Button


@dataclass(frozen=True, slots=True)
class VoteParts:
    """The vote of a blind comparison. `best` is one button a pane; `result` says what was voted."""

    bar: gr.Column
    best: tuple[gr.Button, ...]
    tie: gr.Button
    bad: gr.Button
    reveal: gr.Button
    keep: gr.Checkbox
    result: gr.HTML


@dataclass(frozen=True, slots=True)
class ActionParts:
    """What can be done with a comparison. `file` and `query` carry what the browser saves or shares."""

    section: gr.Accordion
    figures: gr.HTML
    left: gr.Dropdown
    right: gr.Dropdown
    difference: gr.HTML
    share: gr.Button
    markdown: gr.Button
    json: gr.Button
    file: gr.JSON
    query: gr.JSON


@dataclass(frozen=True, slots=True)
class OpenedParts:
    """What tells the page which comparison is shown, and that it has changed: see `CompareParts`."""

    opened: gr.HTML
    revision: gr.HTML


@dataclass(frozen=True, slots=True)
class CompareParts:
    """Everything on the tab that an event reads or writes.

    `opened` names the comparison that the tab shows; the comparison itself is on the server. `asked` is the prompt on
    its way there, `returned` one that comes back into the box; neither is seen. `attachments` notices
    the files that are chosen: see ui/attachments.py. The settings from `system` to `effort` are in `section`.

    `revision` is the number of the comparison's last change: where it changes in the browser, the page is refreshed. It
    is a component, if a hidden one, since Gradio 6.31.0 reports a changed `gr.State` for queued events alone.
    """

    panes: tuple[PaneParts, ...]
    add: gr.Button
    blind: gr.Checkbox
    fallback: gr.Checkbox
    section: gr.Accordion
    system: gr.Textbox
    temperature: gr.Textbox
    max_tokens: gr.Textbox
    effort: gr.Dropdown
    prompt: gr.MultimodalTextbox
    asked: gr.MultimodalTextbox
    returned: gr.MultimodalTextbox
    run: gr.Button
    stop: gr.Button
    hint: gr.HTML
    attachments: gr.HTML
    vote: VoteParts
    actions: ActionParts
    comparison: gr.State
    revision: gr.HTML
    opened: gr.HTML

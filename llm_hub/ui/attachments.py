"""Files are looked at when they are chosen: what cannot be read is told at once, and taken out of the prompt's box.

Gradio 6.31.0 has no event for a file that is chosen in a `gr.MultimodalTextbox`. So the browser compares the files
after each change of the box, and tells the server of new ones by an event of a part that is not seen. Nor does it show
a file's name: the browser puts that beside its icon (assets/attachments.js).
"""

from __future__ import annotations

from typing import Any

import gradio as gr

from llm_hub.ui import uploads
from llm_hub.ui.event_values import Inputs, Updates
from llm_hub.ui.gradio_fixes.event_options import NOW, STREAMING
from llm_hub.ui.live_region import live_region
from llm_hub.ui.render.sanitize import html_text

_NOTICE = """(prompt) => {{ window.llmHub?.attached?.{name}?.notice(prompt?.files ?? []); return []; }}"""
"""JavaScript that looks for new files after a change of the box. Nothing goes to the server where there are none."""

_EDIT = """(prompt) => window.llmHub.attached.{name}.edit(prompt)"""
"""JavaScript that puts files into the box, or takes some out, and leaves what was typed."""

DROP = """(verdict, prompt) => {
  const refused = verdict?.refused ?? [];
  const files = (prompt?.files ?? []).filter((file) => !refused.includes(file.path));
  return files.length === (prompt?.files ?? []).length ? [] : [{ refused: [] }, { text: prompt.text, files }];
}"""
"""JavaScript that takes refused files out of the box, and leaves what was typed."""


def attachments_part(name: str) -> gr.HTML:
    """The part that notices chosen files. `name` is the tab's."""
    return gr.HTML(
        {"refused": []},
        html_template="",
        js_on_load=f'window.llmHub.attachments("{name}", {{ props, watch, '
        'look: () => trigger("attach", {}), put: () => trigger("edit", {}) });',
        apply_default_css=False,
        elem_id=f"{name}-attachments",
    )


def connect_attachments(prompt: gr.MultimodalTextbox, attachments: gr.HTML, hint: gr.HTML, name: str) -> None:
    """Has the files of a prompt's box looked at when they are chosen. What is wrong with them stands in the hint."""

    async def check_files(data: Inputs) -> Updates:
        files = (data[prompt] or {}).get("files") or ()
        refused = await uploads.find_refused(files)
        updates: Updates = {attachments: {"refused": list(refused)}}
        if refused:
            updates[hint] = live_region("".join(f"<div>{html_text(why)}</div>" for why in refused.values()))
        return updates

    several: dict[str, Any] = {**STREAMING, "trigger_mode": "always_last"}
    attachments.edit(None, prompt, prompt, js=_EDIT.format(name=name), **{**NOW, "trigger_mode": "multiple"})
    prompt.change(None, prompt, None, js=_NOTICE.format(name=name), **NOW)
    checked = attachments.attach(check_files, {prompt}, [attachments, hint], **several)
    checked.then(None, [attachments, prompt], [attachments, prompt], js=DROP, **NOW)

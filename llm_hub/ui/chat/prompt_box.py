"""How a prompt leaves its box, and comes back into it: in the browser, so that nothing typed meanwhile is lost.

An update from the server would replace whatever has been typed since the prompt was sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.ui.gradio_fixes.event_options import NOW

if TYPE_CHECKING:
    from llm_hub.conversations.conversation import Kind

TAKE = """(prompt) => [prompt, {text: "", files: []}]"""
"""JavaScript that takes the prompt out of the box. The server gives it back if an answer is still being written: only
the server knows whether it is, and the page hears later of an end or a stop."""

GIVE_BACK = """(returned, prompt) => {
  if (!returned?.text && !returned?.files?.length) return [];  // an update of the box would take the focus
  window.llmHub.isReturned?.();
  const text = [returned.text, prompt?.text].filter((part) => part?.trim()).join("\\n\\n");
  return [null, {text, files: [...(returned.files ?? []), ...(prompt?.files ?? [])]}];
}"""
"""JavaScript that puts a prompt back into the box, before what has been typed there since."""

EMPTY: Mapping[str, Any] = {"text": "", "files": []}


def take_prompt(
    kind: Kind, sent: list[Callable[..., Any]], prompt: gr.MultimodalTextbox, asked: gr.MultimodalTextbox
) -> gr.events.Dependency:
    """Takes the prompt out of its box when it is `sent`, and gives the event after which `asked` has it.

    That waits until the page shows what it was last asked to open: it would come in the place of the answer.
    """
    taken = gr.on(sent, None, prompt, [asked, prompt], js=TAKE, **NOW)
    js = f"""async (asked) => {{ await window.llmHub.makeReady?.("{kind}"); return [asked]; }}"""
    asking: gr.events.Dependency = taken.then(None, asked, asked, js=js, **NOW)
    return asking

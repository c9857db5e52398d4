"""How a prompt leaves its box, and comes back into it: in the browser, so that nothing typed meanwhile is lost.

An update from the server would replace whatever has been typed since the prompt was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TAKE = """(prompt) => document.querySelector("#chat-stop")?.checkVisibility()
  ? [null, prompt] : [prompt, {text: "", files: []}]"""
"""JavaScript that takes the prompt out of the box, unless an answer is being written: then it waits there."""

GIVE_BACK = """(returned, prompt) => {
  if (!returned?.text && !returned?.files?.length) return [];  // an update of the box would take the focus
  const text = [returned.text, prompt?.text].filter((part) => part?.trim()).join("\\n\\n");
  return [null, {text, files: [...(returned.files ?? []), ...(prompt?.files ?? [])]}];
}"""
"""JavaScript that puts a prompt back into the box, before what has been typed there since."""

EMPTY: Mapping[str, Any] = {"text": "", "files": []}

TAKE_FOR_ALL = TAKE.replace("#chat-stop", "#compare-stop")
"""As `TAKE`, on the Compare tab."""

"""How a prompt leaves its box, and comes back into it: in the browser, so that nothing typed meanwhile is lost.

An update from the server would replace whatever has been typed since the prompt was sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

TAKE = """(prompt) => [prompt, {text: "", files: []}]"""
"""JavaScript that takes the prompt out of the box. The server gives it back if an answer is still being written: only
the server knows whether it is, and the page hears later of an end or a stop."""

GIVE_BACK = """(returned, prompt) => {
  if (!returned?.text && !returned?.files?.length) return [];  // an update of the box would take the focus
  const text = [returned.text, prompt?.text].filter((part) => part?.trim()).join("\\n\\n");
  return [null, {text, files: [...(returned.files ?? []), ...(prompt?.files ?? [])]}];
}"""
"""JavaScript that puts a prompt back into the box, before what has been typed there since."""

EMPTY: Mapping[str, Any] = {"text": "", "files": []}

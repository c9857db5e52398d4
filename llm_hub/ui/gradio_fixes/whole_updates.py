"""Updates that are sent whole, so that none is lost on a busy page.

Gradio 6.31.0 sends the outputs of a generator's event as the differences from its last ones, and its script in the
browser applies them to the very object that it has queued to be shown. An output that the next message leaves out is
gone if the page had not come to show it yet: what was {"value": 1} has become an empty update. That happens wherever
messages come faster than they are shown, as when the first ones overtake the reply to the event. May go when:
tests/ui/gradio_fixes/test_in_browser.py::test_an_update_is_lost_if_the_next_comes_before_it_is_shown fails.
"""

from __future__ import annotations

from functools import wraps
from typing import Any

import gradio.utils

_diff = gradio.utils.diff


@wraps(_diff)
def diff_whole(old: Any, new: Any) -> list[list[Any]]:
    """Gradio's list of edits that make `new` of `old`: a changed dictionary, as updates are, is replaced whole."""
    if isinstance(old, dict) and isinstance(new, dict) and old != new:
        return [["replace", [], new]]
    return _diff(old, new)  # type: ignore[no-any-return, no-untyped-call]  # Gradio's


def send_updates_whole() -> None:
    """From now on every Gradio page of this process sends its updates so."""
    gradio.utils.diff = diff_whole

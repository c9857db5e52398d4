"""How the page's events are bound to its parts: none shows Gradio's progress, and none is part of an API."""

from __future__ import annotations

from typing import Any

QUIET: dict[str, Any] = {"show_progress": "hidden", "show_progress_on": [], "api_visibility": "private"}
"""What all events have in common.

Gradio 6.31 hands every streamed update's progress to each part that any event so far could change, hidden or not, and
copies that part and all that is inside it to do so: a tab of four panes spent two thirds of its time on that. On no
part at all it costs nothing.
"""

NOW: dict[str, Any] = {**QUIET, "queue": False}
"""For an event that is over at once."""

STREAMING: dict[str, Any] = {**QUIET, "concurrency_limit": None}
"""For an event that lasts, however many gateway there are."""

"""The options of the page's events: none shows Gradio's progress, and none is part of an API.

Gradio 6.31.0 hands the progress of every streamed update to each component that any event so far could change, hidden
or not, and copies that component with all that is inside it to do so. A Compare tab with four panes spent two thirds of
its time on that. With an empty `show_progress_on` it costs nothing. May go when:
tests/ui/gradio_fixes/test_in_browser.py::test_gradio_copies_what_an_event_could_change fails.
"""

from __future__ import annotations

from typing import Any

QUIET: dict[str, Any] = {"show_progress": "hidden", "show_progress_on": [], "api_visibility": "private"}
"""For every event."""

NOW: dict[str, Any] = {**QUIET, "queue": False}
"""For an event whose handler returns at once: it does not wait in the queue."""

STREAMING: dict[str, Any] = {**QUIET, "concurrency_limit": None}
"""For an event that lasts: any number of visitors may have one running."""

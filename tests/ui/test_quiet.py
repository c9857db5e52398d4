"""What the page's events have in common, read from what the browser is told of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from tests.ui.site import Site


def test_no_event_makes_the_browser_copy_what_it_changes(site: Site) -> None:
    events = httpx.get(f"{site.url}/config", trust_env=False).json()["dependencies"]
    assert len(events) > 20
    loud = [event["api_name"] for event in events if event["outputs"] and event["show_progress_on"] != []]
    assert loud == [], "bind these with llm_hub.ui.gradio_fixes.event_options"

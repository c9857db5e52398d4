"""The options that all of the page's events have, read from the configuration that the browser gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from tests.ui.site import Site


def test_every_event_has_the_options_that_spare_the_browser_copies(site: Site) -> None:
    events = httpx.get(f"{site.url}/config", trust_env=False).json()["dependencies"]
    assert len(events) > 20
    loud = [event["api_name"] for event in events if event["outputs"] and event["show_progress_on"] != []]
    assert loud == [], "bind these with llm_hub.ui.gradio_fixes.event_options"

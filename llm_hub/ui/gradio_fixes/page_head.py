"""What the page's head has before Gradio's own, after it, and not at all.

Gradio 6.31.0 adds the scripts of `head` to the page once its own are running and its first requests are sent. Ours
stand between it and the network (assets/gradio_fixes.js, assets/tab_secret.js), and so have to be there first. May go
when:
tests/ui/gradio_fixes/test_in_browser.py::test_scripts_of_the_head_come_after_the_first_requests fails.
And a script that fits the page into a frame is asked for in a frame or not.
"""

from __future__ import annotations

import gradio.routes
from jinja2 import ChoiceLoader, DictLoader

TEMPLATE = "frontend/index.html"
FRAME_SCRIPT = "document.head.appendChild(script);"


def extend_head(first: str, last: str) -> None:
    """Writes HTML to the beginning and to the end of the page's head."""
    environment = gradio.routes.templates.env
    loader = environment.loader or DictLoader({})
    page = loader.get_source(environment, TEMPLATE)[0]
    if page.count("<head>") != 1 or page.count("</head>") != 1:
        raise RuntimeError("Gradio's page has no <head>: page_head.py must be adapted to this version.")
    page = page.replace("<head>", "<head>{{ llm_hub_first | safe }}").replace(
        "</head>", "{{ llm_hub_last | safe }}</head>"
    )
    page = page.replace(FRAME_SCRIPT, f"if (window.parent !== window) {FRAME_SCRIPT}")
    environment.loader = ChoiceLoader([DictLoader({TEMPLATE: page}), loader])
    environment.globals.update(llm_hub_first=first, llm_hub_last=last)

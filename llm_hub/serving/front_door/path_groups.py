"""The paths that the front door's rules tell apart. A tuple is for `str.startswith`; `PAGES` are whole paths."""

from __future__ import annotations

from llm_hub.api.paths import PATHS

API = PATHS
"""The API. Each of its replies is a line of the log."""

HEALTH = "/health"
"""Whether the site works, which is told at any time."""

PAGES = ("/", "/config", "/config/")
"""The page itself, and what Gradio's script asks for to build it again."""

EVENTS = ("/gradio_api/queue/join", "/gradio_api/run/")
"""Something happened on the page, and Python handles it."""

EVENT_STREAM = "/gradio_api/queue/data"
"""The stream in which a tab is told what its events bring."""

HEARTBEAT = "/gradio_api/heartbeat/"
"""A request that is open as long as a tab is; the tab's session follows."""

APP_ID = "/gradio_api/app_id"
"""What a page asks that has lost its connection; its session may stand in the query."""

UPLOAD = "/gradio_api/upload"

VISITOR = ("/visitor/", "/owner/")
"""Visitors' own keys, and the settings that the owner changes on the page."""

CONVERSATIONS = ("/conversations",)
"""What the page's list shows, and the documents of conversations."""

CONVERSATION_FILES = ("/conversations/import", "/conversations/export")
"""A file of many conversations comes in or goes out. These are whole paths."""

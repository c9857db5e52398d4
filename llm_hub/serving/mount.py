"""The one place that builds Gradio's page and mounts it, and closes what mounting leaves open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_hub.arena.votes import Votes
from llm_hub.conversations.open_conversations import OpenConversations
from llm_hub.documents.limits import MAX_DOCUMENT_BYTES
from llm_hub.gateway.gateway import Gateway
from llm_hub.serving import zero_gpu
from llm_hub.serving.front_door import FrontDoor
from llm_hub.usage.ledger import Ledger

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from llm_hub.checkup.checkup_store import CheckupStore
    from llm_hub.runs.open_runs import OpenRuns
    from llm_hub.ui.page import Page


def build_page(
    gateway: Gateway,
    votes: Votes,
    ledger: Ledger | None,
    conversations: OpenConversations,
    runs: OpenRuns | None,
    *,
    checkups: CheckupStore | None = None,
) -> Page:
    """Imports Gradio, which takes seconds, and builds the page. Without a `ledger` it has no Usage tab, without `runs`
    no Runs tab, and without `checkups` none on the Status tab."""
    from llm_hub.ui.gradio_fixes.import_speed import skip_stubs

    skip_stubs()
    if zero_gpu.is_zero_gpu():
        zero_gpu.prepare()
    from llm_hub.ui.page import build

    page = build(gateway, votes, ledger, conversations, runs, checkups=checkups)
    if zero_gpu.is_zero_gpu():
        zero_gpu.report(page.blocks)
    return page


def mount_page(app: Starlette, page: Page, front_door: FrontDoor) -> Any:
    """Mounts the page at "/" behind the routes of `app`. Returns Gradio's own application."""
    import gradio as gr

    from llm_hub.ui.gradio_fixes.event_inputs import EventInputs
    from llm_hub.ui.gradio_fixes.page_head import extend_head
    from llm_hub.ui.gradio_fixes.page_loading import add_styles, shorten_config
    from llm_hub.ui.gradio_fixes.session_memory import limit_session_memory
    from llm_hub.ui.gradio_fixes.whole_updates import send_updates_whole

    blocks = page.blocks
    extend_head(first=page.scripts, last=add_styles(app, blocks, page.later_css))
    send_updates_whole()
    blocks.max_threads = 200  # caps all running events, asynchronous ones too
    blocks.state_session_capacity = 2000
    # Everybody in the queue is told their place once a second. By default it is after each event: 200² messages.
    blocks.queue(status_update_rate=1, max_size=200, default_concurrency_limit=8, api_open=False)
    blocks._queue.sleep_when_free = 0.01  # noqa: SLF001  # its default polls a thousand times a second
    blocks._queue.progress_update_sleep_when_free = 1  # noqa: SLF001  # this page has no progress bars of Gradio's
    blocks.has_launched = True  # without this Gradio checks no file path that a client names
    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        ssr_mode=False,
        run_history=False,
        show_error=False,
        enable_monitoring=False,
        max_file_size=MAX_DOCUMENT_BYTES,
        footer_links=[],
        theme=page.theme,
        css=page.css,
    )
    shorten_config(blocks)
    mounted = (getattr(route, "app", None) for route in app.routes)
    gradio_app = next(app for app in mounted if isinstance(app, gr.routes.App))
    limit_session_memory(gradio_app, blocks, front_door.tabs.open)
    front_door.event_problem = EventInputs(blocks, gradio_app.state_holder).problem
    front_door.has_events = blocks._queue.pending_messages_per_session.__contains__  # noqa: SLF001  # no public way
    return gradio_app

"""Sessions that keep only what this page needs, so that many visitors do not fill the memory.

Gradio 6.31.0 copies the configuration of the whole page for every session, and again at every event, so that deep links
can show it. This page has no deep links (the front door refuses them). Without the copies a session costs a tenth of
the memory and of the first event's time. Gradio also keeps sessions and messages that nobody comes for, goes on with
events whose tab was closed before it listened, and prints the texts of errors, which may be what a visitor typed. May
go when these fail, each for its part:
tests/ui/gradio_fixes/test_server_side.py::test_gradio_copies_the_page_for_every_session,
::test_gradio_keeps_sessions_until_there_is_no_room, ::test_gradio_goes_on_with_what_nobody_reads and
::test_gradio_prints_the_text_of_an_error.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import traceback
from copy import copy
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import gradio.queueing
import gradio.routes
from gradio.components import State
from gradio.state_holder import SessionState, StateHolder

if TYPE_CHECKING:
    from collections.abc import Container

    from gradio.blocks import Blocks

log = logging.getLogger(__name__)

MAX_CLOSED_AGE = timedelta(hours=1)
"""How long the state of a closed tab is kept: its connection may come back."""

MAX_UNCLAIMED_AGE = timedelta(seconds=20)
"""How long an event's messages wait for a tab that does not fetch them. A tab listens before its event is over."""


def limit_session_memory(app: gradio.routes.App, blocks: Blocks, open_tabs: Container[str] = ()) -> None:
    """Makes Gradio's application keep `SmallSessions`, and log errors by `ErrorPlaces`."""
    app.state_holder = SmallSessions(open_tabs)
    app.state_holder.set_blocks(blocks)
    gradio.queueing.traceback = gradio.routes.traceback = ErrorPlaces  # type: ignore[assignment,attr-defined]


class SmallSession(SessionState):
    """One tab's state, without a copy of the page and of what was typed."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks_config = copy(blocks.default_config)
        self.config_values: dict[int, dict[str, Any]] = {}
        self.state_data: dict[int, Any] = {}
        self._state_ttl: dict[int, Any] = {}
        self.is_closed = False
        self.STATE_TTL_WHEN_CLOSED = int(MAX_CLOSED_AGE.total_seconds())

    def __setitem__(self, key: int, value: Any) -> None:
        block = self.blocks_config.blocks.get(key)
        if isinstance(block, State):
            self._state_ttl[key] = (block.time_to_live, datetime.now())  # noqa: DTZ005  # Gradio compares it so
            self.state_data[key] = value
        else:
            self.blocks_config.blocks[key] = value

    def _update_config(self, key: int) -> None: ...

    def _update_value_in_config(self, key: int, value: Any) -> None: ...


class SmallSessions(StateHolder):
    """The sessions of all tabs. If there is no room for another, closed ones are dropped first.

    Closed sessions are dropped after an hour unless their tab is back, and those without any state of their own after
    20 s. An answer whose messages nobody has read for as long ends, unless its tab is open. `open_tabs` are the
    sessions that are open in a browser.
    """

    def __init__(self, open_tabs: Container[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Gradio's
        self.open_tabs = open_tabs
        self.unread_since: dict[str, datetime] = {}
        """Since when messages have waited for a session that is open nowhere."""
        self._cleaning: set[asyncio.Task[None]] = set()

    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            if len(self.session_data) >= self.capacity:
                self._drop(next((name for name, session in self.session_data.items() if session.is_closed), ""))
            self.session_data[session_id] = SmallSession(self.blocks)
        return super().__getitem__(session_id)

    def delete_all_expired_state(self) -> None:
        for name, session in self.session_data.items():
            if name in self.open_tabs:
                session.is_closed = False  # its connection was lost, and is back
        super().delete_all_expired_state()  # type: ignore[no-untyped-call]  # Gradio's
        now = datetime.now()  # noqa: DTZ005  # as Gradio notes it
        for name, session in list(self.session_data.items()):
            idle = now - self.time_last_used.get(name, now)
            over = session.is_closed if idle > MAX_CLOSED_AGE else name not in self.open_tabs and _is_blank(session)
            if idle > MAX_UNCLAIMED_AGE and over:
                self._drop(name)
        queue = self.blocks._queue  # noqa: SLF001  # Gradio has no public way
        for name in list(queue.pending_messages_per_session):
            running = any(event in queue.event_ids_to_events for event in queue.pending_event_ids_session.get(name, ()))
            if running and self._is_unread(name, now):
                cleaning = asyncio.create_task(queue.clean_events(session_hash=name))
                self._cleaning.add(cleaning)
                cleaning.add_done_callback(self._cleaning.discard)
            if not running and now - self.time_last_used.get(name, now - 2 * MAX_UNCLAIMED_AGE) > MAX_UNCLAIMED_AGE:
                queue.pending_messages_per_session.pop(name, None)
                queue.pending_event_ids_session.pop(name, None)
        for name in self.unread_since.keys() - queue.pending_messages_per_session.keys():
            del self.unread_since[name]

    def _is_unread(self, name: str, now: datetime) -> bool:
        """Whether messages have waited too long for a tab that is not open: nobody will read the answer."""
        messages = self.blocks._queue.pending_messages_per_session[name]  # noqa: SLF001  # as above
        if name in self.open_tabs or messages.empty():
            self.unread_since.pop(name, None)
            return False
        if now - self.unread_since.setdefault(name, now) <= MAX_UNCLAIMED_AGE:
            return False
        del self.unread_since[name]
        return True

    def _drop(self, name: str) -> None:
        self.session_data.pop(name, None)
        self.time_last_used.pop(name, None)


def _is_blank(session: SessionState) -> bool:
    """Whether every state is still the page's own."""
    blocks = session.blocks_config.blocks
    return all(
        key in blocks and value == getattr(blocks[key], "value", None) for key, value in session.state_data.items()
    )


class ErrorPlaces:
    """Stands in for the module `traceback` in Gradio: it logs where an error happened, and not its text."""

    @staticmethod
    def print_exc() -> None:
        error = sys.exception()
        frames = traceback.extract_tb(error.__traceback__) if error else ()
        places = "".join(f"\n  {frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-4:])
        log.error("An event of the page failed: %s%s", type(error).__name__, places)

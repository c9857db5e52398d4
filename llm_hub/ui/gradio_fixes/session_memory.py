"""What Gradio keeps of each tab, without what this page does not need, so that many visitors do not fill the memory.

Gradio copies the whole page's configuration for every visitor, and again at every event, so that deep links can show
it. Those are closed here (front_door/closed_paths.py), and without them a tab costs a tenth of the memory and of the
first event's time.
"""

from __future__ import annotations

import ctypes
import logging
import sys
import traceback
from contextlib import suppress
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

KEPT = timedelta(hours=1)
"""How long what a closed tab said is kept: its visitor's connection may come back."""

UNHEARD = timedelta(seconds=20)
"""How long an event's outcome waits for a tab that does not come for it. A tab listens before the event is over."""

TRIM_AFTER = 100
"""Tabs that were forgotten before the memory that they leave is given back to the system."""


def keep_little(app: gradio.routes.App, blocks: Blocks, open_tabs: Container[str] = ()) -> None:
    """Puts `SmallSessions` in place of what the application keeps, and `Places` where it logs."""
    app.state_holder = SmallSessions(open_tabs)
    app.state_holder.set_blocks(blocks)
    gradio.queueing.traceback = gradio.routes.traceback = Places  # type: ignore[assignment,attr-defined]


class SmallSession(SessionState):
    """One tab's state. What was typed is not kept beside it."""

    def __init__(self, blocks: Blocks) -> None:
        self.blocks_config = copy(blocks.default_config)
        self.config_values: dict[int, dict[str, Any]] = {}
        self.state_data: dict[int, Any] = {}
        self._state_ttl: dict[int, Any] = {}
        self.is_closed = False
        self.STATE_TTL_WHEN_CLOSED = int(KEPT.total_seconds())

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
    """Every tab's. Where there is no room, closed ones go first; after an hour they all go, and at once if nothing was
    said in them. `open_tabs` are those that are open in a browser.
    """

    def __init__(self, open_tabs: Container[str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # Gradio's
        self.open_tabs = open_tabs
        self._dropped = 0

    def __getitem__(self, session_id: str) -> SessionState:
        if session_id not in self.session_data:
            if len(self.session_data) >= self.capacity:
                self._drop(next((name for name, kept in self.session_data.items() if kept.is_closed), ""))
            self.session_data[session_id] = SmallSession(self.blocks)
        return super().__getitem__(session_id)

    def delete_all_expired_state(self) -> None:
        super().delete_all_expired_state()  # type: ignore[no-untyped-call]  # Gradio's
        now = datetime.now()  # noqa: DTZ005  # as Gradio notes it
        for name, kept in list(self.session_data.items()):
            unused = now - self.time_last_used.get(name, now)
            over = kept.is_closed if unused > KEPT else name not in self.open_tabs and _is_blank(kept)
            if unused > UNHEARD and over:
                self._drop(name)
                self._dropped += 1
        if self._dropped >= TRIM_AFTER:
            self._dropped = 0
            _give_back()
        queue = self.blocks._queue  # noqa: SLF001  # Gradio has no public way
        for name in list(queue.pending_messages_per_session):
            running = any(event in queue.event_ids_to_events for event in queue.pending_event_ids_session.get(name, ()))
            if not running and now - self.time_last_used.get(name, now - 2 * UNHEARD) > UNHEARD:
                queue.pending_messages_per_session.pop(name, None)
                queue.pending_event_ids_session.pop(name, None)

    def _drop(self, name: str) -> None:
        self.session_data.pop(name, None)
        self.time_last_used.pop(name, None)


def _is_blank(kept: SessionState) -> bool:
    """Whether nothing has come of it yet."""
    blocks = kept.blocks_config.blocks
    return all(key in blocks and value == getattr(blocks[key], "value", None) for key, value in kept.state_data.items())


def _give_back() -> None:
    """The C library keeps what Python frees, and a wave of gateway would be remembered for good."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


class Places:
    """Stands for the module `traceback` where Gradio prints errors: their words may be what a visitor typed."""

    @staticmethod
    def print_exc() -> None:
        error = sys.exception()
        frames = traceback.extract_tb(error.__traceback__) if error else ()
        places = "".join(f"\n  {frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-4:])
        log.error("An event of the page failed: %s%s", type(error).__name__, places)

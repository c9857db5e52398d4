"""What the server knows of each open tab beside its conversation: is an answer being written, and for which event."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import gradio as gr


class ChatSessions:
    """The state of the open tabs, by Gradio's session. One object serves all visitors."""

    def __init__(self) -> None:
        self._answering: set[str] = set()
        self._triggers: dict[str, int] = {}
        self._abandoned: set[str] = set()

    def is_answering(self, visitor: gr.Request) -> bool:
        """Whether an answer is being written, so that a second prompt has to wait."""
        return _session(visitor) in self._answering

    @contextmanager
    def answering(self, visitor: gr.Request) -> Iterator[None]:
        """While the block runs, an answer is being written."""
        session = _session(visitor)
        self._answering.add(session)
        try:
            yield
        finally:
            self._answering.discard(session)

    def set_trigger(self, visitor: gr.Request, trigger: int) -> None:
        """Notes which of the tab's triggers began the answer: only what follows that one may finish it."""
        self._triggers[_session(visitor)] = trigger

    def may_finish(self, visitor: gr.Request, trigger: int) -> bool:
        """Whether what follows this trigger may finish the answer. A trigger that was refused may not."""
        return self._triggers.get(_session(visitor), trigger) == trigger

    def abandon_chat(self, visitor: gr.Request) -> None:
        """The visitor begins a new chat: what is still being written must not become part of it."""
        self._abandoned.add(_session(visitor))

    def enter_chat(self, visitor: gr.Request) -> None:
        """The visitor asks something, or takes over a conversation: from now on answers count again."""
        self._abandoned.discard(_session(visitor))

    def has_abandoned_chat(self, visitor: gr.Request) -> bool:
        return _session(visitor) in self._abandoned

    def forget(self, visitor: gr.Request) -> None:
        """The tab was closed."""
        self._abandoned.discard(_session(visitor))
        self._triggers.pop(_session(visitor), None)


def _session(visitor: gr.Request) -> str:
    return visitor.session_hash or ""

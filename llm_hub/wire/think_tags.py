"""Reasoning that a model writes inline, between `<think>` tags."""

from __future__ import annotations

from llm_hub.wire.validation import MAX_NAME_CHARS

MAX_LEADING_SPACE = MAX_NAME_CHARS
"""Characters of white space that may come before `<think>`. More of it is handed on as text."""

_OPEN, _CLOSE = "<think>", "</think>"


class ThinkSplitter:
    """Separates the reasoning that a model writes as `<think>…</think>` before its answer.

    Only a tag that opens the answer counts: a later one is quoted, and is text. Line breaks after a tag are dropped.
    """

    __slots__ = ("_buffer", "_skips_line_breaks", "_state", "is_done")

    def __init__(self) -> None:
        self.is_done = False
        """Whether the answer has begun, so that `feed` would hand on all text as it is. For speed."""
        self._state = "start"
        self._buffer = ""
        self._skips_line_breaks = False

    def feed(self, text: str) -> list[tuple[bool, str]]:
        """The pieces that are certain now, as pairs of "is reasoning" and text. Half a tag waits for the rest."""
        if self.is_done:
            return [(False, text)]
        self._buffer += text
        if self._state == "start":
            head = self._buffer.lstrip()
            if len(head) < len(_OPEN) and _OPEN.startswith(head) and len(self._buffer) < MAX_LEADING_SPACE:
                return []
            if head.startswith(_OPEN):
                self._state, self._buffer, self._skips_line_breaks = "thinking", head[len(_OPEN) :], True
            else:
                self._state = "text"
        return self._split_reasoning() if self._state == "thinking" else self._take_text()

    def flush(self) -> list[tuple[bool, str]]:
        """What is still waiting when the stream ends."""
        rest, self._buffer = self._buffer, ""
        return [(self._state == "thinking", rest)] if rest else []

    def _take_text(self) -> list[tuple[bool, str]]:
        text, self._buffer = self._buffer.lstrip("\n") if self._skips_line_breaks else self._buffer, ""
        self._skips_line_breaks = self._skips_line_breaks and not text
        self.is_done = not self._skips_line_breaks
        return [(False, text)] if text else []

    def _split_reasoning(self) -> list[tuple[bool, str]]:
        if self._skips_line_breaks:
            self._buffer = self._buffer.lstrip("\n")
            self._skips_line_breaks = not self._buffer
        thought, tag, after = self._buffer.partition(_CLOSE)
        if tag:
            self._state, self._buffer, self._skips_line_breaks = "text", after, True
            return ([(True, thought)] if thought else []) + self._take_text()
        half = next((size for size in range(len(_CLOSE) - 1, 0, -1) if self._buffer.endswith(_CLOSE[:size])), 0)
        cut = len(self._buffer) - half
        thought, self._buffer = self._buffer[:cut], self._buffer[cut:]
        return [(True, thought)] if thought else []

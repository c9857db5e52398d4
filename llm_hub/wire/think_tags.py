"""Reasoning that a model writes inline, between `<think>` tags."""

from __future__ import annotations

from llm_hub.wire.validation import MAX_NAME_CHARS


class ThinkSplitter:
    """Keeps apart the reasoning that a model writes inline, as `<think>…</think>` before its answer.

    Only a tag that opens the answer counts: one that is quoted later is text. Line breaks after the tags go with them.
    """

    __slots__ = ("_held", "_state", "_trim")

    def __init__(self) -> None:
        self._state = "start"
        self._held = ""
        self._trim = False

    def feed(self, text: str) -> list[tuple[bool, str]]:
        """Pieces of text as pairs of "is reasoning" and text; what may be half a tag is held back."""
        if self._state == "text" and not self._trim:
            return [(False, text)]
        self._held += text
        if self._state == "start":
            head = self._held.lstrip()
            if len(head) < 7 and "<think>".startswith(head) and len(self._held) < MAX_NAME_CHARS:
                return []
            if head.startswith("<think>"):
                self._state, self._held, self._trim = "thinking", head[7:], True
            else:
                self._state = "text"
        return self._while_thinking() if self._state == "thinking" else self._as_text()

    def flush(self) -> list[tuple[bool, str]]:
        """What is held when the stream ends."""
        held, self._held = self._held, ""
        return [(self._state == "thinking", held)] if held else []

    def _as_text(self) -> list[tuple[bool, str]]:
        held, self._held = self._held.lstrip("\n") if self._trim else self._held, ""
        self._trim = self._trim and not held
        return [(False, held)] if held else []

    def _while_thinking(self) -> list[tuple[bool, str]]:
        if self._trim:
            self._held = self._held.lstrip("\n")
            self._trim = not self._held
        thought, tag, after = self._held.partition("</think>")
        if tag:
            self._state, self._held, self._trim = "text", after, True
            return ([(True, thought)] if thought else []) + self._as_text()
        keep = next((n for n in range(7, 0, -1) if self._held.endswith("</think>"[:n])), 0)
        thought, self._held = self._held[: len(self._held) - keep], self._held[len(self._held) - keep :]
        return [(True, thought)] if thought else []

"""From a stream's bytes to JSON objects, of which each has a line of its own: nearly always."""

from __future__ import annotations

import re

from llm_hub.errors import StreamBroken
from llm_hub.wire.decoders import MAX_LINE_BYTES, LineDecoder

_JOINT = re.compile(rb"}\s*{")
_TEXT_OR_BRACE = re.compile(rb'"(?:[^"\\]|\\.)*+"|[{}]')


class ObjectDecoder(LineDecoder):
    """Cuts a stream into JSON objects: one a line, several in a line, or one over several lines.

    Proxies that join or format what they pass on write the last two. Texts have no line breaks in JSON, so that
    counting braces outside of texts tells where an object ends.
    """

    __slots__ = ("_depth", "_unfinished", "_unfinished_length")

    def __init__(self) -> None:
        super().__init__()
        self._unfinished: list[bytes] = []
        self._unfinished_length = 0
        self._depth = 0

    def decode(self, chunk: bytes) -> list[bytes]:
        """The JSON texts that are complete now. What is no object is among them: reading it tells what is wrong."""
        lines = self.feed(chunk)
        if not self._depth and len(lines) == 1 and lines[0][-1:] == b"}" and not _JOINT.search(lines[0]):
            return lines  # nearly always
        return [text for line in lines if line.strip() for text in self._cut(line)]

    def _cut(self, line: bytes) -> list[bytes]:
        texts: list[bytes] = []
        if self._depth and line.startswith(b'{"'):  # another object begins: the one before was cut off
            texts.append(self._take(b""))
        start = 0
        for match in _TEXT_OR_BRACE.finditer(line):
            self._depth += {b"{": 1, b"}": -1}.get(match[0], 0)
            if match[0] == b"}" and self._depth <= 0:
                texts.append(self._take(line[start : match.end()]))
                start = match.end()
        rest = line[start:]
        if not self._depth:
            return [*texts, rest] if rest.strip() else texts
        self._unfinished.append(rest)
        self._unfinished_length += len(rest)
        if self._unfinished_length > MAX_LINE_BYTES:
            raise StreamBroken(f"The server sent an object of more than {MAX_LINE_BYTES // 1024 // 1024} MB.")
        return texts

    def _take(self, end: bytes) -> bytes:
        text = b"\n".join([*self._unfinished, end])
        self._unfinished, self._unfinished_length, self._depth = [], 0, 0
        return text

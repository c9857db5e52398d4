"""Server-sent events, read by the standard."""

from __future__ import annotations


def events(text: str) -> list[tuple[str, str]]:
    """A stream's events as pairs of name and data."""
    pairs = []
    for block in text.split("\n\n"):
        name, data = "", []
        for line in block.split("\n"):
            if line.startswith("event: "):
                name = line[7:]
            elif line.startswith("data: "):
                data.append(line[6:])
        if data or name:
            pairs.append((name, "\n".join(data)))
    return pairs

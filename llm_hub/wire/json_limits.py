"""How many values JSON holds, counted before it is parsed: counting bytes is cheap, building objects is not."""

from __future__ import annotations


def holds_more(raw: bytes, limit: int) -> bool:
    """Whether JSON holds more than `limit` values. Values are objects, lists, and every member after a first one.

    Most JSON is too short for that, or has too few commas and brackets even if those inside texts are counted.
    Otherwise the texts are cut out before counting. A backslash outside of a text ends what a parser reads, so that
    the bytes after it do not matter.
    """
    if len(raw) < limit or _count_marks(raw) <= limit:
        return False
    unescaped = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    if unescaped.count(b'"') > 4 * (limit + 1):  # each value has a name and a text at most: four quotation marks
        return True
    return _count_marks(b"".join(unescaped.split(b'"')[::2])) > limit


def _count_marks(raw: bytes) -> int:
    return len(raw) - len(raw.translate(None, b",[{"))  # bytes.count takes longer where there are many

"""How much JSON holds, before it is read: bytes are soon counted, and objects dear to make."""

from __future__ import annotations


def holds_more(raw: bytes, most: int) -> bool:
    """Whether JSON holds more than `most` values: objects, lists, and what follows the first in one.

    Most JSON is too short for that, or has too few commas and brackets, those of its texts included. Otherwise the
    texts are cut out; a backslash outside of them ends what a parser reads, so that what follows one does not matter.
    """
    if len(raw) < most or _marks(raw) <= most:
        return False
    plain = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    if plain.count(b'"') > 4 * (most + 1):  # of each value the name, and the text
        return True
    return _marks(b"".join(plain.split(b'"')[::2])) > most


def _marks(raw: bytes) -> int:
    return len(raw) - len(raw.translate(None, b",[{"))  # counting them takes longer, where there are many

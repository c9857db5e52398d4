"""What two answers have in common, word by word."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Literal

Kind = Literal["same", "removed", "added"]
Piece = tuple[Kind, str]

MAX_WORDS = 3_000
"""Words of each text that are compared, which takes under a second: about 15 pages."""

_WORD = re.compile(r"\S+\s*|\s+")


def words(left: str, right: str) -> list[Piece]:
    """How `left` becomes `right`: the same and the removed pieces are `left`, the same and the added ones `right`.

    White space alone is no difference: what is the same is shown as it stands in `left`.
    """
    ours, theirs = _WORD.findall(left)[:MAX_WORDS], _WORD.findall(right)[:MAX_WORDS]
    matcher = SequenceMatcher(None, [word.strip() for word in ours], [word.strip() for word in theirs], autojunk=False)
    pieces: list[Piece] = []
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        if kind == "equal":
            pieces.append(("same", "".join(ours[start:end])))
            continue
        if end > start:
            pieces.append(("removed", "".join(ours[start:end])))
        if other_end > other_start:
            pieces.append(("added", "".join(theirs[other_start:other_end])))
    return [(kind, text if text[-1].isspace() else f"{text} ") for kind, text in pieces[:-1]] + pieces[-1:]


def alike(pieces: list[Piece]) -> float:
    """How much of both texts is the same, from 0 to 1, by words."""
    counts = {
        kind: sum(len(text.split()) for one, text in pieces if one == kind) for kind in ("same", "removed", "added")
    }
    total = 2 * counts["same"] + counts["removed"] + counts["added"]
    return 2 * counts["same"] / total if total else 1.0

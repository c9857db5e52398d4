"""Which words two answers have in common."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Literal

Kind = Literal["same", "removed", "added"]
Piece = tuple[Kind, str]

MAX_WORDS = 3_000
"""Words of each text that are compared, about 15 pages: that takes under a second."""

_WORD = re.compile(r"\S+\s*|\s+")


def compare_words(left: str, right: str) -> list[Piece]:
    """The pieces that turn `left` into `right`: "same" and "removed" make up `left`, "same" and "added" `right`.

    White space alone is no difference: a piece that is the same has the white space of `left`.
    """
    left_words, right_words = _WORD.findall(left)[:MAX_WORDS], _WORD.findall(right)[:MAX_WORDS]
    matcher = SequenceMatcher(
        None, [word.strip() for word in left_words], [word.strip() for word in right_words], autojunk=False
    )
    pieces: list[Piece] = []
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        if kind == "equal":
            pieces.append(("same", "".join(left_words[start:end])))
            continue
        if end > start:
            pieces.append(("removed", "".join(left_words[start:end])))
        if other_end > other_start:
            pieces.append(("added", "".join(right_words[other_start:other_end])))
    return [(kind, text if text[-1].isspace() else f"{text} ") for kind, text in pieces[:-1]] + pieces[-1:]


def measure_similarity(pieces: list[Piece]) -> float:
    """How much of both texts is the same, from 0 to 1, by words."""
    counts = {
        kind: sum(len(text.split()) for piece_kind, text in pieces if piece_kind == kind)
        for kind in ("same", "removed", "added")
    }
    total = 2 * counts["same"] + counts["removed"] + counts["added"]
    return 2 * counts["same"] / total if total else 1.0

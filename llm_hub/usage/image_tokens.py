"""How many tokens an image may have at most: each provider counts in its own way, and tells after its answer alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llm_hub.chat import Image

MAX_IMAGE_TOKENS = 25_000
"""Of an image of any size: OpenAI's 10,000 patches of it, at 2.46 tokens each. Others make it smaller before."""
MIN_IMAGE_TOKENS = 6_500
"""That an image of unknown counting is taken for: some models have four tiles of 1,601 tokens, however small it is."""
_BY_NAME = ((re.compile(r"4o-mini"), 48_200), (re.compile(r"claude"), 4_800))
"""Models with a most of their own: eight tiles of 5,667 tokens and 2,833 more; 4,784 for the newest of Anthropic's."""
_PATCH = 28
"""Pixels: the smallest patches of those that do not make an image smaller."""
_TOKENS_A_PATCH = 3
_NARROW = 4
"""How much longer than wide an image may be before what is cut into squares has more of them than its area tells."""
_SEGMENTS = 100
"""Of a JPEG, which are gone through for its size."""
_BARE = (0x00, 0x01, *range(0xD0, 0xDA), 0xFF)
"""What may follow a segment of a JPEG and is none: markers without a length, and fillers."""


def most_tokens(image: Image, model: str) -> int:
    """What the model's provider may count for an image."""
    for name, most in _BY_NAME:
        if name.search(model):
            return most
    width, height = _size(image.data)
    if not width or not height:
        return MAX_IMAGE_TOKENS
    width, height = max(width, height // _NARROW), max(height, width // _NARROW)
    patches = (width // _PATCH + 1) * (height // _PATCH + 1)
    return min(MAX_IMAGE_TOKENS, max(MIN_IMAGE_TOKENS, patches * _TOKENS_A_PATCH))


def _size(data: bytes) -> tuple[int, int]:
    """Width and height of a PNG or a JPEG, as their heads say; zeros for any other file, and for one that is read in
    different ways: some markers have no length, and what would follow it could be a frame for us alone."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
        return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    if not data.startswith(b"\xff\xd8"):
        return 0, 0
    at = 2
    for _ in range(_SEGMENTS):
        marker, length = data[at : at + 2], int.from_bytes(data[at + 2 : at + 4])
        if len(marker) < 2 or marker[0] != 0xFF or marker[1] in _BARE or length < 2:
            break
        if 0xC0 <= marker[1] <= 0xCF and marker[1] not in (0xC4, 0xC8, 0xCC):  # a frame begins
            return int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7])
        at += 2 + length
    return 0, 0

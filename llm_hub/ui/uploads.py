"""Images that a visitor attaches: from uploaded files to parts of a message."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from llm_hub.chat import Image
from llm_hub.errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_IMAGE_BYTES = 5 * 2**20
"""Bytes. Anthropic and several others refuse larger images."""
MAX_IMAGES = 8
"""Images in one prompt."""

_SIGNATURES = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


def read(files: Sequence[str]) -> tuple[Image, ...]:
    """The files' bytes, each with the type that its content says. Raises `InvalidRequest` in words for the visitor."""
    if len(files) > MAX_IMAGES:
        raise InvalidRequest(f"These are {len(files)} images.", hint=f"Attach {MAX_IMAGES} at most.")
    return tuple(_image(Path(file)) for file in files)


def write(images: Sequence[Image]) -> list[str]:
    """Images as files of Gradio's cache, which the browser that they are shown to may fetch."""
    from gradio.processing_utils import save_bytes_to_cache
    from gradio.utils import get_upload_folder

    return [
        save_bytes_to_cache(image.data, f"image.{image.media_type.partition('/')[2]}", get_upload_folder())
        for image in images
    ]


def _image(file: Path) -> Image:
    if file.stat().st_size > MAX_IMAGE_BYTES:
        raise InvalidRequest(
            f"{file.name} is too large.", hint=f"An image may have {MAX_IMAGE_BYTES // 2**20} MB at most."
        )
    data = file.read_bytes()
    for signature, media_type in _SIGNATURES:
        if data.startswith(signature):
            return Image(data, media_type)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Image(data, "image/webp")
    raise InvalidRequest(f"{file.name} is not an image that models read.", hint="Attach a PNG, JPEG, GIF or WebP file.")

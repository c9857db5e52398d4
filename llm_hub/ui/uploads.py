"""Files that a visitor attaches: from uploaded files to parts of a message, and back."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from llm_hub.chat import Document, Image
from llm_hub.documents.kinds import clean_name, find_kind
from llm_hub.documents.limits import MAX_DOCUMENT_BYTES, MAX_FILES
from llm_hub.documents.reader import read_document
from llm_hub.errors import InvalidRequest
from llm_hub.ui.texts import settings_texts as texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_hub.chat import Message
    from llm_hub.conversations.turn import Turn

MAX_IMAGE_BYTES = 5 * 2**20
"""Bytes. Anthropic and several others refuse larger images."""

_SIGNATURES = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))


async def read(files: Sequence[str]) -> tuple[Image | Document, ...]:
    """The files as parts of a message, images first. Raises `InvalidRequest` in words for the visitor."""
    if len(files) > MAX_FILES:
        raise InvalidRequest(
            texts.MANY_FILES.format(files=len(files)), hint=texts.MOST_FILES.format(max_files=MAX_FILES)
        )
    parts = [await _read_file(Path(file)) for file in files]
    return tuple(sorted(parts, key=lambda part: isinstance(part, Document)))


async def find_refused(files: Sequence[str]) -> dict[str, str]:
    """Those of the files that cannot be attached, each with the reason in words for the visitor."""
    refused: dict[str, str] = {}
    for file in files[:MAX_FILES]:
        try:
            await _read_file(Path(file))
        except InvalidRequest as error:
            refused[file] = str(error)
    return refused | dict.fromkeys(files[MAX_FILES:], texts.TOO_MANY_FILES.format(max_files=MAX_FILES))


def with_images(turn: Turn) -> Turn:
    """The turn with the files of its prompt's images, which one that was read from elsewhere does not have yet."""
    return turn if turn.files or not turn.prompt.images else replace(turn, files=tuple(write_images(turn.prompt)))


def write_images(prompt: Message) -> list[str]:
    """A prompt's images as files of Gradio's cache, which the browser that they are shown to may fetch."""
    return _write([(f"image.{image.media_type.partition('/')[2]}", image.data) for image in prompt.images])


def write(prompt: Message) -> list[str]:
    """All of a prompt's files likewise, so that they can be attached again."""
    documents = [(each.name, each.data or (each.text or "").encode()) for each in prompt.documents]
    return [*write_images(prompt), *_write(documents)]


def _write(files: Sequence[tuple[str, bytes]]) -> list[str]:
    from gradio.processing_utils import save_bytes_to_cache
    from gradio.utils import get_upload_folder

    return [save_bytes_to_cache(data, name, get_upload_folder()) for name, data in files]


async def _read_file(file: Path) -> Image | Document:
    name = clean_name(file.name)
    size, beginning = await asyncio.to_thread(_look_at, file)
    kind = find_kind(name, beginning)
    most = MAX_IMAGE_BYTES if kind == "image" else MAX_DOCUMENT_BYTES
    if size > most:
        what = texts.AN_IMAGE if kind == "image" else "A file"
        raise InvalidRequest(texts.TOO_LARGE.format(name=name), hint=f"{what} may have {most // 2**20} MB at most.")
    data = await asyncio.to_thread(file.read_bytes)
    return _image(name, data) if kind == "image" else await read_document(name, kind, data)


def _look_at(file: Path) -> tuple[int, bytes]:
    """The size of a file, and its first bytes."""
    with file.open("rb") as opened:
        return file.stat().st_size, opened.read(1024)


def _image(name: str, data: bytes) -> Image:
    for signature, media_type in _SIGNATURES:
        if data.startswith(signature):
            return Image(data, media_type)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return Image(data, "image/webp")
    raise InvalidRequest(texts.NOT_AN_IMAGE.format(name=name), hint=texts.IMAGE_KINDS)

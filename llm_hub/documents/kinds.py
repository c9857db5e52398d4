"""The kind of a file: what its name says, as long as its content does not say otherwise."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath
from typing import Literal

from llm_hub.errors import InvalidRequest

Kind = Literal["image", "pdf", "docx", "text"]

PDF_TYPE = "application/pdf"
DOCX_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jfif", ".gif", ".webp"})
MAX_NAME_CHARS = 100
"""Characters of a file's name that are shown and sent."""
ACCEPTED = "Attach PDF, DOCX, text, code, CSV, or an image (PNG, JPEG, GIF or WebP)."

_CONTENTS = (
    (b"%PDF-", "a PDF"),
    (b"\x89PNG\r\n\x1a\n", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"GIF8", "an image"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"PK\x05\x06", "a ZIP archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a file of old Microsoft Office"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\x1f\x8b", "a compressed file"),
)
"""The beginnings of files that tell what they are."""
_REFUSALS = {
    (".heic", ".heif", ".avif", ".tif", ".tiff", ".bmp", ".ico"): (
        "is an image that models do not read.", "Save it as JPEG or PNG, and attach that."),
    (".doc", ".dot", ".odt", ".rtf", ".pages", ".wpd", ".docm", ".epub"): (
        "is a document that LLM Hub cannot read.", "Save it as DOCX or PDF, and attach that."),
    (".xls", ".xlsx", ".xlsm", ".xlsb", ".ods", ".numbers"): (
        "is a spreadsheet, which LLM Hub cannot read.", "Save it as CSV, and attach that."),
    (".ppt", ".pptx", ".odp"): (
        "is a presentation, which LLM Hub cannot read.", "Save it as PDF, and attach that."),
    (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".jar", ".zst"): (
        "is an archive.", "Unpack it, and attach the files that matter."),
    (".mp3", ".wav", ".m4a", ".ogg", ".flac", ".mp4", ".mov", ".avi", ".mkv", ".webm"): (
        "is sound or video, which LLM Hub cannot read.", "Attach its text."),
    (".lnk", ".url", ".webloc"): (
        "is only a link to something else.", "Attach the file itself."),
}  # fmt: skip
"""What is refused by its ending: why, and what helps."""
_BY_SUFFIX = {suffix: words for suffixes, words in _REFUSALS.items() for suffix in suffixes}


def clean_name(name: str) -> str:
    """A file's name as it is shown and sent: without folders, control characters, and marks that turn its letters
    round, which make `exe.txt` of `txt.exe`."""
    name = re.split(r"[/\\\x00]", name)[-1]
    name = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in name)
    name = " ".join(name.replace('"', "'").replace("<", "(").replace(">", ")").split()).strip(". ")
    if len(name) > MAX_NAME_CHARS:
        suffix = PurePosixPath(name).suffix[:20]
        name = name[: MAX_NAME_CHARS - len(suffix) - 1] + "…" + suffix
    return name or "file"


def find_kind(name: str, beginning: bytes) -> Kind:
    """The kind of a file from its clean name and its first bytes. Raises `InvalidRequest` for what nobody can read."""
    suffix = PurePosixPath(name).suffix.lower()
    if words := _BY_SUFFIX.get(suffix):
        raise InvalidRequest(f"{name} {words[0]}", hint=words[1])
    if not beginning:
        raise InvalidRequest(f"{name} is empty.", hint="Attach a file that has something in it.")
    content = next((words for start, words in _CONTENTS if beginning.startswith(start)), "")
    if beginning[:4] == b"RIFF" and beginning[8:12] == b"WEBP":
        content = "an image"
    if beginning[4:8] == b"ftyp":
        content = "an image in HEIC, or a video"
    kind: Kind = "text"
    expected = ""
    if suffix == ".pdf":
        kind, expected = "pdf", "a PDF"
        if b"%PDF-" in beginning[:1024]:  # some programs write a few bytes before it
            content = "a PDF"
    elif suffix == ".docx":
        kind, expected = "docx", "a ZIP archive"
    elif suffix in IMAGE_SUFFIXES:
        kind, expected = "image", "an image"
    if content == expected:
        return kind
    what = {"pdf": "a PDF", "docx": "a Word document", "image": "an image that models read", "text": "text"}[kind]
    problem = f"{name} is not {what}" + (f", but {content}." if content else ".")
    raise InvalidRequest(problem, hint="Give it the ending of what it is." if content else ACCEPTED)

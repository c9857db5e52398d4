"""Reads a file of conversations: JSON, or a ZIP with JSON in it. Whoever made it may mean harm.

It is read piece by piece, one conversation at a time: Python does nothing else while one call parses or counts.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import ValidationError

from llm_hub.conversations.document import FORMAT, MAX_VALUES, read_document
from llm_hub.conversations.imports.chatgpt import is_chatgpt, read_chatgpt
from llm_hub.conversations.imports.claude import is_claude, read_claude
from llm_hub.conversations.imports.merge import as_copy, is_part_of
from llm_hub.conversations.imports.message_tree import grow
from llm_hub.conversations.imports.open_webui import is_open_webui, read_open_webui
from llm_hub.conversations.turn_schema import first_problem
from llm_hub.errors import InvalidRequest
from llm_hub.wire.json_limits import holds_more

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llm_hub.conversations.conversation import Conversation

MAX_FILE_BYTES = 100 * 2**20
MAX_UNPACKED_BYTES = 256 * 2**20
"""Bytes of the JSON in a ZIP."""
MAX_DIRECTORY_BYTES = 4 * 2**20
"""Bytes of a ZIP's own list of its files: some ten thousand."""
MAX_CONVERSATIONS, MAX_TURNS = 10_000, 100_000
"""In one file."""
MAX_PIECE_VALUES = 10 * MAX_VALUES
"""Objects, lists and their entries in another program's conversation: it says more of each message than LLM Hub."""

DOCUMENTS = b'{"documents":['
"""With this a browser's list of its conversations begins."""

_HINT = "A file of LLM Hub (JSON or ZIP), or an export of ChatGPT, Claude or Open WebUI can be imported."
_READERS = ((is_chatgpt, read_chatgpt), (is_claude, read_claude), (is_open_webui, read_open_webui))
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{},"]', re.DOTALL)
_PROTO = re.compile(rb'"__proto__"\s*:')
_THEIRS = re.compile(r"(?:^|/)conversations(?:-\d+)?\.json$")
_STORED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_file(body: bytes, *, owner: str = "") -> list[Conversation]:
    """Every conversation of a file, or none: raises `InvalidRequest`."""
    try:
        return _read(body, owner)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError):  # what zipfile raises for one
        raise _refusal("it is a damaged ZIP, or one with a password") from None
    except (ValueError, ArithmeticError) as error:
        raise _refusal(str(error)) from None


def _read(body: bytes, owner: str) -> list[Conversation]:
    if len(body) > MAX_FILE_BYTES:
        raise ValueError("it is larger than 100 MB")
    conversations: dict[str, Conversation] = {}
    turns = 0
    for number, piece in enumerate(_pieces(body), 1):
        try:
            conversation = _conversation(piece, owner)
        except ValidationError as error:
            raise ValueError(f"in conversation {number}, {first_problem(error)}") from None
        if conversation is None or not conversation.nodes:
            continue
        same = conversations.get(conversation.id)
        if not is_part_of(same, conversation):
            if is_part_of(conversation, same):
                continue
            conversation = as_copy(conversation)  # it went another way
        conversations[conversation.id] = conversation
        turns += len(conversation.nodes)
        if len(conversations) > MAX_CONVERSATIONS or turns > MAX_TURNS:
            raise ValueError(f"it has more than {MAX_CONVERSATIONS} conversations or {MAX_TURNS} turns")
    if not conversations:
        raise ValueError("there is no conversation in it")
    return list(conversations.values())


def _refusal(problem: str) -> InvalidRequest:
    return InvalidRequest(f"This file cannot be imported: {problem}.", hint=_HINT)


def _conversation(piece: bytes, owner: str) -> Conversation | None:
    """Raises `ValueError` and `InvalidRequest`."""
    if _PROTO.search(piece):
        raise ValueError("__proto__ is no name")
    value = _parse(piece)
    if not isinstance(value, dict):
        raise ValueError("it is not an export that LLM Hub knows")  # noqa: TRY004  # the file is wrong
    if value.get("format") == FORMAT:
        if holds_more(piece, MAX_VALUES):
            raise ValueError("one conversation is too long")
        return read_document(value, owner=owner)
    for is_theirs, read in _READERS:
        if is_theirs(value):
            return grow(read(value), owner=owner)
    raise ValueError("it is not an export that LLM Hub knows")


def _parse(piece: bytes) -> Any:
    if holds_more(piece, MAX_PIECE_VALUES):
        raise ValueError("one conversation is too long")
    try:
        return orjson.loads(piece)
    except orjson.JSONDecodeError:
        pass
    try:  # Python reads halves of characters, too, which exports hold that were cut
        return json.loads(piece)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError:
        raise ValueError("it is not JSON, or it ends too early") from None


def _pieces(body: bytes) -> Iterator[bytes]:
    """The JSON of each conversation in a file. Raises `ValueError`, and what `zipfile` raises."""
    if not body.startswith(b"PK\x03\x04"):
        yield from _split(body)
        return
    end = body.rfind(b"PK\x05\x06")
    if end < 0 or int.from_bytes(body[end + 12 : end + 16], "little") > MAX_DIRECTORY_BYTES:
        raise ValueError("it is a damaged ZIP, or has too many files")
    left = MAX_UNPACKED_BYTES
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        files = [file for file in archive.infolist() if file.filename.endswith(".json")]
        for file in [file for file in files if _THEIRS.search(file.filename)] or files:
            if file.compress_type not in _STORED:
                raise ValueError("its ZIP is packed in a way that LLM Hub does not read")
            text = bytearray()
            with archive.open(file) as opened:
                while block := opened.read(2**20):
                    text += block
                    left -= len(block)
                    if left < 0:
                        raise ValueError("it unpacks to more than 256 MB")
            yield from _split(bytes(text))


def _split(raw: bytes) -> Iterator[bytes]:
    """The entries of a list, or the whole if it is none. Raises `ValueError`."""
    raw = raw.removeprefix(b"\xef\xbb\xbf").strip()
    if raw.startswith(DOCUMENTS) and raw.endswith(b"}"):
        raw = raw[len(DOCUMENTS) - 1 : -1]
    if not raw.startswith(b"["):
        yield raw
        return
    depth, start = 0, 1
    for token in _TOKEN.finditer(raw):
        sign = token.group() if token.end() - token.start() == 1 else b""
        if sign in (b"[", b"{"):
            depth += 1
        elif sign in (b"]", b"}"):
            depth -= 1
        if depth > 1 or (depth == 1 and sign != b","):
            continue
        if raw[start : token.start()].strip():
            yield raw[start : token.start()]
        start = token.end()
        if depth < 1:
            break
    if depth or raw[start:].strip():
        raise ValueError("it is not JSON, or it ends too early")

"""Conversations as files: one or all are saved, and a file of them is imported.

Where conversations are kept in browsers, the hub only reads and writes the files: the browser sends what is to be
saved, and keeps what was imported.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import IO, TYPE_CHECKING, Protocol
from urllib.parse import quote

from starlette.background import BackgroundTask
from starlette.concurrency import iterate_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from llm_hub.api.conversations import NOT_HERE, PATH, conversation_name, in_plain_words, problem, reply
from llm_hub.conversations.imports.merge import as_copy

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Mapping

    from starlette.requests import Request

    from llm_hub.conversations.conversation import Conversation
    from llm_hub.conversations.open_conversations import OpenConversations

    Redact = Callable[[str], str]

MAX_FILES_AT_ONCE = 4
"""Files in memory at a time: each has up to 100 MB."""
MAX_UPLOAD_SECONDS = 600.0
"""Seconds in which a file has to arrive."""
MAX_HEADS = 1_000_000
_BLOCK_BYTES = 2**18


class Archive(Protocol):
    """A ZIP that is being written."""

    file: IO[bytes]

    def add(self, conversation: Conversation, redact: Redact) -> None: ...

    def end(self) -> None: ...


class Files(Protocol):
    """What writes files (llm_hub/ui/render/conversation_file.py)."""

    @property
    def TYPES(self) -> Mapping[str, str]: ...  # noqa: N802  # a module's constant

    @property
    def SUFFIXES(self) -> Mapping[str, str]: ...  # noqa: N802

    @property
    def ZipArchive(self) -> Callable[[], Archive]: ...  # noqa: N802

    def write_file(self, conversation: Conversation, kind: str, redact: Redact) -> bytes: ...

    def file_name(self, conversation: Conversation) -> str: ...


def routes(conversations: OpenConversations, files: Files) -> list[Route]:
    """The routes by which files go out and come in."""
    endpoints = _Endpoints(conversations, files)
    return [
        Route(path, in_plain_words(endpoint), methods=[method])
        for path, method, endpoint in (
            (PATH + "/{name}/export", "GET", endpoints.save),
            (PATH + "/export", "POST", endpoints.save_all),
            (PATH + "/import", "POST", endpoints.take_in),
        )
    ]


class _Endpoints:
    def __init__(self, conversations: OpenConversations, files: Files) -> None:
        self._conversations = conversations
        self._files = files
        self._working = asyncio.Lock()
        self._receiving = 0

    async def save(self, request: Request) -> Response:
        files, conversations = self._files, self._conversations
        kind = request.query_params.get("as", "")
        if kind not in files.TYPES:
            return problem(400, f"as is one of {', '.join(files.TYPES)}.")
        conversation = await conversations.find(conversations.owner(request.headers), conversation_name(request))
        if conversation is None:
            return problem(404, NOT_HERE)
        text = await asyncio.to_thread(files.write_file, conversation, kind, conversations.redact)
        name = f"{files.file_name(conversation)}.{files.SUFFIXES[kind]}"
        return Response(text, 200, _headers(name), files.TYPES[kind])

    async def save_all(self, request: Request) -> Response:
        self._check_owner(request)
        async with self._file(request) as sent:
            archive = self._files.ZipArchive()
            try:
                async for conversation in self._all(request, sent):
                    await asyncio.to_thread(archive.add, conversation, self._conversations.redact)
                await asyncio.to_thread(archive.end)
            except BaseException:
                archive.file.close()
                raise
        blocks = iterate_in_threadpool(_blocks(archive.file))
        return StreamingResponse(
            blocks, 200, _headers("LLM Hub conversations.zip"), "application/zip", BackgroundTask(archive.file.close)
        )

    async def take_in(self, request: Request) -> Response:
        conversations = self._conversations
        owner = self._check_owner(request)
        async with self._file(request) as sent:
            imported = await asyncio.to_thread(_read_file, sent, owner)
            if conversations.store is None:
                return await asyncio.to_thread(_documents, imported, conversations)
            heads = await conversations.take_in(conversations.store, imported)
            return reply({"conversations": heads, "known": len(imported) - len(heads)})

    async def _all(self, request: Request, sent: bytes) -> AsyncGenerator[Conversation]:
        """Every conversation of the store, or every one that the browser has sent."""
        conversations = self._conversations
        if conversations.store is None:
            for conversation in await asyncio.to_thread(_read_file, sent, conversations.owner(request.headers)):
                yield conversation
            return
        for head in await conversations.store.heads(limit=MAX_HEADS):
            if (stored := await conversations.store.load(head["id"])) is not None:
                yield stored

    def _check_owner(self, request: Request) -> str:
        """Whose conversations these are. Raises a 403 where the hub keeps its owner's alone, and somebody else asks."""
        owner = self._conversations.owner(request.headers)
        if self._conversations.store is not None and self._conversations.store_of(owner) is None:
            raise HTTPException(403, "This hub keeps the conversations of its owner alone.")
        return owner

    @asynccontextmanager
    async def _file(self, request: Request) -> AsyncGenerator[bytes]:
        """What is sent. A few are received at a time, and one is worked on. Raises a 503 where there are too many."""
        if self._receiving >= MAX_FILES_AT_ONCE:
            raise HTTPException(503, "Other files are being read just now. Try again in a moment.")
        self._receiving += 1
        try:
            try:
                async with asyncio.timeout(MAX_UPLOAD_SECONDS):
                    sent = await request.body()
            except TimeoutError:
                raise HTTPException(408, "The file took too long to arrive.") from None
            async with self._working:
                yield sent
        finally:
            self._receiving -= 1


def _read_file(body: bytes, owner: str) -> list[Conversation]:
    from llm_hub.conversations.imports.file import read_file

    return read_file(body, owner=owner)


def _documents(imported: list[Conversation], conversations: OpenConversations) -> Response:
    """What the browser is to keep. A `copy_id` is for where it has a conversation of that id that went another way."""
    documents = [{**conversations.document(each), "copy_id": as_copy(each).id} for each in imported]
    return reply({"documents": documents})


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    while block := file.read(_BLOCK_BYTES):
        yield block


def _headers(name: str) -> dict[str, str]:
    plain = "".join(letter if letter.isascii() and letter not in '"\\%' else "_" for letter in name)
    return {
        "cache-control": "no-store",
        "content-disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
    }

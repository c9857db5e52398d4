"""The page's conversations: how its script lists, fetches and changes them, and hands over what a browser has kept.

The owner of a hub sees those in its database. A visitor of a public hub sees those of their own browser alone, which
sends a secret in a header: for anybody else's there is the same 404 as for what does not exist. A page of another site
cannot send this header, nor read a reply.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, StrictBool, StringConstraints, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from llm_hub.access.client_address import from_here
from llm_hub.conversations.document import encode, is_id, read_document, write_head
from llm_hub.errors import ConfigurationError, InvalidRequest

if TYPE_CHECKING:
    from llm_hub.conversations.open_conversations import OpenConversations

PATH = "/conversations"
MAX_SEARCH_CHARS = 200
LARGE_BODY_BYTES = 2**16
"""Bytes of a document that is read in a thread, one at a time: meanwhile others are answered."""
NOT_KEPT = "Conversations are kept for a browser on the hub's own computer. Behind a proxy, set LLM_HUB_ALLOWED_HOSTS."
NOT_HERE = "This conversation is not here. It may have been deleted."


class _Change(BaseModel):
    """What the list changes of a conversation."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, StringConstraints(max_length=1000)] | None = None
    pinned: StrictBool | None = None
    deleted: StrictBool | None = None


RunHeads = Callable[[str], Awaitable[list[dict[str, Any]]]]


async def no_runs(_: str) -> list[dict[str, Any]]:
    """The list of a hub without runs."""
    return []


def routes(conversations: OpenConversations, run_heads: RunHeads = no_runs) -> list[Route]:
    """The routes of the page's list of conversations. `run_heads` finds the owner's runs, listed there too."""

    reading = asyncio.Lock()

    async def list_heads(request: Request) -> Response:
        search = request.query_params.get("search", "")[:MAX_SEARCH_CHARS]
        owner = conversations.owner(request.headers)
        heads, problem = await conversations.heads(owner, search)
        keeping = conversations.keeping_of(owner)
        if keeping == "off" and conversations.keeping != "off":
            problem = NOT_KEPT
        if owner == "" and from_here(request.client.host if request.client else "", request.headers):
            heads = heads + await run_heads(search)
            heads.sort(key=lambda head: (head["pinned"], head["changed_at"]), reverse=True)
        return reply({"keeping": keeping, "conversations": heads, "problem": problem})

    async def fetch(request: Request) -> Response:
        after = request.query_params.get("after", "0")
        if not (after.isascii() and after.isdigit() and len(after) <= 16):
            return problem(400, "after is a conversation's version, a whole number.")
        conversation = await conversations.find(conversations.owner(request.headers), conversation_name(request))
        if conversation is None:
            return problem(404, NOT_HERE)
        return reply(conversations.document(conversation, int(after)))

    async def adopt(request: Request) -> Response:
        if conversations.store is not None:
            return problem(409, "This hub keeps conversations itself. Import a file instead.")
        body = await request.body()
        owner = conversations.owner(request.headers)
        if len(body) < LARGE_BODY_BYTES:
            conversation = read_document(body, owner=owner)
        else:
            async with reading:
                conversation = await asyncio.to_thread(read_document, body, owner=owner)
        if conversation.id != conversation_name(request):
            return problem(400, "This conversation has another id than its address.")
        return reply(write_head(conversations.adopt(conversation)))

    async def change(request: Request) -> Response:
        try:
            wanted = _Change.model_validate_json(await request.body())
        except ValidationError:
            return problem(400, "A change has a title (text), pinned or deleted (true or false), and nothing else.")
        owner, name = conversations.owner(request.headers), conversation_name(request)
        head = await conversations.change(owner, name, **wanted.model_dump())
        return problem(404, NOT_HERE) if head is None else reply(head)

    return [
        Route(path, in_plain_words(endpoint), methods=[method])
        for path, method, endpoint in (
            (PATH, "GET", list_heads),
            (PATH + "/{name}", "GET", fetch),
            (PATH + "/{name}", "PUT", adopt),
            (PATH + "/{name}", "PATCH", change),
        )
    ]


Endpoint = Callable[[Request], Awaitable[Response]]


def in_plain_words(endpoint: Endpoint) -> Endpoint:
    """The endpoint, with a reply for what it raises."""

    async def answer(request: Request) -> Response:
        try:
            if not is_id(request.path_params.get("name", "x" * 16)):
                return problem(404, NOT_HERE)
            return await endpoint(request)
        except HTTPException as refusal:  # the front door's: the body is too large
            return problem(refusal.status_code, str(refusal.detail))
        except InvalidRequest as error:
            return problem(400, str(error))
        except ConfigurationError as error:
            return problem(503, str(error))

    return answer


def conversation_name(request: Request) -> str:
    name: str = request.path_params["name"]
    return name


def problem(status: int, text: str) -> Response:
    return reply({"problem": text}, status)


def reply(value: Any, status: int = 200) -> Response:
    return Response(encode(value), status, {"cache-control": "no-store"}, "application/json")

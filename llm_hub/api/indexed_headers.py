"""A request whose headers are found by their names at once, and whose body is read without a generator.

Starlette looks through all headers for each one, and raises an exception for each that is not there. An endpoint asks
for nine, of which most requests have two.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Scope


class IndexedHeaders(Headers):
    """The headers of a request. Of those with one name the first counts, as with Starlette's."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope=scope)
        self._first = {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(self._list)}

    def get(self, key: str, default: Any = None) -> Any:
        """The header of that name, in whatever letters it is written."""
        return self._first.get(key.lower(), default)

    def __contains__(self, key: Any) -> bool:
        return key.lower() in self._first

    def __iter__(self) -> Iterator[str]:
        return iter(self._first)


class IndexedRequest(Request):
    """A request with `IndexedHeaders`. Its body is read once."""

    @cached_property
    def headers(self) -> Headers:
        """Its headers."""
        return IndexedHeaders(self.scope)

    async def body(self) -> bytes:
        """Its body. Raises `ClientDisconnect`."""
        pieces = []
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            pieces.append(message.get("body", b""))
            if not message.get("more_body", False):
                return b"".join(pieces)

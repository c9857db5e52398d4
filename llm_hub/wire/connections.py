"""aiohttp's pool of connections, but for those that nobody may trust any more. Importing it imports aiohttp."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import TCPConnector

if TYPE_CHECKING:
    from aiohttp.client_reqrep import ConnectionKey
    from aiohttp.connector import Connection
    from aiohttp.tracing import Trace


class ConnectionPool(TCPConnector):
    """Closes an idle connection on which a server has sent what nobody asked for.

    Several say 408 before they close one. aiohttp would take it for the reply to the next request, and a whole answer
    for that request's answer.
    """

    async def _get(self, key: ConnectionKey, traces: list[Trace]) -> Connection | None:
        while (connection := await super()._get(key, traces)) is not None:
            protocol = connection.protocol
            if protocol is not None and not protocol.should_close:
                return connection
            connection.close()
        return None

"""Accepts connections, and no more than there are open files for. The others wait in the system until there are."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from llm_hub.serving.http_protocol import BoundedHttpProtocol

log = logging.getLogger(__name__)

PAUSE = 1.0
"""Seconds without a new connection after the system has allowed none, as asyncio's own servers pause."""


async def accept_forever(
    listener: socket.socket, make_protocol: Callable[[Callable[[], None]], BoundedHttpProtocol], max_connections: int
) -> None:
    """Accepts until it is cancelled. asyncio and uvloop would accept a whole crowd in one go, whether or not anything
    is left to answer it with; uvloop then drops connections without a word.

    `make_protocol` takes what is to be called when its connection is over.
    """
    loop = asyncio.get_running_loop()
    room = asyncio.Semaphore(max_connections)
    listener.setblocking(False)
    while True:
        await room.acquire()
        try:
            connection, _ = await loop.sock_accept(listener)
            await loop.connect_accepted_socket(partial(make_protocol, room.release), connection)
        except ConnectionError:  # it was closed while it waited
            room.release()
        except OSError as error:
            room.release()
            log.error("No connection can be accepted: %s", error.strerror or error)  # noqa: TRY400  # the line says all
            await asyncio.sleep(PAUSE)

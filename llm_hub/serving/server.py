"""Starts LLM Hub on one port, and ends it at a signal. The port is bound before the page is imported."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING

import uvicorn

from llm_hub import logs
from llm_hub.errors import ConfigurationError
from llm_hub.serving.accepting import accept_forever
from llm_hub.serving.address import browser_host
from llm_hub.serving.descriptors import max_connections, raise_limit
from llm_hub.serving.http_protocol import BoundedHttpProtocol
from llm_hub.serving.memory import bound_heaps, collect_seldom
from llm_hub.serving.shutdown import SHUTDOWN_GRACE
from llm_hub.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from llm_hub.redaction import Redactor
    from llm_hub.serving.application import Application

log = logging.getLogger("llm_hub")

ENVIRONMENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",  # it would keep what visitors type in their browser's storage
    "GRADIO_MCP_SERVER": "False",
    "GRADIO_ANALYTICS_MAX_EVENTS": "500",
}
"""What Gradio reads when it is imported. Nothing is reported to its makers."""

QUIET_LOGGERS = (
    "httpx",
    "httpx2",
    "httpcore",
    "openai",
    "anthropic",
    "gradio",
    "uvicorn",
    "asyncio",
    "huggingface_hub",
)


BACKLOG = 2048
"""Connections that wait in the system until they are accepted."""


class Server(uvicorn.Server):
    """Goes on listening while the application drains. A second signal ends the draining, a third one the process.

    `page` is the address that a browser is opened at as soon as the server answers; "": none is.
    """

    def __init__(self, config: uvicorn.Config, application: Application, page: str = "") -> None:
        super().__init__(config)
        self._application = application
        self._page = page
        self._hurry = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._accepting: list[asyncio.Task[None]] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        # The loop would note each generator of events, to close it at the end: whoever opens one closes it.
        sys.set_asyncgen_hooks(firstiter=None)
        await super().startup([])  # listens to none: what uvicorn accepts has no bound
        self._accepting = [
            asyncio.create_task(accept_forever(listener, self._protocol, max_connections()))
            for listener in sockets or ()
        ]
        if self._page:
            import webbrowser  # which most starts do not need

            # In a thread, since a browser in the terminal only returns when it is left
            threading.Thread(target=webbrowser.open, args=(self._page,), daemon=True, name="browser").start()

    def _protocol(self, on_closed: Callable[[], None]) -> BoundedHttpProtocol:
        protocol = BoundedHttpProtocol(self.config, self.server_state, self.lifespan.state)
        protocol.on_closed = on_closed
        return protocol

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.should_exit:
            super().handle_exit(sig, frame)
        elif self._loop is not None and not self._hurry.is_set():
            self._loop.call_soon_threadsafe(self._hurry.set)
        else:
            self.force_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._application.drain(self._hurry)
        for accepting in self._accepting:
            accepting.cancel()
        await asyncio.gather(*self._accepting, return_exceptions=True)
        await super().shutdown(sockets)


def run(settings: Settings, *, open_page: bool = False) -> None:
    """Serves until a signal ends it. Raises `ConfigurationError` for what cannot be used."""
    redactor = _prepare(settings)
    raise_limit()
    bound_heaps()
    collect_seldom()
    from llm_hub.serving.application import Application  # only now: in its import, looking for garbage is a tenth

    application = Application(settings, redactor)
    with bind(settings.host, settings.port) as listener:
        address = f"http://{browser_host(settings.host)}:{settings.port}"
        application.announce(address)
        config = uvicorn.Config(
            application.asgi,
            http=BoundedHttpProtocol,
            ws="none",  # the page opens no WebSocket
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=SHUTDOWN_GRACE,
            server_header=False,
        )
        Server(config, application, page=address if open_page else "").run(sockets=[listener])


def main(*, open_page: bool = False) -> None:
    """What `python app.py` and `llm-hub` do without a command. Ends with code 2 for settings that cannot be used."""
    for signum in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signum, lambda *_: sys.exit(0))
    try:
        run(Settings.load(), open_page=open_page)
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


def _prepare(settings: Settings) -> Redactor:
    """Sets Gradio's environment, and the log, from which the returned redactor keeps the keys out."""
    os.environ.pop("GRADIO_SSR_MODE", None)  # a Space sets it, and then a Node server would take the port
    os.environ.update(ENVIRONMENT)
    redactor = logs.install(settings.log_format, settings.secrets())
    log.setLevel(logging.INFO)
    for name in QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # else every malformed request is a line of the log
    return redactor


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises `ConfigurationError` for an address or a port that cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except socket.gaierror:
        raise ConfigurationError(
            f"LLM_HUB_HOST: there is no address {host}.", hint="Use 127.0.0.1 or 0.0.0.0."
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"LLM Hub cannot listen on {host}:{port}: {error.strerror or error}.",
            hint="Set LLM_HUB_PORT to another port, or end what uses this one.",
        ) from None

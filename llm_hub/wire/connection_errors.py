"""Turns what an HTTP client raises into our errors: a connection that fails, breaks, or falls silent."""

from __future__ import annotations

import errno
import logging
import os
import socket
import ssl
from collections.abc import Iterator
from copy import copy
from typing import Any

from llm_hub.errors import ConnectionFailed, OutOfDescriptors, ProviderError, StreamBroken, TimedOut

log = logging.getLogger(__name__)

_HAS_EXPIRED = 10
"""OpenSSL's code for a certificate that has expired."""
_OTHER_NAME = {62, 64}
"""OpenSSL's codes for one of another host name, and of another address."""


def error_from_exception(
    error: BaseException, *, provider: str, title: str, model: str, streaming: bool
) -> ProviderError:
    """The error that an HTTP client's exception stands for. `streaming`: the reply had begun.

    httpx and httpx2 name their exceptions alike. The SDKs wrap them: the causes are read as well.
    """
    causes = list(_chain(error))
    if own_error := next((cause for cause in causes if isinstance(cause, ProviderError)), None):
        own_error = copy(own_error)  # our transport's; raised from its own wrapper it would be its own cause
        own_error.provider, own_error.model = provider, model
        return own_error
    names = {cls.__name__ for cause in causes for cls in type(cause).__mro__}
    details: dict[str, Any] = {"provider": provider, "model": model}
    if _is_out_of_descriptors(causes):
        log.error("No file descriptor is left to connect to %s: raise the limit (ulimit -n).", title)
        return OutOfDescriptors(f"The hub has no connection left to ask {title} with.", **details)
    if "ReadTimeout" in names or "WriteTimeout" in names or type(error) is TimeoutError:  # the last: asyncio.timeout's
        return TimedOut(f"{title} fell silent.", hint="Try again, or choose another provider.", **details)
    if streaming:
        problem = f"The connection to {title} broke in the middle of its answer."
        return StreamBroken(problem, hint="Try again.", **details)
    if "ProxyError" in names:
        problem, hint = _proxy_problem(causes), "Check HTTPS_PROXY, HTTP_PROXY and NO_PROXY, and that the proxy runs."
    elif any(isinstance(cause, ssl.SSLError) for cause in causes):
        problem, hint = _tls_problem(causes)
    elif any(isinstance(cause, socket.gaierror) for cause in causes):
        problem, hint = "its host name was not found", "Check the base URL and the network."
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        problem, hint = "nothing answers at its address", "Check that it runs, and its base URL."
    elif "NotPublic" in names:
        problem, hint = "its address is not public", "Use a server on the public internet."
    elif {"ConnectionTimeoutError", "PoolTimeout"} & names:  # aiohttp's; its adapter calls any lost one ConnectTimeout
        problem, hint = "it took too long to connect", "Check the base URL and the network."
    else:
        problem, hint = "the connection was closed", "Try again."
    failed = ConnectionFailed(f"{title} cannot be reached: {problem}.", hint=hint, **details)
    if hint == "Try again.":
        failed.scope = "model"  # it was reached, and closed the connection on this request
    return failed


def _tls_problem(causes: list[BaseException]) -> tuple[str, str]:
    """What is wrong with a server's TLS, in words, and what helps."""
    codes = {getattr(cause, "verify_code", None) for cause in causes}
    if _HAS_EXPIRED in codes:
        return "its TLS certificate has expired", "It has to be renewed. Check the clock of this computer, too."
    if codes & _OTHER_NAME:
        return "its TLS certificate is for another host name", "Check the base URL."
    return "its TLS certificate could not be verified", "Check the base URL. SSL_CERT_FILE may add a CA."


def _proxy_problem(causes: list[BaseException]) -> str:
    """What the proxy did, in words."""
    status = next((status for cause in causes if isinstance(status := getattr(cause, "status", None), int)), None)
    if status is None:
        return "the proxy does not answer"
    return (
        "the proxy asks for a user name and a password (407)" if status == 407 else f"the proxy refused it ({status})"
    )


def safe_cause(error: BaseException) -> BaseException | None:
    """The exception as the cause of our error, or None: for our error itself, and for an SDK's that holds the reply.

    A traceback prints every cause, and a reply may quote the key.
    """
    return None if isinstance(error, ProviderError) or hasattr(error, "response") else error


def _is_out_of_descriptors(causes: list[BaseException]) -> bool:
    """Whether this process may open no further connection.

    The resolver hides that: it finds no name, or says "busy", by what the system looks names up with. Then a descriptor
    is opened to find out.
    """
    system = [cause for cause in causes if isinstance(cause, OSError) and not isinstance(cause, ConnectionError)]
    if any(cause.errno in (errno.EMFILE, errno.ENFILE) for cause in system):
        return True
    if system:
        try:
            os.close(os.dup(0))
        except OSError as error:
            return error.errno in (errno.EMFILE, errno.ENFILE)
    return False


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An exception, then its causes."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__

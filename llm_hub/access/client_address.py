"""Where a request comes from: this computer, or which address on the internet."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Scope


_PROXY_HEADERS = frozenset({"forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"})

MAX_HOST_CHARS = 300
"""Characters of a host that is read. None of this computer's has as many, and some hosts are remembered."""
MAX_FORWARDED_CHARS = 400
"""Characters of X-Forwarded-For that are read, from its end."""


def from_here(client: str, headers: Mapping[str, str]) -> bool:
    """Whether this computer's own user asks. `client` is the address that connected.

    Not so: who comes through a proxy on this computer, from another site's page in its browser, or under a name that
    was only pointed at this computer (DNS rebinding).
    """
    address = headers.get("host", "")
    is_here = _is_loopback(client) and len(address) <= MAX_HOST_CHARS and _names_this_computer(address)
    if not is_here or not _PROXY_HEADERS.isdisjoint(headers) or headers.get("sec-fetch-site") == "cross-site":
        return False
    origin = headers.get("origin")
    return origin is None or _parts(origin).netloc == address


@lru_cache(64)
def _names_this_computer(host: str) -> bool:
    """Whether a host, with or without a port, is this computer."""
    name = _parts(f"//{host}").hostname or ""
    return _is_loopback(name) or name == "localhost"


@lru_cache(64)
def _is_loopback(host: str) -> bool:
    """Whether an address is this computer's own. Each request asks for the same few, and parsing one takes long."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parts(url: str) -> SplitResult:
    """The parts of a URL; of what is no URL, empty ones."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def address(scope: Scope, *, on_space: bool) -> str | None:
    """The client's address, as limits count it: an IPv4 address, or the IPv6 network (/64) that one customer is given.

    None is this computer itself, which has no limits. On a Space the platform's proxy appends the visitor's address to
    X-Forwarded-For: what stands before it can be written by anybody.
    """
    peer = (scope.get("client") or ("", 0))[0]
    if peer == "127.0.0.1" and not on_space:
        return None  # most requests by far, and parsing an address takes longer than all the rest
    forwarded = _forwarded_addresses(scope) if on_space else ()
    for candidate in (*reversed(forwarded), peer):
        try:
            ip = ipaddress.ip_address(candidate.strip())
        except ValueError:
            continue
        if candidate is not peer and not ip.is_global:
            continue  # the platform's own proxies
        if ip.is_loopback and not on_space:
            return None
        if ip.version == 4:
            return str(ip)
        if ip.ipv4_mapped:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return "unknown"


def _forwarded_addresses(scope: Scope) -> tuple[str, ...]:
    lines = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return tuple(lines[-1][-MAX_FORWARDED_CHARS:].decode("latin-1").split(",")) if lines else ()

"""Where a request comes from: this computer, or which address on the internet."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Scope


_PROXIED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


def from_here(client: str, headers: Mapping[str, str]) -> bool:
    """Neither through a proxy on it, nor from another site's page in a browser on it, nor under a name that only
    pretends to be this computer's (DNS rebinding). `client` is the address that connected."""
    host = _parts(f"//{headers.get('host', '')}").hostname or ""
    if not (_here(client) and (_here(host) or host == "localhost")) or any(name in headers for name in _PROXIED):
        return False
    origin = headers.get("origin")
    return origin is None or _parts(origin).netloc == headers.get("host")


def _here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parts(url: str) -> SplitResult:
    """A URL's parts; of one that is none, nothing."""
    try:
        return urlsplit(url)
    except ValueError:
        return urlsplit("")


def address(scope: Scope, *, on_space: bool) -> str | None:
    """Who asks, as limits know them: an IPv4 address, or an IPv6 network of the size that one customer is given.

    None is this computer itself, whose limits are its own affair. On a Space the platform's proxy adds the visitor's
    address to X-Forwarded-For, at its end: what stands before it anybody may have written.
    """
    peer = (scope.get("client") or ("", 0))[0]
    if peer == "127.0.0.1" and not on_space:
        return None  # most requests by far, and parsing an address takes longer than all the rest
    told = _forwarded_addresses(scope) if on_space else ()
    for said in (*reversed(told), peer):
        try:
            found = ipaddress.ip_address(said.strip())
        except ValueError:
            continue
        if said is not peer and not found.is_global:
            continue  # the platform's own proxies
        if found.is_loopback and not on_space:
            return None
        if found.version == 4:
            return str(found)
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return "unknown"


def _forwarded_addresses(scope: Scope) -> tuple[str, ...]:
    lines = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return tuple(lines[-1][-400:].decode("latin-1").split(",")) if lines else ()

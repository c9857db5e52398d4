"""Whether a request comes from a program or a browser on this computer."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

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

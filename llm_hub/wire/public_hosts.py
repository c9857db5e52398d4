"""Which servers a visitor may make the hub speak to: public ones, however their address is written, and also at the
moment of connecting, since a name may stand for another address by then.

What the owner has set is trusted, and goes nowhere near this module.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Any
from urllib.parse import urlsplit

from llm_hub.errors import ConfigurationError

_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
_INSIDE = ("alt", "arpa", "corp", "example", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain",
    "localhost", "onion", "private", "test")  # fmt: skip
"""Last parts of names that no public server has. `internal` also covers the clouds' metadata.*.internal."""
_NOT_OURS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "168.63.129.16/32",  # Azure's metadata
        "192.88.99.0/24",  # once the relay from IPv6
        "2001::/23",  # Teredo and other special purposes
        "2001:db8::/32",
        "2002::/16",  # 6to4: an IPv4 address in disguise
        "3fff::/20",
    )
)
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")


class NotPublic(OSError):
    """A name stood for an address that is not public when the hub was about to connect."""


def is_public(address: str) -> bool:
    """Whether this IP address, in its one canonical spelling, is of the public internet."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    if found.version == 6 and (found.scope_id or found not in _GLOBAL_UNICAST):
        return False  # also IPv4-mapped and -compatible ones, NAT64, link-local, unique local, multicast
    special = found.is_multicast or found.is_reserved or any(found in network for network in _NOT_OURS)
    return found.is_global and not special


def public_url(url: str, setting: str) -> str:
    """A base URL for a visitor's use, without its last slash. Raises `ConfigurationError`, which names the setting.

    A name is only looked at here: what it stands for is checked when it is connected to.
    """
    url = url.strip().rstrip("/")
    if not url.isascii() or not url.isprintable() or re.search(r"[\s\\@?#%]", url):
        raise _refused(setting, "contains characters that no base URL has")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _refused(setting, "is not a web address") from None
    if parts.scheme != "https":
        raise _refused(setting, "does not begin with https://, and a key would travel in the open")
    if port is not None and port not in (443, 8080) and port < 1024:
        raise _refused(setting, f"names port {port}, where no such server listens")
    literal = parts.netloc.startswith("[") or re.fullmatch(r"[0-9.]+|.*\.(?:0x)?[0-9a-f]*|0x[0-9a-f]*", host)
    named = _NAME.fullmatch(host) and host.rpartition(".")[2] not in _INSIDE
    if not named and not (literal and is_public(host)):
        raise _refused(setting, "does not name a server on the public internet")
    return url


def _refused(setting: str, problem: str) -> ConfigurationError:
    return ConfigurationError(f"{setting} {problem}.", hint="It looks like https://api.example.com/v1.")


class PublicResolver:
    """Resolves names, and refuses one of whose addresses any is not public. `inner` is one of aiohttp's resolvers."""

    def __init__(self, inner: Any = None) -> None:
        self._inner = inner

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[Any]:
        if self._inner is None:
            from aiohttp import ThreadedResolver

            self._inner = ThreadedResolver()
        found: list[Any] = await self._inner.resolve(host, port, family)
        if not found or not all(is_public(one["host"]) for one in found):
            raise NotPublic(f"{host} has an address that is not public")
        return found

    async def close(self) -> None:
        if self._inner is not None:
            await self._inner.close()


def public_socket(info: Any) -> socket.socket:
    """A socket for an address that is about to be connected to. The last look: nothing comes between."""
    family, kind, protocol, _, place = info
    if not is_public(place[0]):
        raise NotPublic("the address is not public")
    return socket.socket(family, kind, protocol)


def public_connector(*, resolver: Any = None, **options: Any) -> Any:
    """aiohttp's connector to public addresses alone."""
    import aiohttp

    checked: Any = PublicResolver(resolver)
    return aiohttp.TCPConnector(resolver=checked, socket_factory=public_socket, **options)

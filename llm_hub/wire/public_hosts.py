"""Which servers a visitor may make the hub connect to: those of the public internet.

A base URL is checked when it is typed, however its address is written, and again at the moment of connecting, since a
name may stand for another address by then. What the owner has set is trusted, and does not pass through this module.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Any
from urllib.parse import urlsplit

from llm_hub.errors import ConfigurationError
from llm_hub.wire.validation import base_of

_HOST_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
_PRIVATE_SUFFIXES = ("alt", "arpa", "corp", "example", "home", "internal", "intranet", "invalid", "lan", "local",
    "localdomain", "localhost", "onion", "private", "test")  # fmt: skip
"""Last parts of names that no public server has. `internal` also covers the clouds' metadata.*.internal."""
_SPECIAL_NETWORKS = tuple(
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
    """Whether this IP address, in its one canonical spelling, belongs to the public internet."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if ip.version == 6 and (ip.scope_id or ip not in _GLOBAL_UNICAST):
        return False  # also IPv4-mapped and -compatible ones, NAT64, link-local, unique local, multicast
    special = ip.is_multicast or ip.is_reserved or any(ip in network for network in _SPECIAL_NETWORKS)
    return ip.is_global and not special


def is_private(url: str) -> bool:
    """Whether a URL's host stands on this computer or its own network, as far as its address or name tells."""
    host = (urlsplit(url).hostname or "").removesuffix(".")  # a last dot only says that the name is whole
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.rpartition(".")[2] in _PRIVATE_SUFFIXES
    return not is_public(host)


def public_url(url: str, setting: str) -> str:
    """A base URL that a visitor typed, without its last slash. Raises `ConfigurationError`, which names the setting.

    A host name is only read here: the addresses that it stands for are checked at the moment of connecting.
    """
    url = base_of(url)
    if not url.isascii() or not url.isprintable() or re.search(r"[\s\\@?#%]", url):
        raise _refusal(setting, "contains characters that no base URL has")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _refusal(setting, "is not a web address") from None
    if parts.scheme != "https":
        raise _refusal(setting, "does not begin with https://, and a key would travel in the open")
    if port is not None and port not in (443, 8080) and port < 1024:
        raise _refusal(setting, f"names port {port}, where no such server listens")
    is_literal = parts.netloc.startswith("[") or re.fullmatch(r"[0-9.]+|.*\.(?:0x)?[0-9a-f]*|0x[0-9a-f]*", host)
    is_name = _HOST_NAME.fullmatch(host) and host.rpartition(".")[2] not in _PRIVATE_SUFFIXES
    if not is_name and not (is_literal and is_public(host)):
        raise _refusal(setting, "does not name a server on the public internet")
    return url


def _refusal(setting: str, problem: str) -> ConfigurationError:
    return ConfigurationError(f"{setting} {problem}.", hint="It looks like https://api.example.com/v1.")


class PublicResolver:
    """Resolves host names. Raises `NotPublic` for a name with any address that is not public.

    `inner` is one of aiohttp's resolvers; None is its resolver in threads.
    """

    def __init__(self, inner: Any = None) -> None:
        self._inner = inner

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[Any]:
        if self._inner is None:
            from aiohttp import ThreadedResolver

            self._inner = ThreadedResolver()
        addresses: list[Any] = await self._inner.resolve(host, port, family)
        if not addresses or not all(is_public(address["host"]) for address in addresses):
            raise NotPublic(f"{host} has an address that is not public")
        return addresses

    async def close(self) -> None:
        if self._inner is not None:
            await self._inner.close()


def public_socket(info: Any) -> socket.socket:
    """A socket for the address that is connected to next. This is the last check: nothing comes between."""
    family, kind, protocol, _, address = info
    if not is_public(address[0]):
        raise NotPublic("the address is not public")
    return socket.socket(family, kind, protocol)


def public_connector(*, resolver: Any = None, **options: Any) -> Any:
    """An aiohttp connector that connects to public addresses only."""
    from llm_hub.wire.connections import ConnectionPool

    checked: Any = PublicResolver(resolver)
    return ConnectionPool(resolver=checked, socket_factory=public_socket, **options)

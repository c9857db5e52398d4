"""How an adapter reaches its server: directly or through a proxy, and whose certificates it trusts.

Nothing here reads the environment: the owner's settings say it (see `read`), and only they do.
Most have neither proxies nor certificates: what those need is imported when it is used, since every start reads this.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from llm_hub.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE")
"""The usual names of the settings. The first four may also be written in small letters."""


@dataclass(frozen=True, slots=True)
class Network:
    """The proxies and certificates of one owner. Raises `ConfigurationError` for what cannot be used.

    `http_proxy` and `https_proxy` are URLs for servers at http:// and https:// addresses; "" for none. `no_proxy` lists
    who is asked directly, separated by commas: names, with all that end with them, names with ports, addresses,
    networks such as 10.0.0.0/8, or * for everybody. This computer itself always is. `ca_file` is a file of
    certificates (PEM) that are trusted beside the usual ones.
    """

    http_proxy: str = field(default="", repr=False)
    https_proxy: str = field(default="", repr=False)
    no_proxy: str = ""
    ca_file: str = ""

    @classmethod
    def read(cls, value: Callable[..., str]) -> Network:
        """What the settings say; `value` gives the first of several that is set."""
        http, https, for_all, direct, ca_file = SETTINGS
        return cls(
            http_proxy=value(http, http.lower(), for_all, for_all.lower()),
            https_proxy=value(https, https.lower(), for_all, for_all.lower()),
            no_proxy=value(direct, direct.lower()),
            ca_file=value(ca_file),
        )

    def __post_init__(self) -> None:
        for name, url in (("HTTP_PROXY", self.http_proxy), ("HTTPS_PROXY", self.https_proxy)):
            _check_proxy(name, url)
        if self.ca_file:
            _check_certificates(self.ca_file)

    def proxy_for(self, url: str) -> str:
        """The proxy for a server's URL, with user name and password where it has them; "" for none."""
        parts = urlsplit(url)
        proxy = self.https_proxy if parts.scheme == "https" else self.http_proxy
        return "" if not proxy or self._goes_directly(parts.hostname or "", parts.netloc.rpartition("@")[2]) else proxy

    def _goes_directly(self, host: str, host_and_port: str) -> bool:
        from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed does not have it

        if host == "localhost" or proxy_bypass_environment(host_and_port, {"no": self.no_proxy}):
            return True
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return False
        return address.is_loopback or any(
            address in network for network in map(_network, self.no_proxy.split(",")) if network is not None
        )


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None


def _check_proxy(setting: str, url: str) -> None:
    """Raises `ConfigurationError` for a URL that is no proxy's. It is not shown: it may hold a password."""
    try:
        parts = urlsplit(url)
        valid = not url or (parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0)
    except ValueError:
        valid = False
    if not valid:
        raise ConfigurationError(f"{setting} is no address of an HTTP proxy.", hint="It looks like http://host:3128.")


def _check_certificates(path: str) -> None:
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        problem = "holds no certificates in PEM"
    except OSError as error:
        problem = f"cannot be read: {error.strerror or type(error).__name__}"
    else:
        return
    raise ConfigurationError(f"SSL_CERT_FILE: {Path(path).name} {problem}.", hint="Name a file of certificates in PEM.")


DIRECT = Network()
"""No proxy, and the usual certificates alone."""

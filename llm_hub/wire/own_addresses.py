"""Which web addresses lead to this hub itself: nobody may be asked there."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from llm_hub.errors import ConfigurationError

_USUAL_PORTS = {"http": 80, "https": 443}


class OwnAddress(ConfigurationError):
    """A provider's base URL is this hub's own: it would ask itself."""

    def __init__(self, setting: str, url: str) -> None:
        agent = {"OPENAI_BASE_URL": "codex", "ANTHROPIC_BASE_URL": "claude"}.get(setting)
        hint = "Set it to another server's."
        if agent:
            hint = f"Unset it for the hub, and set it for your agent alone: `env {setting}={url} {agent}`."
        super().__init__(f"{setting} is the address of this hub, which would ask itself.", hint=hint)


@dataclass(frozen=True, slots=True)
class OwnAddresses:
    """The addresses of a hub that listens on `host` and `port`. `public_names` are those that a proxy in front of it
    goes by, on the usual ports."""

    host: str
    port: int
    public_names: frozenset[str] = frozenset()

    def includes(self, url: str) -> bool:
        """Whether a base URL that has been checked leads to this hub, as far as can be told without asking anybody."""
        parts = urlsplit(url)
        name = (parts.hostname or "").rstrip(".")
        usual = _USUAL_PORTS.get(parts.scheme)
        port = parts.port or usual
        if port == self.port and self._is_listened_on(name):
            return True
        is_hub_path = parts.path.rstrip("/") in ("", "/v1")  # other paths of a public name may be another server's
        return name in self.public_names and port in (self.port, usual) and is_hub_path

    def _is_listened_on(self, name: str) -> bool:
        """Whether what connects to that host on this computer gets to the address that the hub listens on."""
        if name == self.host:
            return True
        own, other = _address(self.host), _address(name)
        everywhere = own is not None and own.is_unspecified
        if other is None:
            machine = socket.gethostname().lower()
            return everywhere and name in (machine, f"{machine}.local")
        if other.is_loopback or other.is_unspecified:
            return everywhere or (own is not None and own.is_loopback)
        return everywhere and _is_of_this_computer(other)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    if host == "localhost" or host.endswith(".localhost"):
        return ipaddress.IPv4Address("127.0.0.1")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_of_this_computer(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address is one of this computer's: only those can be bound."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True

"""How the text of a setting with several values is read. What cannot be read is a `ValueError` without the value."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from pydantic import ValidationError

NO_KEYS = ("page", "visitor", "local", "checks")
"""Who asks without a key, as the ledger names them: a key's name is none of these."""
MIN_API_KEY_CHARS = 16
"""Characters of a key of the hub's own API: shorter ones can be guessed."""
_RATE = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,9})?")


def names(value: Any) -> Any:
    """Names that commas separate."""
    return tuple(name for part in value.split(",") if (name := part.strip())) if isinstance(value, str) else value


def named_keys(value: Any) -> Any:
    """Keys by name: name=key, separated by commas."""
    if not isinstance(value, str):
        return value
    keys = {}
    for number, entry in enumerate(filter(None, (part.strip() for part in value.split(","))), 1):
        name, equals, key = (part.strip() for part in entry.partition("="))
        name, key = (name, key) if equals and key else (f"key-{number}", entry)
        if name in NO_KEYS or name in keys:
            raise ValueError(f"the name {name} is taken")
        if len(key) < MIN_API_KEY_CHARS or not key.isascii() or not key.isprintable():
            raise ValueError(f"entry {number} is no key: a key has at least {MIN_API_KEY_CHARS} printable characters")
        keys[name] = key
    return keys


def named_prices(value: Any) -> Any:
    """Rates by target: provider/model=2/10, separated by commas."""
    if not isinstance(value, str):
        return value
    prices = {}
    for entry in filter(None, (part.strip() for part in value.split(","))):
        name, equals, said = (part.strip() for part in entry.rpartition("="))
        rates = [one.strip() for one in said.split("/")]
        if not (name and equals) or len(rates) not in (2, 4) or not all(_RATE.fullmatch(one) for one in rates):
            raise ValueError("write it as provider/model=2/10 or 2/10/0.2/2.5, US dollars for a million tokens")
        prices[name] = tuple(map(Decimal, rates))
    return prices


def named_urls(value: Any) -> Any:
    """Addresses by name: name=URL, separated by commas."""
    if not isinstance(value, str):
        return value
    servers: dict[str, tuple[str, ...]] = {}
    for entry in filter(None, (part.strip() for part in value.split(","))):
        name, equals, url = (part.strip() for part in entry.partition("="))
        if not (name and equals and url) or not name.replace("-", "").replace("_", "").isalnum():
            raise ValueError("write it as name=http://host:port/v1, several separated by commas")
        servers[name.lower()] = (*servers.get(name.lower(), ()), url)
    return servers


def web_address(value: Any) -> Any:
    """The URL of a server, or ""."""
    if isinstance(value, str) and value:
        parts = urlsplit(value.strip())
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError("it is no web address: it begins with https://")
        return value.strip()
    return value


def path_of(url: str) -> str:
    """What follows the host in a URL, where it is long enough to be a secret; else ""."""
    parts = urlsplit(url)
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return path if len(path) >= MIN_API_KEY_CHARS else ""


def password(url: str) -> str:
    """The password in a URL, as it was meant; "" for none."""
    try:
        return unquote(urlsplit(url).password or "")
    except ValueError:
        return ""


def describe(error: ValidationError, prefix: str) -> str:
    """What is wrong with which settings, whose names begin with `prefix`, without showing a value."""
    problems = []
    for item in error.errors(include_url=False, include_input=False, include_context=False):
        name = prefix + str(item["loc"][0]).upper() if item["loc"] else "The settings"
        problems.append(f"{name}: {item['msg'].removeprefix('Value error, ')}.")
    return " ".join(problems)

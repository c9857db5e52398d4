"""Checks of what comes from outside: keys and base URLs from the settings, names and counts from a server's reply."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from llm_hub.errors import ConfigurationError
from llm_hub.redaction import redact

MAX_NAME_CHARS = 256
"""Characters of a name in a reply, such as a model's."""

MAX_REFUSAL_CHARS = 2000
"""Characters of a model's own words for not answering."""

_ENDPOINTS = {
    "/chat/completions": "",
    **{f"/api/{name}": "" for name in ("chat", "generate", "tags")},  # Ollama's own
    **{f"/v1/{name}": "/v1" for name in ("completions", "messages", "responses", "models")},
}
"""The ends of addresses that vendors' documentation shows for one endpoint, and what a base URL has in their place."""

MAX_TOKEN_COUNT = 10**9
"""Tokens. A greater number is no count of them, and a database could not add many up."""
_QUERY = re.compile(r"[\w.~%!*+:@/=&-]+", re.ASCII)
_MAX_DIGITS = len(str(MAX_TOKEN_COUNT))


def checked_key(key: str, setting: str) -> str:
    """The key without surrounding white space. Raises `ConfigurationError`, which names the setting, not the key."""
    key = key.strip() if isinstance(key, str) else ""
    if not key:
        raise ConfigurationError(f"{setting} is empty.", hint="Set it to the provider's API key.")
    if not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError(
            f"{setting} contains a line break, a space or a character that no API key has.",
            hint="Copy the key again, in one line.",
        )
    return key


def checked_url(url: str, setting: str, *, takes_query: bool = False) -> str:
    """A base URL without its last slash, and with its query if `takes_query`: each request has that then.

    Raises `ConfigurationError`, which names the setting.
    """
    if takes_query and "?" in url:
        url, _, query = url.strip().partition("?")
        if not _QUERY.fullmatch(query):
            raise ConfigurationError(f"{setting} has a query that is none.", hint="It looks like ?api-version=preview.")
        if redact(query) != query:
            raise ConfigurationError(f"{setting} has a key in its query.", hint="Set the provider's API key instead.")
        return f"{checked_url(url, setting)}?{query}"
    url = base_of(url)
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not url.isprintable() or " " in url:
        raise ConfigurationError(f"{setting} is not a web address.", hint="It looks like https://example.com/v1.")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(f"{setting} contains a user name or password.", hint="Leave them out of the address.")
    if "?" in url or "#" in url:
        raise ConfigurationError(f"{setting} goes on after its path.", hint="It ends like https://example.com/v1.")
    return url


def base_of(url: str) -> str:
    """The base URL in what somebody pasted: without white space, a last slash, and the path of one endpoint."""
    url = url.strip().rstrip("/")
    for endpoint, base in _ENDPOINTS.items():
        if url.endswith(endpoint):
            return url.removesuffix(endpoint).rstrip("/") + base
    return url


def parse_count(value: object) -> int | None:
    """A count of tokens from a reply; None for a value that is not one. JSON has one kind of number: 7.0 is 7. Some
    servers write digits as text."""
    if type(value) is int:  # nearly always
        return value if 0 <= value <= MAX_TOKEN_COUNT else None
    if value is None:
        return None
    if isinstance(value, str) and len(value) <= _MAX_DIGITS and value.isascii() and value.isdigit():
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_TOKEN_COUNT else None


def parse_name(value: object) -> str:
    """A name from a reply, cut to `MAX_NAME_CHARS` and with "?" for what cannot be printed; "" for what is no text."""
    if not isinstance(value, str):
        return ""
    value = value[:MAX_NAME_CHARS]
    return value if value.isprintable() else "".join(char if char.isprintable() else "?" for char in value)

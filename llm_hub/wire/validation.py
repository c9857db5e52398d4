"""Checks of what comes from outside: keys and addresses from the settings, names and counts from the wire."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from llm_hub.errors import (
    ConfigurationError,
)
from llm_hub.wire.transport import unfit

MAX_NAME_CHARS = 256
"""Characters of a name from the wire."""

MAX_REFUSAL_CHARS = 2000
"""Characters of a model's own words for not answering."""

MAX_LISTED_MODELS = 20_000
"""In a list."""

MAX_TOKEN_COUNT = 10**9
"""Tokens. A greater number is no count of them."""


LIST_TIMEOUT = 10.0
"""Seconds for a list of models: the page shows its suggestions meanwhile."""


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


def checked_url(url: str, setting: str) -> str:
    """A base URL without its last slash. Raises `ConfigurationError`, which names the setting."""
    url = url.strip().rstrip("/")
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


def count(value: object) -> int | None:
    """A count from the wire, or None if it is not one."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_TOKEN_COUNT else None


def named(value: object) -> str:
    """A name from the wire, such as a model's: not too long, and without what cannot be printed; "" if it is none."""
    if not isinstance(value, str):
        return ""
    value = value[:MAX_NAME_CHARS]
    return value if value.isprintable() else "".join(one if one.isprintable() else "?" for one in value)


def listed(rows: object, field: str) -> list[tuple[str, dict[str, Any]]]:
    """The rows of a list of models, by their names, which are in that field. Those are left out that nobody could ask
    for. Raises `StreamBroken` for a list that is too long for one.
    """
    if not isinstance(rows, list):
        return []
    if len(rows) > MAX_LISTED_MODELS:
        raise unfit(f"The server lists more than {MAX_LISTED_MODELS} models.")
    objects = (row for row in rows if isinstance(row, dict))
    return [(row[field], row) for row in objects if row.get(field) and named(row[field]) == row[field]]

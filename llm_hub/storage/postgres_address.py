"""What stands behind the `?` of a PostgreSQL's URL. Hosts of PostgreSQL write it for libpq, which asyncpg is not."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import asyncpg

from llm_hub.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import URL

SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_LIBPQ = ("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "application_name", "target_session_attrs")
"""What asyncpg reads as libpq does, from a URL of its own alone."""
_OWN = {*inspect.signature(asyncpg.connect).parameters, "prepared_statement_cache_size"}
"""What asyncpg and SQLAlchemy's dialect for it know by the same name."""


def read_address(url: URL) -> tuple[URL, dict[str, str]]:
    """The URL without what libpq alone knows by its name, and the options of asyncpg's that say the same.

    Raises `ConfigurationError` for what nobody would heed: a wish for more safety must not be passed over.
    """
    if unknown := url.query.keys() - {*_LIBPQ, *_OWN}:
        names = ", ".join(sorted(unknown))
        raise ConfigurationError(
            f"LLM_HUB_DATABASE_URL: {names} is nothing that asyncpg knows.", hint=f"Leave it out behind the ?: {names}."
        )
    if url.query.get("sslmode", "prefer") not in SSL_MODES:
        raise ConfigurationError(f"LLM_HUB_DATABASE_URL: sslmode is one of {', '.join(SSL_MODES)}.")
    libpq = {name: value for name, value in url.query.items() if name in _LIBPQ}
    return url.difference_update_query(libpq), {"dsn": f"postgresql://?{urlencode(libpq)}"} if libpq else {}

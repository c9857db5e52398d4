"""What is wrong with a database, and what to do about it, as far as SQLite and PostgreSQL tell it by a code."""

from __future__ import annotations

import socket
import sqlite3

from llm_hub.errors import ConfigurationError

_READ_ONLY = "The database is read-only."
_FULL = ("The database cannot grow: its disk is full.", "Make room on that disk.")
_SQLITE = {
    sqlite3.SQLITE_READONLY: (_READ_ONLY, "Make its file and its folder writable."),
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_BUSY: ("The database is locked by another program.", "End what uses its file, and try again."),
    sqlite3.SQLITE_CORRUPT: ("The database's file is damaged.", "Put back a copy of it, or move it away."),
    sqlite3.SQLITE_NOTADB: ("The file is no database of SQLite's.", "Check LLM_HUB_DATABASE_URL."),
}
_POSTGRES = {
    "25006": (_READ_ONLY, "Let LLM_HUB_DATABASE_URL name a server that can be written to."),
    "28000": ("PostgreSQL does not let this user in.", "Check LLM_HUB_DATABASE_URL and the server's pg_hba.conf."),
    "28P01": ("PostgreSQL refused the password.", "Check LLM_HUB_DATABASE_URL."),
    "3D000": ("PostgreSQL has no database of this name.", "Make it, or check LLM_HUB_DATABASE_URL."),
    "42501": ("PostgreSQL does not allow this user to do that.", "Let the user make tables and write to them."),
    "53100": _FULL,
    "53300": ("PostgreSQL has no connection left.", "Raise its max_connections."),
    "57P03": ("PostgreSQL is starting or stopping.", "Try again in a moment."),
}
"""By the SQLSTATE."""
_AWAY = ("The database's server cannot be reached.", "Check LLM_HUB_DATABASE_URL, and whether the server runs.")
_UNKNOWN = ("The database cannot be used.", "Check LLM_HUB_DATABASE_URL and its server or folder.")
_BAD_FILE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def problem_of(error: Exception) -> ConfigurationError:
    """What a failed transaction is told as. The error's own text may show the URL, and with it a password."""
    if isinstance(error, ConfigurationError):  # of the address, or of a database that another version made
        return error
    if isinstance(error, ConnectionRefusedError | TimeoutError | socket.gaierror):
        text, hint = _AWAY
    else:
        state = getattr(getattr(error, "orig", None), "sqlstate", None)
        text, hint = _POSTGRES.get(state or "") or _SQLITE.get(sqlite_code(error), _UNKNOWN)
    return ConfigurationError(text, hint=hint)


def sqlite_code(error: Exception) -> int:
    """SQLite's primary result code; 0 where it is no error of SQLite's."""
    return getattr(getattr(error, "orig", None), "sqlite_errorcode", 0) & 0xFF


def is_bad_file(error: Exception) -> bool:
    """Whether SQLite cannot read the file, so that another one has to take its place."""
    return sqlite_code(error) in _BAD_FILE

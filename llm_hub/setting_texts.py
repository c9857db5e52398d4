"""How settings are written down: a `.env` file, read and changed, and the texts of values that have several parts.

Which line of a file is wrong, a `ConfigurationError` says. A value that cannot be read is a `ValueError` without it.
"""

from __future__ import annotations

import io
import os
import re
import tempfile
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

from dotenv.parser import parse_stream

from llm_hub.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dotenv.parser import Binding
    from pydantic import ValidationError

T = TypeVar("T")

_ASSIGNMENT = re.compile(
    r"""(?P<name>\s*(?:export[^\S\r\n]+)?(?:'[^']+'|[^=\#\s]+)[^\S\r\n]*=)[^\S\r\n]*
    (?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^\r\n]*?)
    (?P<comment>(?:[^\S\r\n]+\#[^\r\n]*)?)[^\S\r\n]*(?P<end>\r\n|\n|\r|\Z)""",
    re.VERBOSE | re.DOTALL,
)
"""A line `NAME=value # comment`, as dotenv reads it. A quoted value may go over several lines."""
NO_KEYS = ("page", "visitor", "local", "checks")
"""Who asks without a key, as the ledger names them: a key's name is none of these."""
MIN_API_KEY_CHARS = 16
"""Characters of a key of the hub's own API: shorter ones can be guessed."""
_HOST = re.compile(r"[\w.-]+|[0-9A-Fa-f:]+")
"""A host's name, or an IPv6 address."""
_RATE = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,9})?")
_NEEDS_NO_QUOTES = re.compile(r"[\w./:=,@+-]*", re.ASCII)


def read_env_file(env_file: Path) -> dict[str, str]:
    """The file's variables, none where there is no file.

    Raises `ConfigurationError` with the number of a line that is no variable.
    """
    bindings = _bindings(env_file, _read(env_file))
    return {item.key: item.value for item in bindings if item.key is not None and item.value is not None}


def change_env_file(env_file: Path, changes: Mapping[str, str | None], check: Callable[[Path], T]) -> T:
    """Sets variables, or removes those that become None. Comments, order and all other lines stay as they are.

    The new file is written beside the old one, with mode 600, and takes its place as a whole. Before that `check` is
    given it: what it raises goes through, and nothing is changed. Returns what `check` returns. Where `env_file` is a
    link, the file that it leads to is replaced. Raises `ConfigurationError` for what cannot be read or written.
    """
    text = _changed(env_file, _read(env_file), changes)
    place = Path(os.path.realpath(env_file))
    if place.exists() and not os.access(place, os.W_OK):
        raise ConfigurationError(f"{env_file} cannot be written: it is read-only.", hint="Make it writable.")
    draft: Path | None = None
    try:
        descriptor, name = tempfile.mkstemp(prefix=".env-", dir=place.parent)  # with mode 600
        draft = Path(name)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        checked = check(draft)
        draft.replace(place)
    except OSError as error:
        raise ConfigurationError(
            f"{env_file} cannot be written: {error.strerror or type(error).__name__}.", hint="Nothing was changed."
        ) from None
    finally:
        if draft is not None:
            with suppress(OSError):  # it is the file now
                draft.unlink()
    return checked


def _read(env_file: Path) -> str:
    """The text with its own ends of lines, "" where there is no file."""
    try:
        with env_file.open(encoding="utf-8-sig", newline="") as stream:
            return stream.read()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"{env_file} cannot be read: it is not UTF-8 text.", hint="Save it as UTF-8."
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{env_file} cannot be read: {error.strerror or type(error).__name__}.") from None


def _bindings(env_file: Path, text: str) -> Iterator[Binding]:
    for binding in parse_stream(io.StringIO(text, newline="")):
        if binding.error or (binding.key is not None and binding.value is None):
            line = binding.original.line + len(binding.original.string) - len(binding.original.string.lstrip("\n"))
            raise ConfigurationError(f"{env_file}, line {line}, cannot be read.", hint="Write it as NAME=value.")
        yield binding


def _changed(env_file: Path, text: str, changes: Mapping[str, str | None]) -> str:
    """The text with changed variables. Of a name that is there several times the last one counts, and is changed."""
    bindings = list(_bindings(env_file, text))
    lines = [binding.original.string for binding in bindings]
    end = "\r\n" if "\r\n" in text else "\n"
    for name, value in changes.items():
        places = [number for number, binding in enumerate(bindings) if binding.key == name]
        if value is None:
            for place in places:
                lines[place] = _assignment(lines[place], None)
        elif places:
            lines[places[-1]] = _assignment(lines[places[-1]], value)
        else:
            if lines and not "".join(lines).endswith(("\n", "\r")):
                lines.append(end)
            lines.append(f"{name}={_quoted(value)}{end}")
    return "".join(lines)


def _assignment(line: str, value: str | None) -> str:
    """The line with another value. Without one its name and its comment stay, for whoever fills it in again."""
    parts = _ASSIGNMENT.fullmatch(line)
    assert parts is not None, "dotenv has read it"  # noqa: S101
    return f"{parts['name']}{_quoted(value or '')}{parts['comment']}{parts['end']}"


def _quoted(value: str) -> str:
    if _NEEDS_NO_QUOTES.fullmatch(value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def names(value: Any) -> Any:
    """Names that commas separate."""
    return tuple(name for part in value.split(",") if (name := part.strip())) if isinstance(value, str) else value


def host_names(value: Any) -> Any:
    """Names of hosts that commas separate. Requests are compared with them, and anything else would never be one."""
    hosts = names(value)
    for number, name in enumerate(hosts if isinstance(hosts, tuple) else (), 1):
        if not _HOST.fullmatch(name):
            raise ValueError(f"entry {number} is no name: it looks like hub.example.com, without https:// and a port")
    return hosts


def named_keys(value: Any) -> Any:
    """Keys by name: name=key, separated by commas."""
    if not isinstance(value, str):
        return value
    keys: dict[str, str] = {}
    for number, entry in enumerate(filter(None, (part.strip() for part in value.split(","))), 1):
        name, equals, key = (part.strip() for part in entry.partition("="))
        name, key = (name, key) if equals and key else (f"key-{number}", entry)
        if name in NO_KEYS or name in keys:
            raise ValueError(f"the name {name} is taken")
        if len(key) < MIN_API_KEY_CHARS or not key.isascii() or not key.isprintable():
            raise ValueError(f"entry {number} is no key: a key has at least {MIN_API_KEY_CHARS} printable characters")
        for other, taken in keys.items():
            if key == taken:  # what both use would count for one of them
                raise ValueError(f"{other} and {name} have the same key")
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


def minutes_apart(minutes: float) -> float:
    """Minutes, at least one: what is done more often costs more than anybody wants. 0 is for never."""
    if 0 < minutes < 1:
        raise ValueError("it is 0, for never, or at least 1")
    return minutes


def redis_address(url: str) -> str:
    """The URL of a Redis, or ""."""
    if url and not url.startswith(("redis://", "rediss://")):
        raise ValueError("it is no address of a Redis, which looks like redis://:password@host:6379/0")
    return url


def database_address(url: str) -> str:
    """The URL of a database of SQLite's or of PostgreSQL's."""
    if not url.startswith(("sqlite://", "postgres://", "postgresql://")):
        raise ValueError("it looks like sqlite:///file or postgresql://user:password@host/name; no other kind is known")
    return url


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

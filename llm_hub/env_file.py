"""Reads and changes a `.env` file, and says which line of it is wrong."""

from __future__ import annotations

import io
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dotenv.parser import parse_stream

from llm_hub.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dotenv.parser import Binding

T = TypeVar("T")

_ASSIGNMENT = re.compile(
    r"""(?P<name>\s*(?:export[^\S\r\n]+)?(?:'[^']+'|[^=\#\s]+)[^\S\r\n]*=)[^\S\r\n]*
    (?:'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^\r\n]*?)
    (?P<comment>(?:[^\S\r\n]+\#[^\r\n]*)?)[^\S\r\n]*(?P<end>\r\n|\n|\r|\Z)""",
    re.VERBOSE | re.DOTALL,
)
"""A line `NAME=value # comment`, as dotenv reads it. A quoted value may go over several lines."""
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

"""Reads a `.env` file, and says which line of it is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dotenv.parser import parse_stream

from llm_hub.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


def read_env_file(env_file: Path) -> dict[str, str]:
    """The file's variables, none where there is no file.

    Raises `ConfigurationError` with the number of a line that is no variable.
    """
    try:
        with env_file.open(encoding="utf-8-sig") as stream:
            bindings = list(parse_stream(stream))
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"{env_file} cannot be read: it is not UTF-8 text.", hint="Save it as UTF-8."
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{env_file} cannot be read: {error.strerror or type(error).__name__}.") from None
    variables = {}
    for binding in bindings:
        if binding.error or (binding.key is not None and binding.value is None):
            line = binding.original.line + len(binding.original.string) - len(binding.original.string.lstrip("\n"))
            raise ConfigurationError(f"{env_file}, line {line}, cannot be read.", hint="Write it as NAME=value.")
        if binding.key is not None and binding.value is not None:
            variables[binding.key] = binding.value
    return variables

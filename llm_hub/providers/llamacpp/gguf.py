"""Reads what a GGUF file says of its model, and refuses files that are none.

llama.cpp says nothing more than "failed" about a file that it cannot read, so each one is checked here before.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

from llm_hub.errors import ConfigurationError

SETTING = "LLM_HUB_LOCAL_MODEL"
"""The setting that chooses the model file."""
SETTING_HINT = f"Set {SETTING} to the path of a GGUF file, or to org/repo:file.gguf on Hugging Face, or leave it empty."


def context_length(path: Path) -> int:
    """The tokens of context that the model was trained for; 0: the file does not say.

    Raises `ConfigurationError` for anything that is not a GGUF file. Source of the format: ggml's docs/gguf.md.
    """
    if path.is_dir():
        raise ConfigurationError(f"{path} is a directory, not a model file.", hint=SETTING_HINT)
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if file.read(4) != b"GGUF":
                raise ConfigurationError(f"{path} is not a GGUF file.", hint=SETTING_HINT)
            with suppress(struct.error, ValueError, KeyError):
                lengths = (number for key, number in _whole_numbers(file, size) if key.endswith(".context_length"))
                return next(lengths, 0)
            raise ConfigurationError(f"{path} is a damaged GGUF file, or one of an unknown version.", hint=SETTING_HINT)
    except FileNotFoundError:
        raise ConfigurationError(f"There is no model file {path}.", hint=SETTING_HINT) from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.", hint=SETTING_HINT) from error


_NUMBER_FORMATS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
"""GGUF's types of numbers, as `struct` writes them."""
_STRING, _ARRAY = 8, 9
"""GGUF's other types."""


def _whole_numbers(file: IO[bytes], size: int) -> Iterator[tuple[str, int]]:
    """The names and values of the whole numbers in the metadata of a GGUF file.

    The file has `size` bytes, and was read up to the end of its magic number. Raises `ValueError`, `KeyError` or
    `struct.error` where it is damaged.
    """

    def read_number(number_format: str) -> int:
        (value,) = struct.unpack(number_format, file.read(struct.calcsize(number_format)))
        return int(value)

    def read_length() -> int:
        if (value := read_number("<Q")) > size:
            raise ValueError("longer than the file")
        return value

    if read_number("<I") not in (2, 3):
        raise ValueError("version")
    read_number("<Q")  # how many tensors there are
    for _ in range(read_length()):
        key, value_type, count = file.read(read_length()).decode(), read_number("<I"), 1
        if value_type == _ARRAY:
            value_type, count = read_number("<I"), read_length()
            if value_type != _STRING:
                file.seek(count * struct.calcsize(_NUMBER_FORMATS[value_type]), 1)
                continue
        if value_type == _STRING:
            for _ in range(count):
                file.seek(read_length(), 1)
        elif _NUMBER_FORMATS[value_type] in ("<f", "<d"):
            file.seek(struct.calcsize(_NUMBER_FORMATS[value_type]), 1)
        else:
            yield key, read_number(_NUMBER_FORMATS[value_type])

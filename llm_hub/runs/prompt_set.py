"""A set of prompts: rows with columns, from lines of text, CSV or JSONL. It is read whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from llm_hub.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_BYTES = 20 * 2**20
MAX_ROWS = 5_000
MAX_COLUMNS = 50
PROMPT = "prompt"
"""The column that is asked where there is no template, and the only one of lines of text."""
_COLUMN = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")


@dataclass(frozen=True, slots=True)
class PromptRow:
    """One row. `line` is where it begins in its file, counted from 1."""

    line: int
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PromptSet:
    """The rows of one file. Each has a value for each of the `columns`."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[PromptRow, ...]

    @property
    def default_template(self) -> str:
        """What is asked without a template: the column `prompt`, or the only one. Raises `ConfigurationError`."""
        if self._has_default:
            return f"{{{{{PROMPT if PROMPT in self.columns else self.columns[0]}}}}}"
        raise ConfigurationError(
            f"{self.name} has no column named {PROMPT}.",
            hint=f"Write the prompt, and name one of its columns there, such as {{{{{self.columns[0]}}}}}.",
        )

    def suggest_template(self, template: str) -> str:
        """The template, or one of the first column where it is empty and the set has no default, or where it has a
        column alone that is none of the set's."""
        alone = _COLUMN.fullmatch(template.strip())
        if (alone and alone[1] not in self.columns) or not (template.strip() or self._has_default):
            return f"{{{{{self.columns[0]}}}}}"
        return template

    @property
    def _has_default(self) -> bool:
        return PROMPT in self.columns or len(self.columns) == 1

    def render(self, template: str) -> list[str]:
        """The template for each row. Raises `ConfigurationError` for a column that is not there, and for a prompt that
        would be empty."""
        check_columns(template, self.columns, self.name)
        texts = [fill(template, row.values) for row in self.rows]
        for row, text in zip(self.rows, texts, strict=True):
            if not text.strip():
                raise ConfigurationError(f"{self.name}, line {row.line}: the prompt is empty.")
        return texts


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with the values of one row. What stands in a value is not read again."""
    return _COLUMN.sub(lambda match: values[match[1]], template)


def check_columns(template: str, columns: tuple[str, ...], name: str) -> None:
    """Raises `ConfigurationError` where a template names a column that is not there."""
    for match in _COLUMN.finditer(template):
        if match[1] not in columns:
            raise ConfigurationError(
                f"{name} has no column {match[1] or '{{}}'!r}, which the template names.",
                hint=f"It has {', '.join(columns)}.",
            )


def read_prompt_set(name: str, data: bytes, ending: str = "") -> PromptSet:
    """The prompts of a file, which its name's `ending` says how to read: .csv, .tsv, .jsonl, anything else is lines.

    Raises `ConfigurationError`, which names the line.
    """
    if len(data) > MAX_BYTES:
        raise ConfigurationError(f"{name} has more than {MAX_BYTES // 2**20} MB.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{name}, line {line}: is not UTF-8.", hint="Save the file as UTF-8.") from None
    match ending := ending or PurePath(name).suffix.lower():
        case ".csv" | ".tsv":
            rows = _read_csv(name, text, is_tabbed=ending == ".tsv")
        case ".jsonl" | ".ndjson":
            rows = _read_jsonl(name, text)
        case _:
            lines = enumerate(text.splitlines(), 1)
            rows = (PromptRow(number, {PROMPT: line.strip()}) for number, line in lines if line.strip())
    read: list[PromptRow] = []
    for row in rows:
        if len(read) == MAX_ROWS:
            raise ConfigurationError(f"{name}, line {row.line}: more than {MAX_ROWS:,} rows.")
        read.append(row)
    if not read:
        raise ConfigurationError(f"{name} has no prompts.")
    return PromptSet(name, tuple(read[0].values), tuple(read))


def _read_csv(name: str, text: str, *, is_tabbed: bool) -> Iterator[PromptRow]:
    head = text.partition("\n")[0]
    delimiter = "\t" if is_tabbed else ";" if ";" in head and "," not in head else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] = []
    line = 1
    try:
        for fields in reader:
            start, line = line, reader.line_num + 1
            if not any(field.strip() for field in fields):
                continue
            if not columns:
                columns = [field.strip() for field in fields]
                _check_head(name, start, columns)
            elif len(fields) != len(columns):
                raise ConfigurationError(
                    f"{name}, line {start}: has {len(fields)} fields where the first line has {len(columns)}.",
                    hint='A field with a comma, a quote or a line break in it stands in "quotes".',
                )
            else:
                yield PromptRow(start, dict(zip(columns, fields, strict=True)))
    except csv.Error as error:
        raise ConfigurationError(f"{name}, line {reader.line_num}: is no CSV: {error}.") from None


def _check_head(name: str, line: int, columns: list[str]) -> None:
    if len(columns) > MAX_COLUMNS:
        raise ConfigurationError(f"{name}, line {line}: more than {MAX_COLUMNS} columns.")
    for column in columns:
        if not column or columns.count(column) > 1 or "{" in column or "}" in column:
            problem = f"the column {column} is named twice" if column else "a column has no name"
            problem = f"the column {column} has braces in its name" if {*column} & {*"{}"} else problem
            raise ConfigurationError(f"{name}, line {line}: {problem}.")


def _read_jsonl(name: str, text: str) -> Iterator[PromptRow]:
    columns: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            raise ConfigurationError(f"{name}, line {number}: is no JSON.") from None
        value = {PROMPT: value} if isinstance(value, str) else value
        if not isinstance(value, dict) or not value:
            raise ConfigurationError(f"{name}, line {number}: is neither an object with columns nor a text.")
        if not columns:
            columns = list(value)
            _check_head(name, number, columns)
        if missing := [column for column in columns if column not in value]:
            raise ConfigurationError(f"{name}, line {number}: has no {missing[0]!r}, which the first line has.")
        texts = {column: value[column] for column in columns}
        yield PromptRow(number, {column: _as_text(each) for column, each in texts.items()})


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

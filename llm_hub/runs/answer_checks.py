"""Checks of an answer, without code. Each is written as `kind:value`, as in a command:

    contains:Paris              the text occurs, in capital or small letters
    equals:42                   the answer is that text; capital letters and white space around it do not matter
    regex:^\\d+ km              the pattern occurs (Python's; ^ and $ are those of each line)
    number:42  number:40..44    the last number of the answer is that one, or between the two
    json:  json:{"type": …}     the answer is JSON, and follows the schema if there is one
    length:..200                its length in characters is within; 10.. and 10..200 as well
    refusal:                    the model declined to answer
    marked:                     a person marked the answer as good
    not-contains:sorry          any of them with `not-` before it: the opposite

Values may have `{{columns}}`, which are filled in before.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from llm_hub.errors import ConfigurationError
from llm_hub.runs.cell import DECLINED
from llm_hub.runs.pattern_search import PATTERNS

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.runs.cell import Cell

MARKED = "marked:"
"""The check that is a person's mark."""
MAX_CHECKED_CHARS = 100_000
"""Of an answer that a pattern reads."""
_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?|[-+]?\.\d+")
_RANGE = re.compile(r"\s*(?P<low>[-+\d.eE]*?)\s*\.\.\s*(?P<high>[-+\d.eE]*)\s*")
_FENCE = re.compile(r"```(?:json)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
_DECLINES = re.compile(
    r"\b(?:i(?: am|['\u2019]m)? (?:sorry|afraid)\b.{0,80}(?:can(?:no|['\u2019])?t|unable|not able)"
    r"|i (?:can(?:no|['\u2019])?t|won['\u2019]?t|will not|must decline|am unable|am not able|have to decline)\b"
    r"|i['\u2019]m (?:unable|not able)\b|as an ai\b.{0,80}(?:can(?:no|['\u2019])?t|unable|not able)"
    r"|(?:es )?tut mir leid\b.{0,80}(?:kann|darf)"
    r"|ich kann (?:dir |ihnen )?(?:dabei|das|hierbei|damit) (?:leider )?nicht)",
    re.IGNORECASE | re.DOTALL,
)
_DECLINED_CHARS = 300
"""Of an answer in which a refusal stands, if it is one."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check, read. `passes` judges a text; a `refusal` is judged by the cell as well, and a mark by it alone."""

    source: str
    kind: str
    is_opposite: bool
    passes: Callable[[str], bool | None]

    def passes_cell(self, cell: Cell) -> bool | None:
        """Whether a cell passes that was answered, or declined; None: its mark is missing, or a pattern takes too long.
        It may wait for such a pattern, and is not for an event loop."""
        passed = cell.mark if self.kind == "marked" else self.passes(cell.text)
        if self.kind == "refusal":
            passed = passed or cell.outcome == DECLINED
        return passed if passed is None else passed != self.is_opposite


def needs_refusals(checks: tuple[str, ...]) -> bool:
    """Whether some of the checks ask whether the model declined: then a cell that did is no failure."""
    return any(check.partition(":")[0].strip() in ("refusal", "not-refusal") for check in checks)


@lru_cache(maxsize=10_000)
def read_check(source: str) -> Check:
    """The check that is written like this. Raises `ConfigurationError`."""
    name, colon, value = source.partition(":")
    kind = name.strip().removeprefix("not-")
    if kind not in _KINDS or (not colon and kind not in _WITHOUT_VALUE):
        raise ConfigurationError(
            f"{source!r} is no check.", hint=f"Write kind:value, with one of {', '.join(_KINDS)}, or not- before it."
        )
    if not value.strip() and kind not in _WITHOUT_VALUE:
        raise ConfigurationError(f"The check {kind} needs a value behind its colon.")
    return Check(source, kind, name.strip().startswith("not-"), _KINDS[kind](value))


def _contains(value: str) -> Callable[[str], bool]:
    wanted = value.strip().casefold()
    return lambda text: wanted in text.casefold()


def _equals(value: str) -> Callable[[str], bool]:
    wanted = " ".join(value.split()).casefold()
    return lambda text: " ".join(text.split()).casefold() == wanted


def _regex(value: str) -> Callable[[str], bool | None]:
    try:
        re.compile(value, re.MULTILINE)
    except (re.error, RecursionError, OverflowError) as error:
        raise ConfigurationError(f"The check regex:{value} is no pattern: {error}.") from None
    return lambda text: PATTERNS.is_found(value, text[:MAX_CHECKED_CHARS])


def _number(value: str) -> Callable[[str], bool]:
    low, high = _bounds("number", value)

    def passes(text: str) -> bool:
        numbers = _NUMBER.findall(text[-MAX_CHECKED_CHARS:])
        return bool(numbers) and low <= float(numbers[-1].replace(",", "")) <= high

    return passes


def _length(value: str) -> Callable[[str], bool]:
    low, high = _bounds("length", value)
    return lambda text: low <= len(text.strip()) <= high


def _bounds(kind: str, value: str) -> tuple[float, float]:
    match = _RANGE.fullmatch(value)
    texts = (match["low"], match["high"]) if match else (value, value)
    try:
        low, high = (float(text.replace(",", "")) if text.strip() else None for text in texts)
    except ValueError:
        raise ConfigurationError(f"{kind}:{value} has no number: write {kind}:42 or {kind}:40..44.") from None
    if low is None and high is None:
        raise ConfigurationError(f"{kind}:{value} has no number: write {kind}:42 or {kind}:40..44.")
    return float("-inf") if low is None else low, float("inf") if high is None else high


def _json(value: str) -> Callable[[str], bool]:
    follows = _schema(value) if value.strip() else lambda _: True

    def passes(text: str) -> bool:
        fenced = _FENCE.search(text)
        try:
            return follows(json.loads(fenced[1] if fenced else text))
        except (ValueError, RecursionError):
            return False

    return passes


def _schema(value: str) -> Callable[[Any], bool]:
    try:
        schema = json.loads(value)
    except (ValueError, RecursionError):
        raise ConfigurationError("The schema of the check json is no JSON.") from None
    try:
        import jsonschema_rs
    except ImportError:
        raise ConfigurationError(
            "A check by a JSON schema needs the package jsonschema-rs.", hint="Install it: pip install jsonschema-rs."
        ) from None
    try:
        validator = jsonschema_rs.validator_for(schema, retriever=_refuse)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"The schema of the check json cannot be used: {error}.") from None
    return validator.is_valid


def _refuse(uri: str) -> Any:
    """A schema is never fetched from elsewhere."""
    raise ValueError(f"{uri} is not part of the schema")


def _refusal(_: str) -> Callable[[str], bool]:
    return lambda text: not text.strip() or _DECLINES.search(text[:_DECLINED_CHARS]) is not None


def _marked(_: str) -> Callable[[str], bool]:
    return lambda _: False


_KINDS: dict[str, Callable[[str], Callable[[str], bool | None]]] = {
    "contains": _contains,
    "equals": _equals,
    "regex": _regex,
    "number": _number,
    "json": _json,
    "length": _length,
    "refusal": _refusal,
    "marked": _marked,
}
_WITHOUT_VALUE = frozenset({"json", "refusal", "marked"})

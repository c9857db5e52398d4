"""One cell of a run: what became of one request, be it an answer or a failure."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ANSWERED = "answered"
DECLINED = "content_rejected"
"""The outcome of a cell whose model, or a filter before it, declined to answer."""

SPENDING = ("requests", "prompt_tokens", "completion_tokens", "usd", "reported_usd", "unpriced", "assumed_usd")
"""Fields of a cell that add up when it is asked again."""


@dataclass(frozen=True, slots=True)
class CellAttempt:
    """One request that a cell made, for whoever wants to see what happened. `usd` is None where nobody knows it."""

    target: str
    outcome: str
    seconds: float
    reason: str = ""
    usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Cell:
    """What became of the request of that number.

    `outcome` is "answered" or the kind of the error, and `error` is then its sentence. `answered_by` names who
    answered: if that is not the cell's own target, `fell_back`. `first_token` and `seconds` are those of the request
    from its beginning, retries included. Requests, tokens and `usd` are those of all attempts, also of former ones of a
    cell that was asked again. `reported_usd` is the part of `usd` that providers say they charged; the rest is by price
    lists. `unpriced` counts the attempts that may have cost something that nobody knows, and `assumed_usd` is what the
    ceiling takes for them.
    """

    number: int
    outcome: str
    text: str = ""
    error: str = ""
    answered_by: str = ""
    fell_back: bool = False
    finish_reason: str = ""
    first_token: float | None = None
    seconds: float = 0.0
    answer_tokens: int | None = None
    """Tokens of this one answer, as its provider counted them."""
    requests: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: Decimal = Decimal(0)
    reported_usd: Decimal = Decimal(0)
    unpriced: int = 0
    assumed_usd: Decimal = Decimal(0)
    attempts: tuple[CellAttempt, ...] = ()
    mark: bool | None = None
    """Whether it passes, by a person's eye; None: nobody has marked it."""

    @property
    def is_answered(self) -> bool:
        """Whether there is an answer, by whomever."""
        return self.outcome == ANSWERED

    def after(self, before: Cell | None) -> Cell:
        """The cell with what was spent on it before, when it was asked already."""
        if before is None:
            return self
        return replace(self, **{name: getattr(before, name) + getattr(self, name) for name in SPENDING})


def write_cell(cell: Cell) -> dict[str, Any]:
    """The cell as a JSON object, without what is as it is by default."""
    given = {
        field.name: getattr(cell, field.name) for field in fields(cell) if getattr(cell, field.name) != field.default
    }
    attempts = [{name: _plain(value) for name, value in asdict(each).items()} for each in cell.attempts]
    return {name: _plain(value) for name, value in given.items()} | {"attempts": attempts}


def read_cell(document: Mapping[str, Any]) -> Cell:
    """The cell of an object that `write_cell` made."""
    known = {field.name for field in fields(Cell)} - {"attempts", "usd", "reported_usd", "assumed_usd"}
    return Cell(
        **{name: value for name, value in document.items() if name in known},
        usd=Decimal(document.get("usd", 0)),
        reported_usd=Decimal(document.get("reported_usd", 0)),
        assumed_usd=Decimal(document.get("assumed_usd", 0)),
        attempts=tuple(
            CellAttempt(**{**each, "usd": None if each["usd"] is None else Decimal(each["usd"])})
            for each in document.get("attempts", ())
        ),
    )


def _plain(value: object) -> object:
    return f"{value:f}" if isinstance(value, Decimal) else value

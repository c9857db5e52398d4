"""What a run is to ask: prompts × variants of the template × targets × repeats, and with which settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from itertools import combinations, product
from typing import TYPE_CHECKING, Any, NamedTuple

from llm_hub.chat import ChatRequest, Message, Role
from llm_hub.errors import ConfigurationError
from llm_hub.runs.prompt_set import PromptRow, PromptSet, check_columns, fill

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_TARGETS = 12
MAX_VARIANTS = 3
MAX_REPEATS = 20
MAX_CELLS = 100_000
MAX_RUBRIC_LINES = 5
DEFAULT_RUBRIC = "Which answer is more correct, and answers what was asked?"
CAPPED_ANSWER_TOKENS = 4_096
"""Tokens of an answer at most where the run has a ceiling and says nothing: else no answer's price has a bound."""


class Place(NamedTuple):
    """Where a cell stands, each counted from 0."""

    row: int
    variant: int
    target: int
    repeat: int


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A run before it is asked, and all that its answers depend on.

    `templates` are the variants of the prompt. `fallback` are the targets that may answer where one cannot, () for
    nobody. `checks` are as they are written in a command, and `max_usd` is the ceiling in US dollars. `judge` is the
    target that compares the answers by the lines of `rubric`, "" for none.
    """

    prompts: PromptSet
    targets: tuple[str, ...]
    templates: tuple[str, ...] = ()
    repeats: int = 1
    checks: tuple[str, ...] = ()
    system: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    effort: str | None = None
    fallback: tuple[str, ...] = ()
    max_usd: Decimal | None = None
    judge: str = ""
    rubric: tuple[str, ...] = ()
    texts: tuple[tuple[str, ...], ...] = field(init=False, repr=False, compare=False, default=())
    """The prompts as they are asked, by variant and row."""

    def __post_init__(self) -> None:
        if not self.templates:
            object.__setattr__(self, "templates", (self.prompts.default_template,))
        if self.judge and not self.rubric:
            object.__setattr__(self, "rubric", (DEFAULT_RUBRIC,))
        if self.max_usd is not None and self.max_tokens is None:
            object.__setattr__(self, "max_tokens", CAPPED_ANSWER_TOKENS)
        _check_count("targets", len(self.targets), MAX_TARGETS)
        _check_count("variants of the prompt", len(self.templates), MAX_VARIANTS)
        _check_count("repeats", self.repeats, MAX_REPEATS)
        _check_count("requests", self.size, MAX_CELLS)
        if self.judge:
            _check_count(
                "targets or variants that a judge compares", len(self.columns), MAX_TARGETS * MAX_VARIANTS, least=2
            )
            _check_count("lines of a rubric", len(self.rubric), MAX_RUBRIC_LINES)
            _check_count("requests of the judge", self.groups * len(self.pairs) * 2, MAX_CELLS)
        if len(set(self.targets)) < len(self.targets):
            raise ConfigurationError("A target is named twice.", hint="Use repeats to ask it more than once.")
        object.__setattr__(self, "texts", tuple(tuple(self.prompts.render(each)) for each in self.templates))
        for check in self.checks:
            check_columns(check, self.prompts.columns, self.prompts.name)

    @property
    def size(self) -> int:
        """How many cells it has."""
        return len(self.prompts.rows) * len(self.templates) * len(self.targets) * self.repeats

    @property
    def columns(self) -> tuple[tuple[int, int], ...]:
        """The places of a target and a variant, for all of them, target by target."""
        return tuple(product(range(len(self.targets)), range(len(self.templates))))

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The places of two columns that are compared: they differ in one thing, the target or the variant."""
        numbered = combinations(enumerate(self.columns), 2)
        return tuple((one, two) for (one, a), (two, b) in numbered if a[0] == b[0] or a[1] == b[1])

    @property
    def groups(self) -> int:
        """How many groups of cells there are that have the row and the repeat in common, a cell of each column."""
        return self.size // len(self.columns)

    def place(self, number: int) -> Place:
        """Where the cell of that number stands. All rows are asked once before any is asked again."""
        rest, target = divmod(number, len(self.targets))
        rest, variant = divmod(rest, len(self.templates))
        repeat, row = divmod(rest, len(self.prompts.rows))
        return Place(row, variant, target, repeat)

    def target_of(self, number: int) -> int:
        """The place of a cell's target among the targets."""
        return number % len(self.targets)

    def number(self, place: Place) -> int:
        """The number of the cell in that place."""
        rows, variants = len(self.prompts.rows), len(self.templates)
        return ((place.repeat * rows + place.row) * variants + place.variant) * len(self.targets) + place.target

    def numbers_of(self, target: int) -> Iterator[int]:
        """The cells of one target, in the order in which they are asked."""
        return iter(range(target, self.size, len(self.targets)))

    def prompt(self, number: int) -> str:
        """What the cell of that number asks."""
        place = self.place(number)
        return self.texts[place.variant][place.row]

    def request(self, number: int) -> ChatRequest:
        """The request of the cell of that number."""
        system = (Message(Role.SYSTEM, self.system),) if self.system.strip() else ()
        return ChatRequest(
            (*system, Message(Role.USER, self.prompt(number))),
            self.targets[self.place(number).target],
            temperature=self.temperature,
            max_tokens=self.max_tokens,
            effort=self.effort,
            fallback=self.fallback,
        )

    def checks_of(self, row: int) -> tuple[str, ...]:
        """The checks with the values of one row."""
        return tuple(fill(check, self.prompts.rows[row].values) for check in self.checks)


def _check_count(what: str, count: int, most: int, *, least: int = 1) -> None:
    if not least <= count <= most:
        raise ConfigurationError(f"A run has {least} to {most:,} {what}, not {count:,}.")


def write_plan(plan: RunPlan) -> dict[str, Any]:
    """The plan as a JSON object."""
    columns = list(plan.prompts.columns)
    return {
        "name": plan.prompts.name,
        "columns": columns,
        "rows": [[row.line, *(row.values[column] for column in columns)] for row in plan.prompts.rows],
        "targets": list(plan.targets),
        "templates": list(plan.templates),
        "repeats": plan.repeats,
        "checks": list(plan.checks),
        "system": plan.system,
        "temperature": plan.temperature,
        "max_tokens": plan.max_tokens,
        "effort": plan.effort,
        "fallback": list(plan.fallback),
        "max_usd": None if plan.max_usd is None else f"{plan.max_usd:f}",
        "judge": plan.judge,
        "rubric": list(plan.rubric),
    }


def read_plan(document: dict[str, Any]) -> RunPlan:
    """The plan of an object that `write_plan` made."""
    columns = tuple(document["columns"])
    rows = tuple(PromptRow(line, dict(zip(columns, values, strict=True))) for line, *values in document["rows"])
    return RunPlan(
        PromptSet(document["name"], columns, rows),
        tuple(document["targets"]),
        tuple(document["templates"]),
        document["repeats"],
        tuple(document["checks"]),
        document["system"],
        document["temperature"],
        document["max_tokens"],
        document["effort"],
        tuple(document["fallback"]),
        None if document["max_usd"] is None else Decimal(document["max_usd"]),
        document.get("judge", ""),
        tuple(document.get("rubric", ())),
    )

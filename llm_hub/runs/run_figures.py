"""The figures of a run: what the answers of each target amount to, and which targets can be told apart.

A column is a target with one variant of the prompt. Of its pass rate and its speed only what it answered itself counts:
a failure is no wrong answer, and an answer of a fallback is somebody else's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import TYPE_CHECKING

from llm_hub.runs.answer_checks import needs_refusals, read_check
from llm_hub.runs.cell import DECLINED, Cell
from llm_hub.runs.judge import JudgeFigures, find_judgement
from llm_hub.runs.run_statistics import Interval, agreement, holm, pass_interval, quantile, sign_flip_test

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llm_hub.runs.run_plan import RunPlan

SIGNIFICANT = 0.05
_NONE: Mapping[int, Cell] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ColumnFigures:
    """One target with one variant of the prompt. Times are in seconds; None: nobody knows, or there is nothing to tell.

    `cells` are those that were asked, `own` those that the target answered itself, `passed` of those how many. `usd` is
    what all attempts of known price cost together, `reported_usd` the part of it that providers say they charged;
    `unpriced` counts the others. `usd_per_1000` is for a thousand
    cells, failures and retries included. `agreement` is between repeats: of verdicts, or of texts without checks.
    `cut` counts the answers that ended at their limit of tokens, `untold` those of which a check cannot tell whether
    they pass.
    """

    target: str
    variant: int
    cells: int
    own: int
    failed: int
    fallbacks: int
    cut: int
    untold: int
    passed: int
    pass_rate: Interval | None
    first_p50: float | None
    first_p95: float | None
    total_p50: float | None
    total_p95: float | None
    tokens_per_second: float | None
    requests: int
    prompt_tokens: int
    completion_tokens: int
    usd: Decimal
    reported_usd: Decimal
    unpriced: int
    usd_per_1000: Decimal | None
    agreement: float | None


@dataclass(frozen=True, slots=True)
class PairFigures:
    """Two columns, compared by the rows that both answered themselves. `difference` is the first's pass rate less the
    second's; `p_value` is corrected for the number of pairs."""

    first: int
    second: int
    rows: int
    difference: float
    p_value: float

    @property
    def is_apart(self) -> bool:
        """Whether the two can be told apart."""
        return self.p_value < SIGNIFICANT


@dataclass(frozen=True, slots=True)
class RunFigures:
    """All columns, target by target, the pairs of those that differ in one thing, the target or the variant, and what
    the judge said, if there is one."""

    columns: tuple[ColumnFigures, ...]
    pairs: tuple[PairFigures, ...]
    judged: JudgeFigures | None = None

    @property
    def usd(self) -> Decimal:
        """What the answers cost, as far as it is known."""
        return sum((column.usd for column in self.columns), Decimal(0))

    @property
    def reported_usd(self) -> Decimal:
        """The part of it that providers say they charged."""
        return sum((column.reported_usd for column in self.columns), Decimal(0))

    @property
    def unpriced(self) -> int:
        """Attempts that may have cost something that nobody knows."""
        return sum(column.unpriced for column in self.columns)


def is_judged(plan: RunPlan, cell: Cell) -> bool:
    """Whether a cell counts: the target's own answer, or a refusal where checks ask for those."""
    declined = cell.outcome == DECLINED and needs_refusals(plan.checks)
    return (cell.is_answered and not cell.fell_back) or declined


def verdict(plan: RunPlan, cell: Cell) -> bool | None:
    """Whether a cell passes all checks; None where there are none, for what is neither answer nor refusal, and where a
    check cannot tell."""
    if not plan.checks or not is_judged(plan, cell):
        return None
    passed = [read_check(check).passes_cell(cell) for check in plan.checks_of(plan.place(cell.number).row)]
    return None if None in passed else all(passed)


def find_figures(plan: RunPlan, cells: Mapping[int, Cell], verdicts: Mapping[int, Cell] = _NONE) -> RunFigures:
    """The figures of the cells and of the judge's `verdicts` that are written by now."""
    keys = plan.columns
    sorted_cells: dict[tuple[int, int], list[Cell]] = {key: [] for key in keys}
    for number in sorted(cells):
        place = plan.place(number)
        sorted_cells[place.target, place.variant].append(cells[number])
    passes = [_verdicts(plan, sorted_cells[key]) for key in keys]
    columns = [_column(plan, key, sorted_cells[key], rows) for key, rows in zip(keys, passes, strict=True)]
    pairs = tuple(_pairs(plan, passes)) if plan.checks else ()
    return RunFigures(tuple(columns), pairs, find_judgement(plan, cells, verdicts) if plan.judge else None)


def _verdicts(plan: RunPlan, cells: Iterable[Cell]) -> dict[int, list[bool]]:
    """The verdicts of a column's own answers, by row."""
    rows: dict[int, list[bool]] = {}
    for cell in cells:
        if (passed := verdict(plan, cell)) is not None:
            rows.setdefault(plan.place(cell.number).row, []).append(passed)
    return rows


def _column(plan: RunPlan, key: tuple[int, int], cells: list[Cell], verdicts: dict[int, list[bool]]) -> ColumnFigures:
    own = [cell for cell in cells if is_judged(plan, cell)]
    first = [cell.first_token for cell in own if cell.first_token is not None]
    total = [cell.seconds for cell in own]
    usd = sum((cell.usd for cell in cells), Decimal(0))
    unpriced = sum(cell.unpriced for cell in cells)
    texts: dict[int, list[object]] = {}
    for cell in own:
        texts.setdefault(plan.place(cell.number).row, []).append(" ".join(cell.text.split()))
    fallbacks = sum(cell.is_answered and cell.fell_back for cell in cells)
    return ColumnFigures(
        plan.targets[key[0]],
        key[1],
        cells=len(cells),
        own=len(own),
        failed=len(cells) - len(own) - fallbacks,
        fallbacks=fallbacks,
        cut=sum(cell.finish_reason == "length" for cell in own),
        untold=len(own) - sum(map(len, verdicts.values())) if plan.checks else 0,
        passed=sum(map(sum, verdicts.values())),
        pass_rate=pass_interval(verdicts.values()),
        first_p50=quantile(first, 0.5),
        first_p95=quantile(first, 0.95),
        total_p50=quantile(total, 0.5),
        total_p95=quantile(total, 0.95),
        tokens_per_second=quantile([pace for cell in own if (pace := _pace(cell)) is not None], 0.5),
        requests=sum(cell.requests for cell in cells),
        prompt_tokens=sum(cell.prompt_tokens for cell in cells),
        completion_tokens=sum(cell.completion_tokens for cell in cells),
        usd=usd,
        reported_usd=sum((cell.reported_usd for cell in cells), Decimal(0)),
        unpriced=unpriced,
        usd_per_1000=usd / len(cells) * 1000 if cells and not unpriced else None,
        agreement=agreement(verdicts.values() if plan.checks else texts.values()),
    )


def _pace(cell: Cell) -> float | None:
    """Tokens a second from the first token on; None where they were not counted, or came at once."""
    if cell.answer_tokens is None or cell.answer_tokens < 2 or cell.first_token is None:
        return None
    seconds = cell.seconds - cell.first_token
    return (cell.answer_tokens - 1) / seconds if seconds > 0.05 else None


def _pairs(plan: RunPlan, verdicts: list[dict[int, list[bool]]]) -> list[PairFigures]:
    found = []
    for first, second in plan.pairs:
        rows = verdicts[first].keys() & verdicts[second].keys()
        differences = [_share(verdicts[first][row]) - _share(verdicts[second][row]) for row in sorted(rows)]
        if differences:
            difference = sum(differences) / len(differences)
            found.append((first, second, len(differences), difference, sign_flip_test(differences)))
    raised = holm([p_value for *_, p_value in found])
    return [PairFigures(*pair[:4], p_value) for pair, p_value in zip(found, raised, strict=True)]


def _share(verdicts: list[bool]) -> float:
    return sum(verdicts) / len(verdicts)

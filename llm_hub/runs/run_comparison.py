"""A run compared with an earlier one of the same set: what changed since, and how sure that is.

Two cells belong together whose target and prompt are the same, word by word; what only one of the runs has is left out.
Both are judged by the later run's checks.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from llm_hub.errors import ConfigurationError
from llm_hub.runs.run_figures import SIGNIFICANT, is_judged, verdict
from llm_hub.runs.run_statistics import Interval, holm, pass_interval, quantile, sign_flip_test

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.runs.cell import Cell
    from llm_hub.runs.run_plan import RunPlan
    from llm_hub.runs.run_store import StoredRun


@dataclass(frozen=True, slots=True)
class FigureChange:
    """One figure of a column before and now, by the rows that both runs have; None: nobody knows it.

    `higher` and `lower` count the rows where it is higher now, and lower. `p_value` is how probable that is if nothing
    has changed, corrected for all that is tested in one comparison.
    """

    before: float | None
    now: float | None
    higher: int
    lower: int
    p_value: float

    @property
    def is_significant(self) -> bool:
        """Whether it has changed, and not only by chance."""
        return self.p_value < SIGNIFICANT


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """What changed of one target with one variant of the prompt. `passed` and its intervals are None without checks.

    `seconds` is the median of whole answers, `usd_per_1000` the price of a thousand cells.
    """

    target: str
    variant: int
    rows: int
    passed: FigureChange | None
    passed_before: Interval | None
    passed_now: Interval | None
    seconds: FigureChange
    usd_per_1000: FigureChange


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """A row of which more answers pass now, or fewer: its number from 0 and the shares that passed."""

    target: str
    variant: int
    row: int
    before: float
    now: float


@dataclass(frozen=True, slots=True)
class RunComparison:
    """All columns that both runs have, and the rows whose pass rate changed, the worst first.

    `earlier` is the other run's id, and `texts` how many pairs of a prompt and a target have other answers now, of
    `compared`.
    """

    earlier: str
    columns: tuple[ColumnChange, ...]
    rows: tuple[ChangedRow, ...]
    texts: int
    compared: int

    @property
    def is_worse(self) -> bool:
        """Whether some target passes less often than before, and not only by chance."""
        return any(
            passed.is_significant and (passed.now or 0) < (passed.before or 0)
            for column in self.columns
            if (passed := column.passed) is not None
        )


def check_comparable(earlier_id: str, earlier: RunPlan, later: RunPlan) -> None:
    """Raises `ConfigurationError` where two runs have nothing that can be compared."""
    prompts = [{text for texts in plan.texts for text in texts} for plan in (earlier, later)]
    if not set(earlier.targets) & set(later.targets) or not prompts[0] & prompts[1]:
        raise ConfigurationError(f"The run {earlier_id} has no prompt and target in common with this one.")


class _Pair(NamedTuple):
    """The cells of one row in one column, of both runs. All have numbers of the later run."""

    row: int
    before: list[Cell]
    now: list[Cell]


def compare_runs(earlier_id: str, earlier: StoredRun, later: StoredRun) -> RunComparison:
    """What changed from the earlier run to the later one, as far as the two are written."""
    plan, pairs = later.plan, _pairs(earlier, later)
    columns = [_column(plan, key, rows) for key, rows in pairs.items()]
    tested = [change for each in columns for change in (each.passed, each.seconds, each.usd_per_1000) if change]
    raised = iter(holm([change.p_value for change in tested]))
    columns = [
        replace(
            each,
            passed=each.passed and replace(each.passed, p_value=next(raised)),
            seconds=replace(each.seconds, p_value=next(raised)),
            usd_per_1000=replace(each.usd_per_1000, p_value=next(raised)),
        )
        for each in columns
    ]
    texts = [_texts(pair.before) != _texts(pair.now) for rows in pairs.values() for pair in rows if _both(pair)]
    changed = [row for key, rows in pairs.items() for row in _changed_rows(plan, key, rows)]
    changed.sort(key=lambda each: (each.now - each.before, each.row))
    return RunComparison(earlier_id, tuple(columns), tuple(changed), sum(texts), len(texts))


def _pairs(earlier: StoredRun, later: StoredRun) -> dict[tuple[str, int], list[_Pair]]:
    """The rows of each column that both runs have cells of."""
    known = _rows(earlier)
    columns: dict[tuple[str, int], list[_Pair]] = {}
    for key, cells in _rows(later).items():
        if key in known:
            number = cells[0].number
            place = later.plan.place(number)
            before = [replace(cell, number=number) for cell in known[key]]
            columns.setdefault((key[0], place.variant), []).append(_Pair(place.row, before, cells))
    return columns


def _rows(run: StoredRun) -> dict[tuple[str, str, int], list[Cell]]:
    """The written cells by target, prompt, and the how-manieth row with that prompt it is."""
    plan = run.plan
    nth: dict[tuple[int, int], int] = {}
    for variant, texts in enumerate(plan.texts):
        seen = Counter[str]()
        for row, text in enumerate(texts):
            nth[variant, row] = seen[text]
            seen[text] += 1
    found: dict[tuple[str, str, int], list[Cell]] = {}
    for number in sorted(run.cells):
        place = plan.place(number)
        key = (plan.targets[place.target], plan.prompt(number), nth[place.variant, place.row])
        found.setdefault(key, []).append(run.cells[number])
    return found


def _column(plan: RunPlan, key: tuple[str, int], pairs: list[_Pair]) -> ColumnChange:
    def seconds(cells: list[Cell]) -> list[float]:
        return [cell.seconds for cell in cells if is_judged(plan, cell)]

    def usd(cells: list[Cell]) -> list[float]:
        return [float(cell.usd) for cell in cells] if not any(cell.unpriced for cell in cells) else []

    passed, before, now = None, None, None
    if plan.checks:
        both = [pair for pair in pairs if _passes(plan, pair.before) and _passes(plan, pair.now)]
        before = pass_interval(_passes(plan, pair.before) for pair in both)
        now = pass_interval(_passes(plan, pair.now) for pair in both)
        passed = _change(both, lambda cells: [float(each) for each in _passes(plan, cells)], _mean, by_size=True)
    return ColumnChange(
        *key,
        rows=len(pairs),
        passed=passed,
        passed_before=before,
        passed_now=now,
        seconds=_change(pairs, seconds, lambda values: quantile(values, 0.5)),
        usd_per_1000=_change(pairs, usd, lambda values: 1000 * fmean(values) if values else None),
    )


def _change(
    pairs: list[_Pair],
    values: Callable[[list[Cell]], list[float]],
    summary: Callable[[list[float]], float | None],
    *,
    by_size: bool = False,
) -> FigureChange:
    """One figure before and now. The test is of the rows' differences, or of their signs alone: of times and prices a
    single large one is no proof."""
    both = [(before, now) for pair in pairs if (before := values(pair.before)) and (now := values(pair.now))]
    differences = [round(fmean(now) - fmean(before), 12) for before, now in both]
    signs = [(each > 0) - (each < 0) for each in differences]
    return FigureChange(
        summary([each for before, _ in both for each in before]),
        summary([each for _, now in both for each in now]),
        signs.count(1),
        signs.count(-1),
        sign_flip_test(differences if by_size else signs),
    )


def _mean(values: list[float]) -> float | None:
    return fmean(values) if values else None


def _changed_rows(plan: RunPlan, key: tuple[str, int], pairs: list[_Pair]) -> list[ChangedRow]:
    found = []
    for pair in pairs:
        before, now = _passes(plan, pair.before), _passes(plan, pair.now)
        if before and now and fmean(before) != fmean(now):
            found.append(ChangedRow(*key, pair.row, fmean(before), fmean(now)))
    return found


def _passes(plan: RunPlan, cells: list[Cell]) -> list[bool]:
    return [passed for cell in cells if (passed := verdict(plan, cell)) is not None]


def _texts(cells: list[Cell]) -> set[str]:
    return {" ".join(cell.text.split()) for cell in cells if cell.is_answered}


def _both(pair: _Pair) -> bool:
    return bool(_texts(pair.before) and _texts(pair.now))

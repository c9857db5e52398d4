"""Asks the cells of a run that have no answer, a few of each target at once, and writes each as it is answered.

    await store.create(run_id, plan)
    runner = Runner(hub, store, run_id, plan, cells={})
    ended = await runner.run()          # "complete", "stopped" or "ceiling"

A run that was killed goes on where it was, with `plan` and `cells` from `store.load(run_id)`.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, Protocol

from llm_hub.access.model_names import full_name
from llm_hub.chat import split_target
from llm_hub.errors import ConfigurationError, LLMHubError
from llm_hub.redaction import redact
from llm_hub.runs.ceiling import Ceiling
from llm_hub.runs.cell import DECLINED, Cell
from llm_hub.runs.cell_request import AskedCell, CellRequest, ask
from llm_hub.runs.run_estimate import most_usd, unknown_price
from llm_hub.runs.run_store import HOLD_SECONDS, RunStore

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

    from llm_hub.chat import ChatRequest
    from llm_hub.runs.answering_hub import AnsweringHub, RunSession

CONCURRENCY = 4
"""Requests of one target at once. The embedded model is asked one at a time: it would share its speed among them."""
PATIENCE = 90.0
"""Seconds that a target is waited for that asks to wait, or is paused, until its cells fail."""

RunEnd = Literal["complete", "stopped", "ceiling"]
"""Why a run ended: nothing is left to ask, somebody stopped it, or what is left costs more than may be spent."""


class Questions(Protocol):
    """What a runner asks: a `RunPlan`, or a `JudgePlan` about the answers to one. `numbers_of` are the cells of a
    target, by its place among the targets."""

    @property
    def targets(self) -> tuple[str, ...]: ...
    @property
    def fallback(self) -> tuple[str, ...]: ...
    @property
    def max_usd(self) -> Decimal | None: ...
    def numbers_of(self, target: int, /) -> Iterator[int]: ...
    def target_of(self, number: int, /) -> int: ...
    def request(self, number: int, /) -> ChatRequest: ...


class Runner:
    """One run at work. `cells` has those that are written, by number, and grows; `changed` is called for each.
    `spent` is what else counts towards the ceiling.

    Cells that failed are asked again only with `again`, and then alone: those that were never asked are left.
    """

    def __init__(
        self,
        hub: AnsweringHub,
        store: RunStore,
        run_id: str,
        plan: Questions,
        *,
        cells: dict[int, Cell],
        spent: Decimal = Decimal(0),
        again: bool = False,
        concurrency: int = CONCURRENCY,
        patience: float = PATIENCE,
        changed: Callable[[Cell], None] = lambda _: None,
        clean: Callable[[str], str] = redact,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.run_id = run_id
        self.plan = plan
        self.cells = cells
        self.waiting: dict[str, float] = {}
        """Targets that are waited for, with the seconds that they asked for."""
        self._hub = hub
        self._store = store
        self._again = again
        self._concurrency = concurrency
        self._patience = patience
        self._changed = changed
        self._clean = clean
        self._sleep = sleep
        self._holder = secrets.token_hex(8)
        self._stop = asyncio.Event()
        self._over = asyncio.Event()
        self._waits_since: dict[str, float] = {}
        self._ceiling = Ceiling(plan.max_usd, spent + spent_on(cells))
        self._left = Counter({target: len(self.missing(place)) for place, target in enumerate(plan.targets)})
        self.total = self.left if again else len(cells) + self.left
        """How many cells there will be when nothing is left; of an `again`, those that it asks."""
        self._began: float | None = None
        self._done: Counter[str] = Counter()

    @property
    def spent(self) -> Decimal:
        """US dollars so far, with what must be taken for paid."""
        return self._ceiling.spent

    @property
    def left(self) -> int:
        """How many cells this run has still to ask."""
        return self._left.total()

    @property
    def seconds_left(self) -> float | None:
        """The seconds until the slowest target is done, at the pace so far; None: no cell has been asked yet."""
        if self._began is None or not self._done:
            return None
        elapsed = asyncio.get_running_loop().time() - self._began
        paces = [
            elapsed / self._done[target] * left for target, left in self._left.items() if left and self._done[target]
        ]
        return max(paces, default=0.0 if not self.left else None)

    def missing(self, target: int) -> list[int]:
        """The cells of one target that are to be asked, in order."""
        numbers = self.plan.numbers_of(target)
        if self._again:
            return [number for number in numbers if (cell := self.cells.get(number)) and is_failure(cell)]
        return [number for number in numbers if number not in self.cells]

    def stop(self) -> None:
        """Asks no further cell. Those that are being answered are waited for."""
        self._stop.set()

    async def run(self) -> RunEnd:
        """Asks what is missing. Raises `ConfigurationError` for a run or a database that cannot be used, and where the
        price of a target is unknown that may not cost more than a ceiling; `ShuttingDown` where the hub is stopped."""
        for place in range(len(self.plan.targets)):
            if missing := self.missing(place):
                self._most(missing[0])
        await self._warm_up()
        await self._take_hold()
        keeper = asyncio.create_task(self._keep_hold())
        self._began = asyncio.get_running_loop().time()
        failure: BaseException | None = None
        try:
            async with asyncio.TaskGroup() as tasks:
                for place, target in enumerate(self.plan.targets):
                    numbers = iter(self.missing(place))
                    for _ in range(1 if split_target(target)[0] == "local" else self._concurrency):
                        tasks.create_task(self._work(target, numbers))
        except* LLMHubError as errors:
            failure = errors.exceptions[0]  # raised here, it would be in a group again
        finally:
            self._over.set()
            await keeper
            await self._store.release(self.run_id, self._holder)
        if failure is not None:
            raise failure
        if not self.left:
            return "complete"
        return "stopped" if self._stop.is_set() else "ceiling"

    async def _work(self, target: str, numbers: Iterator[int]) -> None:
        for number in numbers:
            most = self._most(number)
            if self._stop.is_set() or not await self._ceiling.set_aside(most):
                return
            if self._stop.is_set():
                self._ceiling.settle(most, Decimal(0))
                return
            before = self.cells.get(number)
            cell = None
            try:
                cell = await self._ask_patiently(CellRequest(number, target, self.plan.request(number), before))
            finally:
                self._ceiling.settle(most, _cost(cell or before) - _cost(before))
            if cell is None:
                return
            await self._store.write(self.run_id, cell)
            self.cells[number] = cell
            self._left[target] -= 1
            self._done[target] += 1
            self._changed(cell)

    async def _ask_patiently(self, request: CellRequest) -> Cell | None:
        """The cell, asked again after each wait that its target asks for, within the patience for that target; None:
        the run was stopped meanwhile, at no cost."""
        while True:
            asked: AskedCell = await ask(self._hub, request, clean=self._clean)
            if asked.retry_after is None or not self._may_wait(request.target, asked.retry_after):
                if asked.cell.is_answered:
                    self._waits_since.pop(request.target, None)
                self.waiting.pop(request.target, None)
                return asked.cell
            self.waiting[request.target] = asked.retry_after
            request = CellRequest(request.number, request.target, request.request, asked.cell)
            if await _happens(self._stop, self._sleep(asked.retry_after)):
                return asked.cell if _cost(asked.cell) else None

    def _may_wait(self, target: str, seconds: float) -> bool:
        now = asyncio.get_running_loop().time()
        return now + seconds <= self._waits_since.setdefault(target, now) + self._patience

    def _most(self, number: int) -> Decimal:
        """The most that a cell may cost, retries and fallbacks included; 0 without a ceiling. Raises
        `ConfigurationError` where it is unknown."""
        if self.plan.max_usd is None:
            return Decimal(0)
        session, request = self._hub.session, self.plan.request(number)
        total = Decimal(0)
        for target in (self.plan.targets[self.plan.target_of(number)], *self.plan.fallback):
            price = most_usd(session, request, target)
            if price is None:
                raise unknown_price(target)
            total += price * session.max_tries
        return total

    async def _warm_up(self) -> None:
        """Has providers import what they need, which no answer's time is to include."""
        names = dict.fromkeys(split_target(target)[0] for target in (*self.plan.targets, *self.plan.fallback))
        for name in names:
            with suppress(LLMHubError):  # its cells will tell
                await self._hub.session.warm_up(name)

    async def _take_hold(self) -> None:
        while left := await self._store.hold(self.run_id, self._holder):
            self.waiting["another process, which may be at work on this run"] = left
            await self._sleep(left)
        self.waiting.clear()

    async def _keep_hold(self) -> None:
        """Says again and again that this process works on the run. If another has taken it over, it stops."""
        while not await _happens(self._over, asyncio.sleep(HOLD_SECONDS / 4)):
            with suppress(ConfigurationError):  # the next cell tells that the database failed
                if await self._store.hold(self.run_id, self._holder):
                    self.stop()


async def _happens(event: asyncio.Event, nap: Awaitable[object]) -> bool:
    """Whether the event has come when the nap is over; it ends the nap."""
    waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(nap)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return event.is_set()


def is_failure(cell: Cell) -> bool:
    """Whether asking a cell again may help: a model that declined would decline again."""
    return not cell.is_answered and cell.outcome != DECLINED


def spent_on(cells: Mapping[int, Cell]) -> Decimal:
    """US dollars that cells cost, with what must be taken for paid."""
    return sum(map(_cost, cells.values()), Decimal(0))


def _cost(cell: Cell | None) -> Decimal:
    return cell.usd + cell.assumed_usd if cell is not None else Decimal(0)


async def ready_targets(session: RunSession, names: Iterable[str]) -> tuple[str, ...]:
    """The targets with their providers and models. Raises `ConfigurationError` for one that cannot be asked."""
    states = {state.name: state for state in session.providers()}
    targets = []
    for name in names:
        target = session.target(await full_name(name, session))
        provider = split_target(target)[0]
        if provider not in states:
            raise ConfigurationError(f"There is no provider {provider}.", hint=f"There are {', '.join(states)}.")
        if not states[provider].ready:
            raise ConfigurationError(f"{provider} {states[provider].problem}.")
        targets.append(target)
    return tuple(targets)

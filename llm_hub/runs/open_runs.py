"""The runs that a server works on, and those that its page has opened. A run goes on whatever the page does."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from llm_hub.conversations.search_text import fold
from llm_hub.errors import ConfigurationError, LLMHubError, ShuttingDown
from llm_hub.runs.answering_hub import OwnHub
from llm_hub.runs.marking import with_marks
from llm_hub.runs.run_comparison import check_comparable, compare_runs
from llm_hub.runs.run_figures import find_figures
from llm_hub.runs.run_store import StoredRun
from llm_hub.runs.run_work import judge_left, runners
from llm_hub.runs.runner import Runner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from llm_hub.gateway.caller import Caller
    from llm_hub.gateway.gateway import Gateway
    from llm_hub.runs.run_comparison import RunComparison
    from llm_hub.runs.run_figures import RunFigures
    from llm_hub.runs.run_plan import RunPlan
    from llm_hub.runs.run_store import RunHead, RunStore
    from llm_hub.runs.runner import RunEnd

log = logging.getLogger(__name__)

MAX_IDLE = 4
"""Runs that nobody works on and that stay in memory all the same: what a page shows is asked for again and again."""


class OpenRun:
    """A run in memory. `cells` and the judge's `verdicts` grow while it `is_running`, and `version` with them.

    `ended` says why the work on it ended, and `problem` what went wrong with it; "": nobody has worked on it here.
    """

    def __init__(self, run_id: str, stored: StoredRun) -> None:
        self.id = run_id
        self.plan, self.cells, self.verdicts = stored
        self.runner: Runner | None = None
        self.ended: RunEnd | str = ""
        self.problem = ""
        self.version = 0
        self._changed = asyncio.Event()
        self._figures: tuple[int, RunFigures] | None = None

    @property
    def is_running(self) -> bool:
        """Whether this server works on it."""
        return self.runner is not None

    @property
    def judge_left(self) -> int:
        """How many requests the judge has still to answer, once all answers are there."""
        return judge_left(StoredRun(self.plan, self.cells, self.verdicts))

    async def wait(self, version: int, seconds: float) -> None:
        """Waits until there is a newer version than this one, so many seconds at most."""
        if self.version == version:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait()

    async def figures(self) -> RunFigures:
        """The figures of the cells that are written by now."""
        if self._figures is None or self._figures[0] != self.version:
            version = self.version
            self._figures = (
                version,
                await asyncio.to_thread(find_figures, *self.snapshot()),
            )
        return self._figures[1]

    def snapshot(self) -> StoredRun:
        """The run as it is written by now, for another thread."""
        return StoredRun(self.plan, dict(self.cells), dict(self.verdicts))

    def note_change(self) -> None:
        """Wakes whoever waits for a newer version."""
        self.version += 1
        self._changed.set()
        self._changed = asyncio.Event()


class OpenRuns:
    """Starts runs and works on them in the background. `clean` takes keys out of errors."""

    def __init__(self, gateway: Gateway, store: RunStore, *, clean: Callable[[str], str]) -> None:
        self._gateway = gateway
        self._store = store
        self._clean = clean
        self._runs: dict[str, OpenRun] = {}
        self._work: dict[str, asyncio.Task[None]] = {}

    @property
    def running(self) -> OpenRun | None:
        """The latest run that is being worked on."""
        return next((run for run in reversed(self._runs.values()) if run.is_running), None)

    async def start(self, caller: Caller, plan: RunPlan) -> OpenRun:
        """Writes a new run, and begins to ask it. Raises `ConfigurationError` where the database fails."""
        run = OpenRun(time.strftime("%m%d-%H%M-") + secrets.token_hex(3), StoredRun(plan, {}, {}))
        await self._store.create(run.id, plan)
        self._keep(run)
        self._begin(caller, run, again=False)
        return run

    async def resume(self, caller: Caller, run_id: str, *, again: bool = False) -> OpenRun:
        """Goes on with a run that is not complete; `again`: asks its failed cells again, and nothing else."""
        run = await self.open(run_id)
        if not run.is_running:
            self._begin(caller, run, again=again)
        return run

    async def open(self, run_id: str) -> OpenRun:
        """The run as it is now; another process may have worked on it. Raises `ConfigurationError`."""
        run = self._runs.get(run_id)
        if run is None or not run.is_running:
            if (found := await self._store.load(run_id)) is None:
                raise ConfigurationError("That run is not here any more.")
            ended, problem = (run.ended, run.problem) if run is not None else ("", "")
            run = OpenRun(run_id, found)
            run.ended, run.problem = ended, problem
            self._keep(run)
        return run

    async def find(self, run_id: str) -> OpenRun:
        """The run as it was opened last. Raises `ConfigurationError`."""
        return self._runs.get(run_id) or await self.open(run_id)

    async def heads(self) -> Sequence[RunHead]:
        """All runs, the newest first. Raises `ConfigurationError`."""
        return await self._store.heads()

    async def listed(self, search: str) -> list[dict[str, Any]]:
        """The newest runs as the list of conversations has them, those whose titles have every word of the search. None
        where the database fails: the list says so by itself."""
        words = fold(search).split()
        try:
            titles = await self._store.titles()
        except ConfigurationError:
            return []
        return [
            {"id": run_id, "kind": "run", "shown_title": title, "pinned": False, "changed_at": created_at, "version": 0,
                "running": self.is_running(run_id)}
            for run_id, title, created_at in titles
            if all(word in fold(title) for word in words)
        ]  # fmt: skip

    async def earlier(self, run: OpenRun) -> Sequence[RunHead]:
        """The runs of the same set before this one, the newest first."""
        heads = await self._store.heads()
        places = [place for place, head in enumerate(heads) if head.id == run.id]
        return [head for head in heads[places[0] + 1 :] if head.title == run.plan.prompts.name] if places else []

    async def compare(self, earlier_id: str, run: OpenRun) -> RunComparison:
        """What changed since an earlier run. Raises `ConfigurationError` where the two cannot be compared."""
        earlier = await self.find(earlier_id)
        check_comparable(earlier.id, earlier.plan, run.plan)
        return await asyncio.to_thread(compare_runs, earlier.id, earlier.snapshot(), run.snapshot())

    def is_running(self, run_id: str) -> bool:
        """Whether this server works on the run of that id."""
        return run_id in self._work

    def stop(self, run_id: str) -> None:
        """Asks no further cell of a run."""
        run = self._runs.get(run_id)
        if run is not None and run.runner is not None:
            run.runner.stop()

    async def mark(self, run: OpenRun, number: int, mark: bool | None) -> None:
        """Writes a person's mark of an answer; None takes it back. Raises `ConfigurationError` while the run is asked:
        what is to be marked would change."""
        if run.is_running:
            raise ConfigurationError("Answers are marked when the run has ended, or pauses.")
        cell = replace(run.cells[number], mark=mark)
        plan = with_marks(run.plan, ({**run.cells, number: cell}).values())
        await self._store.write(run.id, cell)
        if plan != run.plan:
            await self._store.update(run.id, plan)
        run.cells[number], run.plan = cell, plan
        run.note_change()

    async def delete(self, run_id: str) -> None:
        """Deletes a run. Work on it ends first, without waiting for its answers."""
        if (work := self._work.get(run_id)) is not None:
            work.cancel()
            await asyncio.wait([work])
        self._runs.pop(run_id, None)
        await self._store.delete(run_id)

    async def aclose(self) -> None:
        """Ends all work. What was answered is written."""
        if work := [*self._work.values()]:
            for task in work:
                task.cancel()
            await asyncio.wait(work)

    def _keep(self, run: OpenRun) -> None:
        self._runs.pop(run.id, None)
        self._runs[run.id] = run
        idle = [each.id for each in self._runs.values() if not each.is_running]
        for run_id in idle[:-MAX_IDLE]:
            del self._runs[run_id]

    def _begin(self, caller: Caller, run: OpenRun, *, again: bool) -> None:
        run.ended = run.problem = ""
        make = partial(
            Runner, OwnHub(self._gateway, caller), self._store, run.id,
            changed=lambda _: run.note_change(), clean=self._clean,
        )  # fmt: skip
        work = runners(make, StoredRun(run.plan, run.cells, run.verdicts), again=again)
        run.runner = next(work)
        self._work[run.id] = asyncio.create_task(self._finish(run, work))

    async def _finish(self, run: OpenRun, work: Iterator[Runner]) -> None:
        """Works on a run to its end, and notes what that was."""
        try:
            while run.runner is not None:
                run.ended = await run.runner.run()
                run.runner = next(work, None) if run.ended == "complete" else None
        except (asyncio.CancelledError, ShuttingDown):
            run.ended = "stopped"
        except LLMHubError as error:
            run.problem = self._clean(str(error))
        except Exception:
            log.exception("The run %s failed.", run.id)
            run.problem = "The run failed, for a reason that stands in the hub's log. What was answered is kept."
        finally:
            run.runner = None
            self._work.pop(run.id, None)
            run.note_change()

"""`llm-hub run`: asks a set of prompts of several targets, and says which answers pass, how fast and at what price.

It asks in its own process, with the owner's keys and settings, and needs no hub that runs; with `--hub` it asks one.
What was answered is in this folder's database, so that a run which was killed goes on with `--resume`; with
LLM_HUB_HISTORY=off it is kept nowhere.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import secrets
import signal
import sys
import time
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from llm_hub.errors import ConfigurationError
from llm_hub.gateway.caller import Caller
from llm_hub.gateway.gateway import Gateway
from llm_hub.gateway.meter import Meter
from llm_hub.hub import Hub
from llm_hub.providers.catalog import PROVIDERS
from llm_hub.redaction import Redactor
from llm_hub.runs.answering_hub import OwnHub
from llm_hub.runs.marking import with_marks
from llm_hub.runs.run_comparison import check_comparable, compare_runs
from llm_hub.runs.run_estimate import estimate_run
from llm_hub.runs.run_figures import find_figures
from llm_hub.runs.run_store import RunStore, StoredRun
from llm_hub.runs.run_work import runners
from llm_hub.runs.runner import Runner
from llm_hub.runs.running_hub import RunningHub
from llm_hub.serving.run_options import MAX_CONCURRENCY, parser, read_hub_key, read_options
from llm_hub.settings import Settings
from llm_hub.storage.database import Database
from llm_hub.ui.render.run_files import write_report
from llm_hub.ui.render.run_report import RunReport, describe_estimate
from llm_hub.usage.ledger import Ledger
from llm_hub.usage.prices import Prices

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from llm_hub.runs.answering_hub import AnsweringHub
    from llm_hub.runs.runner import RunEnd

SURFACE = "run"
"""Where these requests come from, as the ledger has it."""


def main(arguments: Sequence[str]) -> int:
    """Runs the command. The exit code is 0, 1 where the threshold was missed or the run did not end, 2 for what cannot
    be used as it is."""
    options = parser().parse_args(arguments)
    logging.getLogger().addHandler(logging.NullHandler())  # what went wrong stands in the report
    try:
        return asyncio.run(_Command(options).run())
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2


class _Command:
    """One call of the command."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._settings = Settings.load()
        self._key = read_hub_key(options, self._settings) if options.hub else ""
        self._redactor = Redactor({*self._settings.secrets(), self._key} - {""})

    async def run(self) -> int:
        database = Database(self._settings.database_url)
        runs = database if self._settings.history != "off" else Database("sqlite:///:memory:")
        try:
            async with self._open_hub(database) as hub:
                return await self._run(hub, RunStore(runs))
        finally:
            await database.aclose()
            await runs.aclose()

    @asynccontextmanager
    async def _open_hub(self, database: Database) -> AsyncIterator[AnsweringHub]:
        """The hub that runs where `--hub` says, or one in this process."""
        if address := self._options.hub:
            prices = Prices({name: spec.prices for name, spec in PROVIDERS.items()}, self._settings.prices)
            tries = self._settings.max_retries + 1
            async with RunningHub.open(address, self._key, prices=prices, max_tries=tries) as running:
                yield running
            return
        hub = Hub(self._settings)
        ledger = Ledger(database, days=self._settings.ledger_days)
        gateway = Gateway(hub, meter=Meter(ledger, redactor=self._redactor))
        try:
            yield OwnHub(gateway, Caller(SURFACE, gateway.owner_session))
        finally:
            await hub.aclose()
            await ledger.aclose()

    async def _run(self, hub: AnsweringHub, store: RunStore) -> int:
        options = self._options
        if options.list:
            for head in await store.heads():
                at = time.strftime("%Y-%m-%d %H:%M", time.localtime(head.created_at))
                sys.stdout.write(f"{head.id}  {at}  {head.written}/{head.size}  {head.title}\n")
            return 0
        if options.delete:
            await store.delete(options.delete)
            return 0
        if not 1 <= options.concurrency <= MAX_CONCURRENCY:
            raise ConfigurationError(f"--concurrency is 1 to {MAX_CONCURRENCY}.")
        earlier = await self._find(store, name) if (name := options.compare_with or options.again) else None
        run_id, run = await self._open(hub, store, earlier)
        plan = run.plan
        make = partial(
            Runner,
            hub,
            store,
            run_id,
            concurrency=options.concurrency,
            clean=self._redactor,
        )
        work = runners(make, run, again=options.retry_failed)
        runner = next(work)
        self._say(f"Run {run_id}: {runner.left} of {plan.size} requests are left to ask.\n")
        for estimate in estimate_run(plan, hub.session):
            self._say(f"  {describe_estimate(estimate)}\n")
        if options.dry_run:
            return 0
        ended = await self._ask(runner)
        while ended == "complete" and (judge := next(work, None)) is not None:
            self._say(f"The judge, {plan.judge}, is asked {judge.left} times.\n")
            ended = await self._ask(judge)
        changes = compare_runs(*earlier, run) if earlier is not None else None
        return self._finish(RunReport(run_id, plan, run.cells, find_figures(*run), changes), ended)

    async def _ask(self, runner: Runner) -> RunEnd:
        """Asks what is left, and shows how far it has come."""
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):  # on Windows, where a run just ends, and goes on with --resume
                loop.add_signal_handler(signum, self._interrupt, runner, signum)
        progress = asyncio.create_task(self._show_progress(runner))
        try:
            return await runner.run()
        finally:
            progress.cancel()
            self._show(runner)

    async def _open(
        self, hub: AnsweringHub, store: RunStore, earlier: tuple[str, StoredRun] | None
    ) -> tuple[str, StoredRun]:
        """The run that is to go on, or a new one. Nothing is written of one that is only estimated."""
        options = self._options
        if options.resume:
            return await self._find(store, options.resume)
        if options.again:
            plan = with_marks((await self._find(store, options.again))[1].plan, ())
        else:
            plan = await read_options(options, hub.session)
        if earlier is not None:
            check_comparable(earlier[0], earlier[1].plan, plan)
        run_id = time.strftime("%m%d-%H%M-") + secrets.token_hex(3)
        if not options.dry_run:
            await store.create(run_id, plan)
        return run_id, StoredRun(plan, {}, {})

    async def _find(self, store: RunStore, name: str) -> tuple[str, StoredRun]:
        """A run by its name; `last` is the newest. Raises `ConfigurationError`."""
        if name == "last":
            name = next((head.id for head in await store.heads(1)), name)
        if (found := await store.load(name)) is None:
            raise ConfigurationError(f"There is no run {name}.", hint="`llm-hub run --list` lists them.")
        return name, found

    def _interrupt(self, runner: Runner, signum: signal.Signals) -> None:
        self._say("\nStopping: the requests that are being answered are waited for. Again: at once.\n")
        runner.stop()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signum, os._exit, 128 + signum)  # what was answered is written

    async def _show_progress(self, runner: Runner) -> None:
        """The line of progress: rewritten in a terminal, else one every ten seconds."""
        while True:
            await asyncio.sleep(0.5 if sys.stderr.isatty() else 10)
            self._show(runner)

    def _show(self, runner: Runner) -> None:
        seconds = runner.seconds_left
        facts = [f"{runner.total - runner.left}/{runner.total}", "" if seconds is None else f"{_clock(seconds)} left"]
        facts += [f"${runner.spent:.4f}"] if runner.spent else []
        facts += [f"waiting for {target}" for target in runner.waiting]
        line = " · ".join(filter(None, facts))
        self._say(f"\r\x1b[K{line}" + ("" if runner.left else "\n") if sys.stderr.isatty() else f"{line}\n")

    def _finish(self, report: RunReport, ended: RunEnd) -> int:
        options = self._options
        sys.stdout.write(self._redactor(write_report(report, "terminal")))
        for name in options.out:
            kind = Path(name).suffix.lower().removeprefix(".")
            Path(name).write_text(write_report(report, kind), encoding="utf-8")
        if ended != "complete":
            why = "it was stopped" if ended == "stopped" else "the ceiling is reached"
            again = f"--resume {report.run_id}" + (f" --hub {options.hub}" if options.hub else "")
            goes_on = f" It goes on with: llm-hub run {again}" if self._settings.history != "off" else ""
            self._say(f"The run is not complete: {why}.{goes_on}\n")
            return 1
        is_worse = options.fail_if_worse and report.changes is not None and report.changes.is_worse
        missed = [
            each
            for each in report.figures.columns
            if options.min_pass is not None and (not each.pass_rate or each.pass_rate.share < options.min_pass)
        ]
        for column in missed:
            rate = f"{column.pass_rate.share:.1%}" if column.pass_rate else "no pass rate"
            self._say(f"{column.target}: {rate} is below {options.min_pass:.1%}.\n")
        return 1 if missed or is_worse else 0

    def _say(self, text: str) -> None:
        sys.stderr.write(self._redactor(text))
        sys.stderr.flush()


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"

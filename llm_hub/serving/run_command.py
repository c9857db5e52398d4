"""`llm-hub run`: asks a set of prompts of several targets, and says which answers pass, how fast and at what price.

It asks in its own process, with the owner's keys and settings, and needs no hub that runs. What was answered is in the
hub's database, so that a run which was killed goes on with `--resume`; with LLM_HUB_HISTORY=off it is kept nowhere.
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
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

from llm_hub.errors import ConfigurationError
from llm_hub.gateway.caller import Caller
from llm_hub.gateway.gateway import Gateway
from llm_hub.gateway.meter import Meter
from llm_hub.hub import Hub
from llm_hub.redaction import Redactor
from llm_hub.runs.answer_checks import read_check
from llm_hub.runs.prompt_set import read_prompt_set
from llm_hub.runs.run_estimate import estimate_run
from llm_hub.runs.run_figures import find_figures
from llm_hub.runs.run_plan import RunPlan
from llm_hub.runs.run_store import RunStore
from llm_hub.runs.runner import Runner, ready_targets
from llm_hub.settings import Settings
from llm_hub.storage.database import Database
from llm_hub.ui.render.run_files import FORMATS, write_report
from llm_hub.ui.render.run_report import RunReport, describe_estimate
from llm_hub.usage.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_hub.runs.cell import Cell
    from llm_hub.runs.runner import RunEnd

SURFACE = "run"
"""Where these requests come from, as the ledger has it."""
MAX_CONCURRENCY = 50


def main(arguments: Sequence[str]) -> int:
    """Runs the command. The exit code is 0, 1 where the threshold was missed or the run did not end, 2 for what cannot
    be used as it is."""
    options = _parser().parse_args(arguments)
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
        self._redactor = Redactor(self._settings.secrets())

    async def run(self) -> int:
        hub = Hub(self._settings)
        database = Database(self._settings.database_url)
        ledger = Ledger(database, days=self._settings.ledger_days)
        gateway = Gateway(hub, meter=Meter(ledger, redactor=self._redactor))
        runs = database if self._settings.history != "off" else Database("sqlite:///:memory:")
        try:
            return await self._run(gateway, RunStore(runs))
        finally:
            await hub.aclose()
            await ledger.aclose()
            await database.aclose()
            await runs.aclose()

    async def _run(self, gateway: Gateway, store: RunStore) -> int:
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
        run_id, plan, cells = await self._open(gateway, store)
        caller = Caller(SURFACE, gateway.owner_session)
        runner = Runner(
            gateway,
            caller,
            store,
            run_id,
            plan,
            cells=cells,
            again=options.retry_failed,
            concurrency=options.concurrency,
            clean=self._redactor,
        )
        self._say(f"Run {run_id}: {runner.left} of {plan.size} requests are left to ask.\n")
        for estimate in estimate_run(plan, gateway.owner_session):
            self._say(f"  {describe_estimate(estimate)}\n")
        if options.dry_run:
            return 0
        loop = asyncio.get_running_loop()
        for signum in (signal.SIGINT, signal.SIGTERM):
            with suppress(NotImplementedError):  # on Windows, where a run just ends, and goes on with --resume
                loop.add_signal_handler(signum, self._interrupt, runner, signum)
        progress = asyncio.create_task(self._show_progress(runner))
        try:
            ended = await runner.run()
        finally:
            progress.cancel()
        self._show(runner)
        return self._finish(RunReport(run_id, plan, cells, find_figures(plan, cells)), ended)

    async def _open(self, gateway: Gateway, store: RunStore) -> tuple[str, RunPlan, dict[int, Cell]]:
        """The run that is to go on, or a new one. Nothing is written of one that is only estimated."""
        options = self._options
        if options.resume:
            run_id = options.resume
            if run_id == "last":
                run_id = next((head.id for head in await store.heads(1)), run_id)
            if (found := await store.load(run_id)) is None:
                raise ConfigurationError(f"There is no run {run_id}.", hint="`llm-hub run --list` lists them.")
            return run_id, *found
        if not options.set or not options.targets:
            raise ConfigurationError("A run needs a file of prompts, and --targets.", hint="`llm-hub run --help`.")
        if options.min_pass is not None and not options.check:
            raise ConfigurationError("--min-pass needs a check that answers can pass.", hint="Add one with --check.")
        plan = await self._plan(gateway)
        run_id = time.strftime("%m%d-%H%M-") + secrets.token_hex(3)
        if not options.dry_run:
            await store.create(run_id, plan)
        return run_id, plan, {}

    async def _plan(self, gateway: Gateway) -> RunPlan:
        options = self._options
        try:
            data = await asyncio.to_thread(_read, options.set)
        except OSError as error:
            raise ConfigurationError(f"{options.set} cannot be read: {error.strerror}.") from None
        session = gateway.owner_session
        plan = RunPlan(
            read_prompt_set(Path(options.set).name, data),
            await ready_targets(session, _names(options.targets)),
            tuple(_text_or_file(text) for text in options.template),
            options.repeats,
            tuple(_check_or_file(check) for check in options.check),
            _text_or_file(options.system),
            options.temperature,
            options.max_tokens,
            options.effort,
            await ready_targets(session, _names(options.fallback)),
            options.max_usd,
        )
        for row in range(len(plan.prompts.rows)):
            for check in plan.checks_of(row):
                read_check(check)
        return plan

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
        done, seconds = runner.plan.size - runner.left, runner.seconds_left
        facts = [f"{done}/{runner.plan.size}", "" if seconds is None else f"{_clock(seconds)} left"]
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
            goes_on = (
                f" It goes on with: llm-hub run --resume {report.run_id}" if self._settings.history != "off" else ""
            )
            self._say(f"The run is not complete: {why}.{goes_on}\n")
            return 1
        if options.min_pass is None:
            return 0
        missed = [
            each for each in report.figures.columns if not each.pass_rate or each.pass_rate.share < options.min_pass
        ]
        for column in missed:
            rate = f"{column.pass_rate.share:.1%}" if column.pass_rate else "no pass rate"
            self._say(f"{column.target}: {rate} is below {options.min_pass:.1%}.\n")
        return 1 if missed else 0

    def _say(self, text: str) -> None:
        sys.stderr.write(self._redactor(text))
        sys.stderr.flush()


def _read(name: str) -> bytes:
    return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()


def _names(text: str) -> list[str]:
    return [name for part in text.split(",") if (name := part.strip())]


def _text_or_file(text: str) -> str:
    """A text, or with @ before it the file in which it stands. Raises `ConfigurationError`."""
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise ConfigurationError(f"{text[1:]} cannot be read.") from None


def _check_or_file(check: str) -> str:
    """A check, whose value may stand in a file: json:@schema.json."""
    kind, colon, value = check.partition(":")
    return f"{kind}{colon}{_text_or_file(value)}"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


def _dollars(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise argparse.ArgumentTypeError(f"{text} is no amount") from None
    if not value.is_finite() or value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is no amount")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError("must be 0 to 1")
    return value


def _report_file(name: str) -> str:
    if Path(name).suffix.lower().removeprefix(".") not in FORMATS:
        raise argparse.ArgumentTypeError(
            f"{name}: the ending is to be one of {', '.join(f'.{each}' for each in FORMATS)}"
        )
    return name


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="llm-hub run", description=(__doc__ or "").replace("\n", " "))
    add = parser.add_argument
    add(
        "set", nargs="?", help="the prompts: .csv or .jsonl with columns, or a text with one prompt a line; - for stdin"
    )
    add("--targets", default="", help="whom to ask: provider/model,provider/model")
    add("--template", action="append", default=[], help="a variant of the prompt, with {{columns}}; up to three; @file")
    add("--repeats", type=int, default=1, help="how often each prompt is asked: 1 to 20")
    kinds = "contains:, equals:, regex:, number:, json:, length:, refusal:, or not- before one for its opposite"
    add("--check", action="append", default=[], metavar="KIND:VALUE", help=f"{kinds}; all of them must pass")
    add("--system", default="", help="a system prompt; @file")
    add("--temperature", type=float)
    add("--max-tokens", type=int, help="tokens of an answer at most")
    add("--effort", help="how long to reason: low, medium, high")
    add("--fallback", default="", help="who may answer for a target that fails; nobody, unless it is set")
    add("--max-usd", type=_dollars, help="the most that the run may cost, in US dollars")
    add("--min-pass", type=_share, help="exit with 1 where the pass rate of a target is below: 0 to 1")
    add("--out", action="append", default=[], type=_report_file, help="writes a report: .html, .md, .csv or .json")
    add("--concurrency", type=int, default=4, help=f"requests of one target at once, {MAX_CONCURRENCY} at most")
    add("--resume", metavar="RUN", help="goes on with a run that did not end: its name, or last")
    add("--retry-failed", action="store_true", help="with --resume: asks the failed requests again, and nothing else")
    add("--delete", metavar="RUN", help="deletes a run with its answers")
    add("--list", action="store_true", help="lists the runs")
    add("--dry-run", action="store_true", help="says how many requests it would be and what they may cost, and ends")
    return parser

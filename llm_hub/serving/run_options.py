"""The options of `llm-hub run`, and the plan that they describe."""

from __future__ import annotations

import argparse
import asyncio
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

from llm_hub.errors import ConfigurationError
from llm_hub.runs.answer_checks import read_check
from llm_hub.runs.prompt_set import read_prompt_set
from llm_hub.runs.run_estimate import check_prices
from llm_hub.runs.run_plan import RunPlan
from llm_hub.runs.runner import ready_targets
from llm_hub.ui.render.run_files import FORMATS

if TYPE_CHECKING:
    from llm_hub.runs.answering_hub import RunSession
    from llm_hub.settings import Settings

DESCRIPTION = (
    "Asks a set of prompts of several targets, and says which answers pass, how fast and at what price. "
    "It asks in its own process, with the keys and settings of this folder, and needs no hub that runs; or a hub that "
    "runs, with --hub."
)
MAX_CONCURRENCY = 50


async def read_options(options: argparse.Namespace, session: RunSession) -> RunPlan:
    """The plan that the options describe. Raises `ConfigurationError`."""
    if not options.set or not options.targets:
        raise ConfigurationError("A run needs a file of prompts, and --targets.", hint="`llm-hub run --help`.")
    try:
        data = await asyncio.to_thread(_read, options.set)
    except OSError as error:
        raise ConfigurationError(f"{options.set} cannot be read: {error.strerror}.") from None
    judge = await ready_targets(session, _names(options.judge)[:1])
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
        judge=judge[0] if judge else "",
        rubric=tuple(line for text in options.rubric for line in _text_or_file(text).splitlines() if line.strip()),
    )
    if options.min_pass is not None and not plan.checks:
        raise ConfigurationError("--min-pass needs a check that answers can pass.", hint="Add one with --check.")
    for row in range(len(plan.prompts.rows)):
        for check in plan.checks_of(row):
            read_check(check)
    check_prices(plan, session)
    return plan


def read_hub_key(options: argparse.Namespace, settings: Settings) -> str:
    """The key for the hub that is to be asked, which nobody should write on a command line; "" for none. Raises
    `ConfigurationError`."""
    if options.hub_key_file:
        return _text_or_file(f"@{options.hub_key_file}").strip()
    return settings.api_key.get_secret_value().strip()


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


def parser() -> argparse.ArgumentParser:
    """The options, with their help."""
    made = argparse.ArgumentParser(prog="llm-hub run", description=DESCRIPTION)
    add = made.add_argument
    add("set", nargs="?", help="the prompts: .csv or .jsonl with columns, or one on each line; - for stdin")
    add("--targets", default="", help="whom to ask: provider/model,provider/model")
    add("--template", action="append", default=[], help="a variant of the prompt, with {{columns}}; up to three; @file")
    add("--repeats", type=int, default=1, help="how often each prompt is asked: 1 to 20")
    kinds = (
        "contains:, equals:, regex:, number:, json:, length:, refusal:, marked:, or not- before one for its opposite"
    )
    add("--check", action="append", default=[], metavar="KIND:VALUE", help=f"{kinds}; all of them must pass")
    add("--system", default="", help="a system prompt; @file")
    add("--temperature", type=float)
    add("--max-tokens", type=int, help="tokens of an answer at most")
    add("--effort", help="how long to reason: low, medium, high")
    add("--fallback", default="", help="who may answer for a target that fails; nobody, unless it is set")
    add("--max-usd", type=_dollars, help="the most that the run may cost, in US dollars")
    add("--min-pass", type=_share, help="exit with 1 where the pass rate of a target is below: 0 to 1")
    add("--out", action="append", default=[], type=_report_file, help="writes a report: .html, .md, .csv or .json")
    add("--judge", default="", help="a target that compares the answers in pairs, each pair in both orders")
    add("--rubric", action="append", default=[], help="by what the judge compares, up to five lines; @file")
    add("--hub", metavar="URL", help="asks the hub that runs there, with the key in LLM_HUB_API_KEY if it takes one")
    add("--hub-key-file", metavar="FILE", help="has that key, in place of the variable")
    add("--concurrency", type=int, default=4, help=f"requests of one target at once, {MAX_CONCURRENCY} at most")
    add("--resume", metavar="RUN", help="goes on with a run that did not end: its name, or last")
    add("--again", metavar="RUN", help="asks the set of an earlier run anew, and compares the two: its name, or last")
    add("--compare-with", metavar="RUN", help="says what changed since an earlier run of the set: its name, or last")
    add("--fail-if-worse", action="store_true", help="exit with 1 where a target passes less often than it did then")
    add("--retry-failed", action="store_true", help="with --resume: asks the failed requests again, and nothing else")
    add("--delete", metavar="RUN", help="deletes a run with its answers")
    add("--list", action="store_true", help="lists the runs")
    add("--dry-run", action="store_true", help="says how many requests it would be and what they may cost, and ends")
    return made

"""`llm-hub checkup`: asks whether one model is the same at several providers. See docs/checkup.md.

It asks in its own process, with the owner's keys and settings, and needs no hub that runs. A request that fails is not
repeated, so that every answer is the first that the target gave.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import secrets
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING

from llm_hub.checkup.card import cards_as_json, cards_as_markdown, cards_as_route, cards_as_text, read_cards
from llm_hub.checkup.checkup import MAX_REQUESTS, MAX_WINDOW, check_up
from llm_hub.checkup.checkup_store import CheckupStore
from llm_hub.errors import ConfigurationError
from llm_hub.gateway.caller import Caller
from llm_hub.gateway.gateway import Gateway
from llm_hub.gateway.meter import Meter
from llm_hub.hub import Hub
from llm_hub.redaction import Redactor
from llm_hub.settings import Settings
from llm_hub.storage.database import Database
from llm_hub.usage.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_hub.checkup.checkup import Card

SURFACE = "checkup"
"""Where these requests come from, as the ledger has it."""
FORMATS = {"text": cards_as_text, "markdown": cards_as_markdown, "json": cards_as_json, "route": cards_as_route}


def main(arguments: Sequence[str]) -> int:
    """Runs the command. The exit code is 0 where no target was found to differ, 1 where one was, and 2 for what cannot
    be used as it is."""
    options = _options(arguments)
    logging.getLogger().addHandler(logging.NullHandler())  # what went wrong stands in the cards
    try:
        settings = Settings.load()
        cards = asyncio.run(_find_cards(settings.model_copy(update={"max_retries": 0}), options))
    except ConfigurationError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    report = FORMATS[options.format](cards)
    if options.out:
        try:
            options.out.write_text(report, encoding="utf-8")
        except OSError as error:
            sys.stderr.write(f"{options.out} cannot be written: {error.strerror}\n")
            return 2
    else:
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a terminal may know no “
        sys.stdout.write(report)
    return int(any(card.verdict == "differs" for card in cards))


async def _find_cards(settings: Settings, options: argparse.Namespace) -> Sequence[Card]:
    """The cards of the last check-up, or of a new one, which is kept unless nothing is to be."""
    database = Database(settings.database_url)
    store = CheckupStore(database)
    try:
        if options.last or options.again:
            if not (latest := await store.latest()):
                raise ConfigurationError("There is no check-up yet.", hint="Name a reference and targets.")
            cards = latest[0].cards
            if options.last:
                return cards
            options.reference, *options.targets = (card.target for card in cards)
            options.window = options.window or cards[0].window
        cards = await _check_up(settings, database, options)
        if settings.history != "off":
            try:
                await store.add(cards)
            except ConfigurationError as error:  # what was asked and paid for is told all the same
                sys.stderr.write(f"This check-up is not kept. {error}\n")
        return cards
    finally:
        await database.aclose()


async def _check_up(settings: Settings, database: Database, options: argparse.Namespace) -> tuple[Card, ...]:
    """A new check-up. Keys are taken out of what was answered."""
    hub = Hub(settings)
    ledger = Ledger(database, days=settings.ledger_days)
    redactor = Redactor(settings.secrets())
    gateway = Gateway(hub, meter=Meter(ledger, redactor=redactor))
    session = gateway.owner_session
    try:
        for target in (options.reference, *options.targets):
            if not session.has_provider(target.partition("/")[0]):
                raise ConfigurationError(f"{target} names no provider.", hint="Write targets as provider/model.")
        cards = await check_up(
            gateway,
            Caller(SURFACE, session),
            options.reference,
            options.targets,
            window=options.window,
            max_requests=options.requests,
            seed=options.seed,
        )
        return read_cards(redactor(cards_as_json(cards)))
    finally:
        await hub.aclose()
        await ledger.aclose()


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _parser()
    options = parser.parse_args(arguments)
    if (options.again or options.last) == bool(options.reference):
        parser.error("name a reference and its targets, or use --again or --last")
    if options.reference and not options.targets:
        parser.error("name at least one target beside the reference")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="llm-hub checkup",
        description="Asks the reference and every target the same questions, and says for each target whether it is "
        "the same model as the reference, whether it differs, or that this cannot be told. Targets are written as "
        "provider/model.",
        epilog="The exit code is 1 if a target differs. docs/checkup.md says what is measured, and what it costs.",
    )
    parser.add_argument("reference", nargs="?", help="the target that you trust, such as the model's own vendor")
    parser.add_argument("targets", nargs="*", help="the same model elsewhere")
    earlier = parser.add_mutually_exclusive_group()
    earlier.add_argument("--again", action="store_true", help="asks those of the last check-up, with its window")
    earlier.add_argument("--last", action="store_true", help="asks nobody: prints the last check-up")
    parser.add_argument(
        "--window",
        type=_positive,
        help=f"tokens of the window that is tried; without it, what the providers claim, up to {MAX_WINDOW:,}",
    )
    parser.add_argument(
        "--requests", type=_positive, default=MAX_REQUESTS, help="to each target at most (default: %(default)s)"
    )
    parser.add_argument(
        "--format", choices=FORMATS, default="text", help="route: the LLM_HUB_ROUTE that the result recommends"
    )
    parser.add_argument("--out", type=Path, help="the file to write, in place of the terminal")
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(10**9), help="asks again word by word what it asked before"
    )
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number

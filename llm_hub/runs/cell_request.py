"""Asks one cell: sends its request through the gateway, and puts down what became of it."""

from __future__ import annotations

import time
from contextlib import aclosing
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from llm_hub.chat import Done, reports_price
from llm_hub.errors import ConfigurationError, LLMHubError, ProviderError, ShuttingDown
from llm_hub.gateway.reservation import is_charged
from llm_hub.redaction import redact
from llm_hub.runs.cell import ANSWERED, Cell, CellAttempt
from llm_hub.runs.run_estimate import most_usd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from llm_hub.chat import Attempt, ChatRequest, LLMResponse
    from llm_hub.runs.answering_hub import AnsweringHub, RunSession


@dataclass(frozen=True, slots=True)
class CellRequest:
    """One cell of a run, about to be asked. `before` is what stands there already, if it is asked again."""

    number: int
    target: str
    request: ChatRequest
    before: Cell | None = None


@dataclass(frozen=True, slots=True)
class AskedCell:
    """A cell that was asked. `retry_after` is the wait in seconds that the provider or the hub asks for before the next
    request, None where waiting does not help."""

    cell: Cell
    retry_after: float | None = None


async def ask(hub: AnsweringHub, asked: CellRequest, *, clean: Callable[[str], str] = redact) -> AskedCell:
    """The cell with its answer or its failure. `clean` takes keys out of errors.

    Raises `ConfigurationError`, and `ShuttingDown`: a cell that the hub itself did not let be answered has not failed.
    """
    begin = time.perf_counter()
    response: LLMResponse | None = None
    failure: LLMHubError | None = None
    try:
        async with aclosing(hub.answer(asked.request)) as events:
            async for event in events:
                if isinstance(event, Done):
                    response = event.response
    except (ConfigurationError, ShuttingDown):
        raise
    except LLMHubError as error:
        failure = error
    seconds = time.perf_counter() - begin
    attempts = response.attempts if response is not None else getattr(failure, "attempts", ())
    spending = _spending(hub.session, asked, attempts)
    if response is None:
        kind = str(getattr(failure, "kind", "failed"))
        cell = Cell(asked.number, kind, error=_printable(clean(str(failure))), seconds=seconds, **spending)
        return AskedCell(cell.after(asked.before), failure.retry_after if isinstance(failure, ProviderError) else None)
    target = f"{attempts[-1].provider}/{attempts[-1].model}" if attempts else asked.target
    cell = Cell(
        asked.number,
        ANSWERED,
        text=_printable(response.content),
        answered_by=target,
        fell_back=target != asked.target or _is_of_several(attempts),
        finish_reason=response.finish_reason,
        first_token=response.timing.first_token if response.timing is not None else None,
        seconds=seconds,
        answer_tokens=response.usage.get("completion_tokens"),
        **spending,
    )
    return AskedCell(cell.after(asked.before))


def _spending(session: RunSession, asked: CellRequest, attempts: Sequence[Attempt]) -> dict[str, Any]:
    """What the attempts amount to, as fields of a cell."""
    sent = [each for each in attempts if each.was_sent]
    unknown = [
        f"{each.provider}/{each.model}"
        for each in sent
        if each.price is None and (each.outcome == ANSWERED or is_charged(each))
    ]
    usages = [each.usage or {} for each in sent]
    return {
        "requests": len(sent),
        "prompt_tokens": sum(usage.get("prompt_tokens", 0) for usage in usages),
        "completion_tokens": sum(usage.get("completion_tokens", 0) for usage in usages),
        "usd": _total(sent),
        "reported_usd": _total(each for each in sent if reports_price(each.usage)),
        "unpriced": len(unknown),
        "assumed_usd": sum((most_usd(session, asked.request, target) or Decimal(0) for target in unknown), Decimal(0)),
        "attempts": tuple(map(_attempt, attempts)),
    }


def _total(attempts: Iterable[Attempt]) -> Decimal:
    """US dollars that the attempts of known price cost together."""
    return sum((each.price for each in attempts if each.price is not None), Decimal(0))


def _attempt(attempt: Attempt) -> CellAttempt:
    target = f"{attempt.provider}/{attempt.model}"
    return CellAttempt(target, attempt.outcome, attempt.seconds, redact(attempt.reason), attempt.price)


def _is_of_several(attempts: Sequence[Attempt]) -> bool:
    """Whether words of another model than the last one stand in an answer: it broke off, and was gone on with."""
    models = {(each.provider, each.model) for each in attempts if each.first_token is not None}
    return len(models) > 1


def _printable(text: str) -> str:
    """The text without lone surrogates, which no database takes."""
    return text.encode("utf-8", "replace").decode()

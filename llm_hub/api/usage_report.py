"""What was used, and how the hub is doing: `GET /v1/usage` and `GET /metrics`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NotRequired

from starlette.responses import Response
from typing_extensions import TypedDict

from llm_hub.api.authentication import LOCAL_CALLER
from llm_hub.api.encoding import json_response
from llm_hub.api.refusals import Refusal
from llm_hub.api.shapes import Count
from llm_hub.errors import ConfigurationError
from llm_hub.usage.usage_sums import UsageSums, sum_by

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from llm_hub.api.endpoint import Handler
    from llm_hub.gateway.metrics import Metrics
    from llm_hub.usage.ledger import Ledger
    from llm_hub.usage.usage_sums import Total

OWNERS = ("owner", LOCAL_CALLER)
"""Who sees what everybody used: the key of this name, and without any keys the programs on this computer."""
MAX_DAYS = 30
"""Days of the longest period, today included. Days are those of UTC."""


class UsageTotals(TypedDict):
    """What requests used together. `price` is in US dollars; `unpriced` counts the answers that it leaves out, and
    `charged` is the part of it that providers say they charged. The rest is by price lists.
    """

    requests: Count
    answered: Count
    unpriced: Count
    prompt_tokens: Count
    completion_tokens: Count
    reasoning_tokens: Count
    cached_tokens: Count
    total_tokens: Count
    price: float
    charged: float


class UsageOfModel(UsageTotals):
    model: str


class UsageOfKey(UsageTotals):
    key: str


class UsageReport(TypedDict):
    """`GET /v1/usage`. `by_model` and `by_key` are of the last 30 days, the most used first; only owners see keys.

    `reserved` are the US dollars that limits of today count beside today's `price`: of running requests, of those that
    were cut off when a hub was killed, and of answers that broke off, as far as that is estimated.
    """

    who: str
    today: UsageTotals
    last_7_days: UsageTotals
    last_30_days: UsageTotals
    reserved: float
    by_model: list[UsageOfModel]
    by_key: NotRequired[list[UsageOfKey]]


def usage(ledger: Ledger) -> Handler:
    """The endpoint that tells a key what it has used, and the owner what everybody has."""

    async def show_usage(request: Request) -> Response:
        caller = request.state.caller
        is_owner = caller in OWNERS
        try:
            reserved = await ledger.reserved.today()
            totals = await ledger.totals(ledger.today - MAX_DAYS + 1, None if is_owner else caller)
        except ConfigurationError as error:
            raise Refusal(503, str(error)) from None
        report: UsageReport = {
            "who": "everybody" if is_owner else caller,
            "today": _sum(totals, ledger.today, 1),
            "last_7_days": _sum(totals, ledger.today, 7),
            "last_30_days": _sum(totals, ledger.today, MAX_DAYS),
            "reserved": float(sum(reserved.values()) if is_owner else reserved.get(caller, 0)),
            "by_model": [
                {"model": name, **_totals(used)}
                for name, used in _most_used(sum_by(totals, lambda total: total.target))
            ],
        }
        if is_owner:
            by_key = _most_used(sum_by(totals, lambda total: total.caller))
            report["by_key"] = [{"key": name, **_totals(used)} for name, used in by_key]
        return json_response(report)

    return show_usage


def metrics(metrics: Metrics) -> Handler:
    """The endpoint that Prometheus reads."""

    async def show_metrics(_: Request) -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")

    return show_metrics


def _sum(totals: Sequence[Total], today: int, days: int) -> UsageTotals:
    """What was used in so many days, today included."""
    recent = sum_by((total for total in totals if total.day > today - days), lambda _: "")
    return _totals(recent.get("", UsageSums()))


def _most_used(used: dict[str, UsageSums]) -> list[tuple[str, UsageSums]]:
    return sorted(used.items(), key=lambda item: -item[1].requests)


def _totals(used: UsageSums) -> UsageTotals:
    return {
        "requests": used.requests,
        "answered": used.answered,
        "unpriced": used.unpriced,
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.completion_tokens,
        "reasoning_tokens": used.reasoning_tokens,
        "cached_tokens": used.cached_tokens,
        "total_tokens": used.prompt_tokens + used.completion_tokens,
        "price": float(used.price),
        "charged": float(used.reported_price),
    }

"""What was used, and how the hub is doing: `GET /v1/usage` and `GET /metrics`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from llm_hub.api.authentication import HERE
from llm_hub.api.listings import reply
from llm_hub.api.refusals import Refused
from llm_hub.errors import ConfigurationError
from llm_hub.usage.ledger import Used, together

if TYPE_CHECKING:
    from starlette.requests import Request

    from llm_hub.api.listings import Handler
    from llm_hub.gateway.metrics import Metrics
    from llm_hub.usage.ledger import Ledger

OWNERS = ("owner", HERE)
"""Who sees what everybody used: the key of this name, and without any keys the programs on this computer."""
PERIODS = {"today": 1, "last_7_days": 7, "last_30_days": 30}
"""Days, today included. They are those of UTC."""


def usage(ledger: Ledger) -> Handler:
    """What the key that asks has used; the owner's sees everybody's."""

    async def shown(request: Request) -> Response:
        who = request.state.who
        owner = who in OWNERS
        today = ledger.today
        try:
            totals = await ledger.totals(today - max(PERIODS.values()) + 1, None if owner else who)
        except ConfigurationError as error:
            raise Refused(503, str(error)) from None
        body: dict[str, Any] = {"who": "everybody" if owner else who}
        for name, days in PERIODS.items():
            seen = together((total for total in totals if total.day > today - days), lambda _: "")
            body[name] = _said(seen.get("", Used()))
        body["by_model"] = _listed(together(totals, lambda total: total.target), "model")
        if owner:
            body["by_key"] = _listed(together(totals, lambda total: total.who), "key")
        return reply(body)

    return shown


def metrics(metrics: Metrics) -> Handler:
    """The metrics, for Prometheus."""

    async def shown(_: Request) -> Response:
        return Response(metrics.text(), media_type="text/plain; version=0.0.4")

    return shown


def _listed(used: dict[str, Used], word: str) -> list[dict[str, Any]]:
    """Of the last 30 days, the most used first."""
    return [{word: name, **_said(one)} for name, one in sorted(used.items(), key=lambda item: -item[1].requests)]


def _said(used: Used) -> dict[str, Any]:
    tokens = used.prompt_tokens + used.completion_tokens
    return {**asdict(used), "total_tokens": tokens, "price": float(used.price)}

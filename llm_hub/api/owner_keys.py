"""Keys of the API that the owner makes on the page: how the tab Keys lists, makes and revokes them.

These routes exist only where the page is for its own computer, and answer only this computer's own user, directly. A
key is in one reply, the one to its making, and never again.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from starlette.routing import Route

from llm_hub.api.owner import NOT_READ, is_owner, read_texts, reply
from llm_hub.errors import ConfigurationError, LLMHubError
from llm_hub.usage.usage_sums import UsageSums, sum_by

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from llm_hub.access.issued_keys import IssuedKeys
    from llm_hub.usage.ledger import Ledger

PATH = "/owner/api-keys"
NOT_HERE = "Only this computer's own user may see or make keys, at the hub's own address and not by a proxy."


def routes(issued: IssuedKeys, ledger: Ledger) -> list[Route]:
    """The routes of the part of the tab Keys with the keys of the hub's own API."""

    async def listing(**more: str) -> Response:
        """Every key with its limits of a day, and what it has used today."""
        keys = await issued.list()
        reserved = await ledger.reserved.today() if keys else {}
        sums = sum_by(await ledger.totals(ledger.today), lambda total: total.caller) if keys else {}
        rows = []
        for key in keys:
            used = sums.get(key.name, UsageSums())
            money = None if key.money is None else float(key.money)
            rows.append(
                {
                    "name": key.name,
                    "ending": key.ending,
                    "limits": {"requests": key.requests, "tokens": key.tokens, "dollars": money},
                    "today": {
                        "requests": used.requests,
                        "tokens": used.prompt_tokens + used.completion_tokens,
                        "dollars": float(used.price + reserved.get(key.name, 0)),
                    },
                }
            )
        return reply({"keys": rows, **more})

    async def answer(request: Request) -> Response:
        if not is_owner(request):
            return reply({"problem": NOT_HERE}, 403)
        try:
            if request.method == "GET":
                return await listing()
            change = _read(await request.body())
            if request.method == "DELETE":
                await issued.revoke(change["name"])
                return await listing()
            requests, tokens = _whole(change, "requests"), _whole(change, "tokens")
            key = await issued.make(change["name"], requests=requests, tokens=tokens, money=_money(change))
            return await listing(key=key)
        except LLMHubError as error:
            return reply({"problem": str(error)}, 400)

    return [Route(PATH, answer, methods=["GET", "POST", "DELETE"])]


def _read(body: bytes) -> Mapping[str, str]:
    """A key's name, and the limits that it is to have. Raises `ConfigurationError` for anything else."""
    change = read_texts(body)
    if not {"name"} <= change.keys() <= {"name", "requests", "tokens", "dollars"}:
        raise ConfigurationError(NOT_READ)
    return {name: value.strip() for name, value in change.items()}


def _whole(change: Mapping[str, str], unit: str) -> int | None:
    text = change.get(unit, "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise ConfigurationError(f"The limit of {unit} is a whole number above 0.")
    return int(text)


def _money(change: Mapping[str, str]) -> Decimal | None:
    text = change.get("dollars", "")
    try:
        return Decimal(text.removeprefix("$")) if text else None
    except InvalidOperation:
        raise ConfigurationError("The limit of money is a number of US dollars above 0.") from None

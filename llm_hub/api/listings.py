"""What can be asked: the providers, and the models as OpenAI's clients and Anthropic's list them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from llm_hub.api.bodies import dump
from llm_hub.api.refusals import Refused
from llm_hub.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request

    from llm_hub.access.session import ProviderState, Session

    Handler = Callable[[Request], Awaitable[Response]]

LIST_PATIENCE = 3.0
"""Seconds that a list of models may take; after that it is what was known before."""


@dataclass(frozen=True, slots=True)
class ModelList:
    """A model by the name that requests give it."""

    id: str
    owner: str
    title: str
    context: int | None = None

    def row(self, *, anthropic: bool) -> dict[str, Any]:
        """The model in a vendor's words. When it was made nobody says: both have a zero for that."""
        if not anthropic:
            return {"id": self.id, "object": "model", "created": 0, "owned_by": self.owner}
        return {
            "id": self.id,
            "type": "model",
            "display_name": self.title,
            "created_at": "1970-01-01T00:00:00Z",
            "lifecycle": "active",
            "max_input_tokens": self.context,
        }


AUTO = ModelList("auto", "llm-hub", "Automatic")


def lists(session: Session) -> dict[str, Handler]:
    """The endpoints that list, by path."""

    async def providers(_: Request) -> Response:
        return reply({"providers": [state.name for state in session.providers()]})

    async def provider(request: Request) -> Response:
        name = request.path_params["name"]
        for state in session.providers():
            if state.name == name:
                return reply(await _described(session, state))
        raise Refused(404, "There is no such provider. GET /v1/providers lists them.", field="name")

    async def models(request: Request) -> Response:
        return reply(_page(await _listed(session), anthropic=is_anthropic(request)))

    async def model(request: Request) -> Response:
        found = await _one_of(session, request.path_params["id"])
        return reply(found.row(anthropic=is_anthropic(request)))

    return {
        "/v1/providers": providers,
        "/v1/providers/{name}": provider,
        "/v1/models": models,
        "/v1/models/{id:path}": model,
    }


def is_anthropic(request: Request) -> bool:
    """Whether one of Anthropic's clients asks: they all name the version of its API."""
    return "anthropic-version" in request.headers


def reply(value: object, status: int = 200) -> Response:
    """A reply in JSON."""
    return Response(dump(value), status, media_type="application/json")


async def _described(session: Session, state: ProviderState) -> dict[str, Any]:
    paused = {
        redact(target.name): {"reason": redact(target.paused.reason), "seconds": target.paused.seconds}
        for target in session.targets()
        if target.paused is not None and target.paused.seconds != 0 and target.name.partition("/")[0] == state.name
    }
    return {
        "name": state.name,
        "title": state.title,
        "ready": state.ready,
        "problem": state.problem,
        "default_model": state.default_model,
        "models": await session.model_names(state.name, LIST_PATIENCE if state.ready else 0.0),
        "paused": paused,
    }


async def _listed(session: Session) -> list[ModelList]:
    """Every model of every provider that is ready, after `auto`."""
    ready = [state.name for state in session.providers() if state.ready]
    found = await asyncio.gather(*(_models(session, name) for name in ready))
    return [AUTO, *(model for models in found for model in models)]


async def _one_of(session: Session, name: str) -> ModelList:
    """The model of that name. Raises `Refused` if it is not listed."""
    provider = name.partition("/")[0]
    ready = {state.name for state in session.providers() if state.ready}
    models: list[ModelList] = [AUTO, *(await _models(session, provider) if provider in ready else ())]
    for model in models:
        if model.id == name:
            return model
    raise Refused(
        404, "There is no such model. GET /v1/models lists them; each is named provider/model.", code="model_not_found"
    )


def _page(models: list[ModelList], *, anthropic: bool) -> dict[str, Any]:
    """A list in a vendor's words, all on one page."""
    rows = [model.row(anthropic=anthropic) for model in models]
    if not anthropic:
        return {"object": "list", "data": rows}
    return {"data": rows, "has_more": False, "first_id": models[0].id, "last_id": models[-1].id}


async def _models(session: Session, provider: str) -> list[ModelList]:
    names = await session.model_names(provider, LIST_PATIENCE)
    known = {info.id: info for info in session.last_models(provider)}
    return [
        ModelList(f"{provider}/{name}", provider, info.title or name, info.context)
        if (info := known.get(name))
        else ModelList(f"{provider}/{name}", provider, name)
        for name in names
    ]

"""What can be asked: the providers, and the models as each dialect lists them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from typing_extensions import TypedDict

from llm_hub.access.model_names import full_name
from llm_hub.api.dialects import DIALECTS, recognise
from llm_hub.api.dialects.dialect import Dialect, ListedModel
from llm_hub.api.encoding import json_response
from llm_hub.api.refusals import Refusal
from llm_hub.api.shapes import Seconds
from llm_hub.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from llm_hub.access.session import ProviderState, Session
    from llm_hub.api.endpoint import Handler

MAX_LIST_SECONDS = 2.0
"""Seconds that a provider's list of models may take; after that the list is what was known before. Claude Code waits
for three."""
AUTO = ListedModel("auto", "llm-hub", "Automatic")
"""The configured route, which is listed like a model."""


class ProviderNames(TypedDict):
    """`GET /v1/providers`."""

    providers: list[str]


class PausedModel(TypedDict):
    """Why a model is not asked, and for how many seconds more; null: until its key or settings change."""

    reason: str
    seconds: Seconds | None


class ProviderDescription(TypedDict):
    """`GET /v1/providers/{name}`. `problem` says what is missing where it is not ready, or why its list of models could
    not be read; `paused` is by model."""

    name: str
    title: str
    ready: bool
    problem: str
    default_model: str
    models: tuple[str, ...]
    paused: dict[str, PausedModel]


def listings(session: Session, dialects: Sequence[Dialect[Any]] = DIALECTS) -> dict[str, Handler]:
    """The endpoints that list, by path."""

    async def list_providers(_: Request) -> Response:
        names: ProviderNames = {"providers": [state.name for state in session.providers()]}
        return json_response(names)

    async def show_provider(request: Request) -> Response:
        name = request.path_params["name"]
        for state in session.providers():
            if state.name == name:
                return json_response(await _describe(session, state))
        raise Refusal(404, "There is no such provider. GET /v1/providers lists them.", field="name")

    async def list_models(request: Request) -> Response:
        models = recognise(request.scope, dialects).models
        return json_response(models.model_list(await _all_models(session)))

    async def show_model(request: Request) -> Response:
        models = recognise(request.scope, dialects).models
        return json_response(models.model(await _find_model(session, request.path_params["id"])))

    return {
        "/v1/providers": list_providers,
        "/v1/providers/{name}": show_provider,
        "/v1/models": list_models,
        "/v1/models/{id:path}": show_model,
    }


async def _describe(session: Session, state: ProviderState) -> ProviderDescription:
    models = await session.model_names(state.name, MAX_LIST_SECONDS if state.ready else 0.0)
    return {
        "name": state.name,
        "title": state.title,
        "ready": state.ready,
        "problem": state.problem or state.list_problem,
        "default_model": state.default_model,
        "models": models,
        "paused": _paused_models(session, state.name),
    }


def _paused_models(session: Session, provider: str) -> dict[str, PausedModel]:
    return {
        redact(target.name): {"reason": redact(target.paused.reason), "seconds": target.paused.seconds}
        for target in session.targets()
        if target.paused is not None and target.paused.seconds != 0 and target.name.partition("/")[0] == provider
    }


async def _all_models(session: Session) -> list[ListedModel]:
    """Every model of every provider that is ready, after `auto`."""
    ready = [state.name for state in session.providers() if state.ready]
    lists = await asyncio.gather(*(_models_of(session, name) for name in ready))
    return [AUTO, *(model for models in lists for model in models)]


async def _find_model(session: Session, name: str) -> ListedModel:
    """The model of that name. Raises `Refusal` if it is not listed."""
    name = await full_name(name, session, MAX_LIST_SECONDS)
    provider = name.partition("/")[0]
    ready = {state.name for state in session.providers() if state.ready}
    models: list[ListedModel] = [AUTO, *(await _models_of(session, provider) if provider in ready else ())]
    for model in models:
        if model.id == name:
            return model
    raise Refusal(
        404, "There is no such model. GET /v1/models lists them; each is named provider/model.", code="model_not_found"
    )


async def _models_of(session: Session, provider: str) -> list[ListedModel]:
    names = await session.model_names(provider, MAX_LIST_SECONDS)
    details = {info.id: info for info in session.last_models(provider)}
    return [
        ListedModel(f"{provider}/{name}", provider, info.title or name, info.context)
        if (info := details.get(name))
        else ListedModel(f"{provider}/{name}", provider, name)
        for name in names
    ]

"""What the page's lists of models offer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_hub.errors import InvalidRequest
from llm_hub.ui.render.formats import format_target_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llm_hub.chat import ModelInfo
    from llm_hub.hub import Hub, ProviderState
    from llm_hub.ui.render.formats import Titles

AUTO = "auto"
"""The hub's own route, as a provider's name."""

MAX_MODELS_PER_PROVIDER = 60
"""Models of one provider in a list of all; any other can be typed."""

Choice = tuple[str, str]
"""What a list shows, and what it stands for."""


def titles(hub: Hub) -> Titles:
    return {AUTO: "Automatic", **{state.name: state.title for state in hub.providers()}}


def providers(hub: Hub) -> list[Choice]:
    """Every provider, and before them the configured route, if there is one."""
    automatic = [(f"Automatic: {in_order(hub.fallback, titles(hub))}", AUTO)] if hub.fallback else []
    return [*automatic, *((_label(state), state.name) for state in hub.providers())]


def state(hub: Hub, provider: str) -> ProviderState:
    """A provider as it is now. Raises `InvalidRequest` for a name that no browser was given."""
    for one in hub.providers():
        if one.name == provider:
            return one
    raise InvalidRequest("There is no such provider.")


def models(state: ProviderState) -> list[Choice]:
    """A provider's models for as long as its list has not come."""
    names = list(state.suggestions) or [name for name in (state.default_model,) if name]
    return [(name, name) for name in names]


def listed(found: Iterable[ModelInfo]) -> list[Choice]:
    """A provider's models, each by its name; a title that begins with the name explains it."""
    return [(model.title if model.title.startswith(model.id) else model.id, model.id) for model in found]


def targets(hub: Hub) -> list[Choice]:
    """What can be asked at once: the models of every provider that is ready, as far as they are known."""
    called = titles(hub)
    offered = [(f"Automatic: {in_order(hub.fallback, called)}", AUTO)] if hub.fallback else []
    for state in hub.providers():
        if state.ready:
            known = never_shorter(listed(hub.listed(state.name)), models(state))
            whole = [f"{state.name}/{model}" for _, model in known[:MAX_MODELS_PER_PROVIDER]] or [state.name]
            offered += [(format_target_id(one, called), one) for one in whole]
    return offered


def typed(hub: Hub, text: str) -> str:
    """A target as somebody wrote it. Raises `InvalidRequest` for one that cannot be asked."""
    wanted = text.strip()
    provider, _, _model = wanted.partition("/")
    for state in hub.providers():
        if state.name == provider.lower():
            if state.ready:
                return state.name + wanted[len(provider) :].rstrip("/")
            raise InvalidRequest(f"{state.title}: {state.problem.rstrip('.')}.")
    raise InvalidRequest(f"There is no provider {provider!r}.", hint="Write it as provider/model.")


def in_order(route: Iterable[str], called: Titles) -> str:
    """OpenAI · gpt-6-luna, then Anthropic · claude-haiku-5-5, then Embedded."""
    return ", then ".join(format_target_id(one, called) for one in route)


def never_shorter(models: list[Choice], known: list[Choice]) -> list[Choice]:
    """The live list, no shorter than what it replaces: Gradio 6.31 breaks a list that shrinks while it is open."""
    present = {value for _, value in models}
    missing = [choice for choice in known if choice[1] not in present]
    return [*models, *missing][: max(len(models), len(known))]


def _label(state: ProviderState) -> str:
    if state.ready:
        return state.title
    return f"{state.title} ({'needs a key' if state.problem.startswith('needs a key') else 'not ready'})"

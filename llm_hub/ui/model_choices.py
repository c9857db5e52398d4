"""The choices in the page's lists of providers and models, and the note about a provider that cannot answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_hub.errors import InvalidRequest
from llm_hub.redaction import shorten
from llm_hub.ui.render.formats import format_target_id
from llm_hub.ui.render.sanitize import html_text
from llm_hub.ui.texts import settings_texts as texts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llm_hub.access.session import ProviderState, Session
    from llm_hub.chat import ModelInfo
    from llm_hub.ui.render.formats import Titles

AUTO = "auto"
"""The hub's route, as a provider's name."""
EMBEDDED = "local"
"""The provider whose models may have to be downloaded."""

MAX_MODELS_PER_PROVIDER = 60
"""Models of one provider in a list of all; any other can be typed."""

Choice = tuple[str, str]
"""A label in a list, and the value that it stands for."""

AUTOMATIC: Choice = (texts.AUTOMATIC, AUTO)
"""The hub's route in a list. Its providers stand elsewhere: whoever types the name of one is to find that one alone."""


def provider_titles(session: Session) -> Titles:
    """The titles of the providers on the page, by name."""
    return {AUTO: AUTOMATIC[0], **session.titles()}


def list_providers(session: Session) -> list[Choice]:
    """The hub's route, and every provider: first those that are ready."""
    states = sorted(session.providers(), key=lambda state: not state.ready)
    return [AUTOMATIC, *((_label(state), state.name) for state in states)]


def first_choice(session: Session) -> tuple[str, ProviderState]:
    """What a new chat begins with: the route where others can follow, else the default provider; and that provider."""
    states = session.providers()
    default = next((state for state in states if state.name == session.default_provider), states[0])
    is_automatic = bool(session.fallback) or len(session.route) > 1  # where others can follow, they do
    return AUTO if is_automatic else default.name, default


def find_provider(session: Session, provider: str) -> ProviderState:
    """A provider as it is now. Raises `InvalidRequest` for a name that no browser was given."""
    for state in session.providers():
        if state.name == provider:
            return state
    raise InvalidRequest(texts.NO_PROVIDER)


def list_suggestions(state: ProviderState) -> list[Choice]:
    """A provider's models for as long as its list has not come."""
    names = list(state.suggestions) or [name for name in (state.default_model,) if name]
    return [(name, name) for name in names]


def list_chat_models(session: Session, state: ProviderState) -> list[Choice]:
    """The same, with the embedded models that are offered for download, each with what it takes."""
    choices = list_suggestions(state)
    if state.name == EMBEDDED and (downloads := session.downloads):
        choices += [(model.id if downloads.path(model) else model.offer, model.id) for model in downloads.models]
    return choices


def list_models(models: Iterable[ModelInfo]) -> list[Choice]:
    """A provider's list of models, each by its name; a title that begins with the name explains it."""
    return [(model.title if model.title.startswith(model.id) else model.id, model.id) for model in models]


def list_targets(session: Session) -> list[Choice]:
    """Everything that can be asked: the route, and of every provider that is ready the models that are known."""
    names = provider_titles(session)
    offered = [AUTOMATIC]
    for state in session.providers():
        if state.ready:
            known = merge_lists(list_models(session.last_models(state.name)), list_suggestions(state))
            of_provider = [f"{state.name}/{model}" for _, model in known[:MAX_MODELS_PER_PROVIDER]] or [state.name]
            offered += [(format_target_id(target, names), target) for target in of_provider]
    return offered


def parse_target(session: Session, text: str) -> str:
    """A target as somebody typed it. Raises `InvalidRequest` for one that cannot be asked."""
    target = text.strip()
    provider, _, _ = target.partition("/")
    if target == AUTO:
        return AUTO
    for state in session.providers():
        if state.name == provider.lower():
            if state.ready:
                return state.name + target[len(provider) :].rstrip("/")
            raise InvalidRequest(f"{state.title}: {state.problem.rstrip('.')}.")
    raise InvalidRequest(texts.UNKNOWN_PROVIDER.format(provider=shorten(provider)), hint=texts.TARGET_HINT)


def check_downloaded(session: Session, model: str) -> None:
    """Raises `NotConfigured` for an embedded model that is still to be downloaded."""
    downloads = session.downloads
    offered = downloads.find(model) if downloads else None
    if downloads and offered and not downloads.path(offered):
        raise downloads.refusal(offered)


def provider_note(state: ProviderState) -> str:
    """What keeps a provider from answering, or its list of models from coming, as HTML; "" if nothing does.

    Beside a missing key it has the button that leads to where one is entered.
    """
    text = texts.LIST_PROBLEM.format(list_problem=state.list_problem) if state.list_problem else ""
    button = ""
    if not state.ready:
        text = f"{state.title}: {state.problem.rstrip('.')}."
        if state.needs_key:
            button = f' <button type="button" data-key-of="{html_text(state.name)}">Enter a key</button>'
    return f'<div class="note" role="status">{html_text(text)}{button}</div>' if text else ""


def unknown_note(provider: str) -> str:
    """That a link or a browser asks for a provider that this hub does not have, as HTML."""
    return f'<div class="note" role="status">{html_text(texts.NOT_HERE.format(provider=shorten(provider)))}</div>'


def merge_lists(models: list[Choice], known: list[Choice]) -> list[Choice]:
    """The provider's own list, no shorter than the known one that it replaces.

    Gradio 6.31.0 breaks a list that becomes shorter while it is open.
    """
    present = {value for _, value in models}
    missing = [choice for choice in known if choice[1] not in present]
    return [*models, *missing][: max(len(models), len(known))]


def format_order(session: Session, targets: Iterable[str], *, is_sorted: bool = False) -> str:
    """Targets in the order in which they are asked: OpenAI · gpt-6-luna, then Embedded. `is_sorted`: in which one is
    found out when they are."""
    names = provider_titles(session)
    return (", " if is_sorted else ", then ").join(format_target_id(target, names) for target in targets)


def _label(state: ProviderState) -> str:
    if state.ready:
        return state.title
    return f"{state.title} ({'needs a key' if state.needs_key else texts.NOT_READY})"

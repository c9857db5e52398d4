"""The model that stands in its box before anybody chooses one.

The browser puts it there, with what is known before the provider's list comes: what the server sends comes later, and
would take the place of a model typed meanwhile, or a list away that is open.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import gradio as gr

from llm_hub.ui import model_choices
from llm_hub.ui.gradio_fixes.event_options import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.access.session import Session

DEFAULT = """(provider, before) => {
  if (provider === before) return [];
  const [choices, value] = (%s)[provider] ?? [[], ""];
  return [{__type__: "update", choices, value}, provider];
}"""
FIRST = """(provider, model, first) => model?.trim() || first?.provider !== provider ? [] : [first.model]"""


class Preselected:
    """A chosen provider's default model at once, or else the `first` of its list when that comes."""

    def __init__(self, session: Session, provider: gr.Dropdown, model: gr.Dropdown) -> None:
        self._provider = provider
        self._model = model
        self.first = gr.JSON(visible=False)
        """Whose list came, and what it begins with: see `first_of`."""
        # Gradio says that there was input also when the box is only left.
        before = gr.JSON(visible=False)
        provider.focus(None, provider, before, js="(provider) => provider", **NOW)
        known = {state.name: (model_choices.models(state), state.default_model) for state in session.providers()}
        provider.input(None, [provider, before], [model, before], js=DEFAULT % json.dumps(known), **NOW)

    def after(self, listed: Callable[..., Any]) -> None:
        """Looks at `first` in the step after, such as a `.then`."""
        listed(None, [self._provider, self._model, self.first], self._model, js=FIRST, **NOW)


def first_of(session: Session, provider: str) -> dict[str, str] | None:
    """What a provider is asked for where nobody chose a model."""
    known = session.last_models(provider)
    return {"provider": provider, "model": known[0].id} if known else None

"""The model that a newly chosen provider begins with, set in the browser.

In Gradio 6.31.0 an update from the server replaces a component's value, whatever was typed since, and closes a list
that is open. So a provider's default model is set by a script, from what is known before the provider's own list comes.
And a Dropdown reports input also when its box is only left, so the script compares with the provider at the time of
the focus. May go when: tests/ui/gradio_fixes/test_in_browser.py::test_a_list_reports_input_when_it_is_only_left and
::test_an_update_replaces_what_was_typed_since fail.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import gradio as gr

from llm_hub.ui import model_choices
from llm_hub.ui.gradio_fixes.event_options import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_hub.access.session import ProviderState, Session

DEFAULT = """(provider, before) => {
  if (provider === before) return [];
  const [choices, value] = (%s)[provider] ?? [[], ""];
  return [{__type__: "update", choices, value}, provider];
}"""
FIRST = """(provider, model, first) => model?.trim() || first?.provider !== provider ? [] : [first.model]"""


class DefaultModel:
    """Sets a chosen provider's default model at once, or, if it has none, the first of its list when that comes."""

    def __init__(
        self,
        session: Session,
        provider: gr.Dropdown,
        model: gr.Dropdown,
        choices: Callable[[ProviderState], list[model_choices.Choice]] = model_choices.list_suggestions,
    ) -> None:
        self._provider = provider
        self._model = model
        self.first = gr.JSON(visible=False)
        """The provider whose list came, and its first model: see `find_first_model`."""
        before = gr.JSON(visible=False)
        provider.focus(None, provider, before, js="(provider) => provider", **NOW)
        known = {state.name: (choices(state), state.default_model) for state in session.providers()}
        provider.input(None, [provider, before], [model, before], js=DEFAULT % json.dumps(known), **NOW)

    def after(self, bind: Callable[..., gr.events.Dependency]) -> gr.events.Dependency:
        """Sets the first model in the step that follows, such as a `.then`. Returns that step."""
        return bind(None, [self._provider, self._model, self.first], self._model, js=FIRST, **NOW)


def find_first_model(session: Session, provider: str) -> dict[str, str] | None:
    """The provider and its first listed model, or None if nothing is listed."""
    models = session.last_models(provider)
    return {"provider": provider, "model": models[0].id} if models else None

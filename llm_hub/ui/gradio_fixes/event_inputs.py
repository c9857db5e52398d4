"""Checks of what a browser sends with an event of the page. Anything that the page does not offer is refused early.

Gradio 6.31.0 takes any JSON for a text, a tick or a name that is typed into a list, and hands it to our handlers. A
choice that a list does not offer, or a file that nobody uploaded, becomes an error inside an event. Anybody can send
such values, and each would look like a fault of the server. May go when:
tests/ui/gradio_fixes/test_server_side.py::test_gradio_takes_any_json_for_a_value fails.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import gradio as gr
from gradio.utils import get_upload_folder, is_in_or_equal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gradio.blocks import Block, Blocks
    from gradio.state_holder import StateHolder

MAX_INPUT_NAME_CHARS = 300
"""Characters of a name that is typed into a list: names of models are shorter, and errors repeat the name."""
EVENT_FIELDS = frozenset({"data", "event_data", "fn_index", "session_hash", "trigger_id"})
"""The fields that the page sends with an event. Gradio takes more, and would fail on them."""

UNKNOWN_EVENT = "There is no such event."
NOT_OFFERED = "The page sent what it does not offer. Reload it, and try again."
MISSING_FILE = "That file is not here, or no longer. Attach it again."


class EventInputs:
    """The rules for each event, from the components that it reads. `sessions` know what a session's lists offer now."""

    def __init__(self, blocks: Blocks, sessions: StateHolder) -> None:
        self._sessions = sessions
        self._events = {
            number: (tuple(event.inputs), _event_data_type(event.fn))
            for number, event in blocks.fns.items()
            if event.fn is not None
        }
        for components, _ in self._events.values():
            for component in components:
                _find_rule(component)

    def problem(self, event: Mapping[str, Any]) -> str:
        """Why an event is refused, as a sentence for its sender; "" if it is not refused."""
        number, data = event.get("fn_index"), event.get("data")
        if type(number) is not int or number not in self._events or not isinstance(data, list):
            return UNKNOWN_EVENT
        components, event_data_type = self._events[number]
        if len(data) != len(components) or not event.keys() <= EVENT_FIELDS:
            return NOT_OFFERED
        session = self._sessions.session_data.get(event["session_hash"])
        current = session.blocks_config.blocks if session else {}
        for component, value in zip(components, data, strict=True):
            if problem := _find_rule(component)(current.get(component._id, component), value):  # noqa: SLF001  # Gradio's own name for it
                return problem
        return (
            "" if event_data_type is None or _is_event_data(event_data_type, event.get("event_data")) else NOT_OFFERED
        )


def _find_rule(component: Block) -> Callable[[Any, Any], str]:
    """The check of a component's value: it takes the component as it is now and the value, and returns the problem."""
    match component:
        case gr.State() | gr.HTML():
            return lambda _, __: ""  # a state is kept on the server; whoever reads a HTML's value checks it
        case gr.Dropdown(allow_custom_value=True):
            return _check_names if component.multiselect else _check_name
        case gr.Dropdown(multiselect=None) | gr.Radio():
            return _check_choice
        case gr.Checkbox():
            return lambda _, value: "" if isinstance(value, bool) else NOT_OFFERED
        case gr.Textbox():
            return lambda _, value: "" if value is None or isinstance(value, str) else NOT_OFFERED
        case gr.MultimodalTextbox():
            return _check_prompt
    raise TypeError(f"There is no rule for the values of a {type(component).__name__}.")


def _check_name(_: Any, value: Any) -> str:
    if isinstance(value, str) and len(value) > MAX_INPUT_NAME_CHARS:
        return f"A name has {MAX_INPUT_NAME_CHARS} characters at most."
    return "" if value is None or isinstance(value, str) else NOT_OFFERED


def _check_names(component: gr.Dropdown, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, list) or len(value) > (component.max_choices or 0):
        return NOT_OFFERED
    return "" if all(isinstance(name, str) and not _check_name(component, name) for name in value) else NOT_OFFERED


def _check_choice(component: gr.Dropdown | gr.Radio, value: Any) -> str:
    """Only values that are offered now. Python takes 1.0 and true for equal to 1, so the type counts, too."""
    return (
        "" if any(type(choice) is type(value) and choice == value for _, choice in component.choices) else NOT_OFFERED
    )


def _check_prompt(component: gr.MultimodalTextbox, value: Any) -> str:
    if value is None:
        return ""
    try:
        prompt = component.data_model.model_validate(value, context={"validate_meta": True}, strict=True)
        files = [file.path for file in prompt.files]
        uploaded = all(is_in_or_equal(path, get_upload_folder()) and Path(path).is_file() for path in files)
    except (ValueError, OSError):  # from pydantic, too; a NUL, or a name that no disk takes
        return NOT_OFFERED
    return "" if uploaded else MISSING_FILE


def _event_data_type(handler: Callable[..., Any]) -> type[gr.EventData] | None:
    """The data of the event itself that a handler reads, beside the components' values."""
    hints = get_type_hints(handler).values()
    return next((hint for hint in hints if isinstance(hint, type) and issubclass(hint, gr.EventData)), None)


def _is_event_data(data_type: type[gr.EventData], data: Any) -> bool:
    """Whether an event's data has what its handler reads, with an index that is one whole number or several."""
    if not isinstance(data, dict):
        return False
    try:
        index = getattr(data_type(None, data), "index", 0)
    except (KeyError, AttributeError):
        return False
    numbers = index if isinstance(index, list) and index else [index]
    return all(type(number) is int for number in numbers)

"""What a browser may send with an event of the page. Anything else is refused before Gradio fails on it in the middle.

Gradio itself takes any JSON for a text or a tick, and answers a choice that it does not offer, or a file that nobody
uploaded, as if the server had failed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import gradio as gr
from gradio.utils import get_upload_folder, is_in_or_equal
from gradio_client.utils import is_valid_file  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gradio.blocks import Block, Blocks
    from gradio.state_holder import StateHolder

MAX_INPUT_NAME_CHARS = 300
"""Characters of a name that is typed into a list."""
SENT = frozenset({"data", "event_data", "fn_index", "session_hash", "trigger_id"})
"""All that a page says with an event. Gradio takes more, and would fail on it."""

NO_EVENT = "There is no such event."
UNFIT = "The page sent what it does not offer. Reload it, and try again."
NO_FILE = "That file is not here, or no longer. Attach it again."
NO_IMAGE = "Only images can be attached."


class EventInputs:
    """The rules for each event, from the parts of the page that it reads. `sessions` know what a tab's lists offer."""

    def __init__(self, blocks: Blocks, sessions: StateHolder) -> None:
        self._sessions = sessions
        self._events = {
            number: (tuple(event.inputs), _telling(event.fn))
            for number, event in blocks.fns.items()
            if event.fn is not None
        }
        for parts, _ in self._events.values():
            for part in parts:
                _rule(part)

    def problem(self, event: Mapping[str, Any]) -> str:
        """Why this event is refused, in words for its sender; "" where it is not."""
        number, data = event.get("fn_index"), event.get("data")
        if type(number) is not int or number not in self._events or not isinstance(data, list):
            return NO_EVENT
        parts, telling = self._events[number]
        if len(data) != len(parts) or not event.keys() <= SENT:
            return UNFIT
        kept = self._sessions.session_data.get(event["session_hash"])
        now = kept.blocks_config.blocks if kept else {}
        for part, value in zip(parts, data, strict=True):
            if problem := _rule(part)(now.get(part._id, part), value):  # noqa: SLF001  # Gradio's own name for it
                return problem
        return "" if telling is None or _tells(telling, event.get("event_data")) else UNFIT


def _rule(part: Block) -> Callable[[Any, Any], str]:
    """What is refused of a part's value."""
    match part:
        case gr.State():
            return lambda _, __: ""  # it is kept on the server: what a browser says of it is not read
        case gr.Dropdown(multiselect=None, allow_custom_value=True):
            return _name
        case gr.Dropdown(multiselect=None) | gr.Radio():
            return _choice
        case gr.Checkbox():
            return lambda _, value: "" if isinstance(value, bool) else UNFIT
        case gr.Textbox():
            return lambda _, value: "" if value is None or isinstance(value, str) else UNFIT
        case gr.MultimodalTextbox():
            return _prompt
    raise TypeError(f"There is no rule for what a {type(part).__name__} may be.")


def _name(_: Any, value: Any) -> str:
    if isinstance(value, str) and len(value) > MAX_INPUT_NAME_CHARS:
        return f"A name has {MAX_INPUT_NAME_CHARS} characters at most."
    return "" if value is None or isinstance(value, str) else UNFIT


def _choice(part: gr.Dropdown | gr.Radio, value: Any) -> str:
    """One of those that are offered now, and not what Python takes for its equal: 1.0 and true are no 1."""
    return "" if any(type(one) is type(value) and one == value for _, one in part.choices) else UNFIT


def _prompt(part: gr.MultimodalTextbox, value: Any) -> str:
    if value is None:
        return ""
    try:
        prompt = part.data_model.model_validate(value, context={"validate_meta": True}, strict=True)
        files = [file.path for file in prompt.files]
        here = all(is_in_or_equal(path, get_upload_folder()) and Path(path).is_file() for path in files)
    except (ValueError, OSError):  # of pydantic, too; of a NUL, of a name that no disk takes
        return UNFIT
    if not here:
        return NO_FILE
    return "" if all(is_valid_file(path, part.file_types) for path in files) else NO_IMAGE


def _telling(handler: Callable[..., Any]) -> type[gr.EventData] | None:
    """What a handler reads of the event itself, beside the parts."""
    hints = get_type_hints(handler).values()
    return next((hint for hint in hints if isinstance(hint, type) and issubclass(hint, gr.EventData)), None)


def _tells(kind: type[gr.EventData], said: Any) -> bool:
    """Whether an event says what its handler reads; where something happened, as one number or more."""
    if not isinstance(said, dict):
        return False
    try:
        index = getattr(kind(None, said), "index", 0)
    except (KeyError, AttributeError):
        return False
    places = index if isinstance(index, list) and index else [index]
    return all(type(place) is int for place in places)

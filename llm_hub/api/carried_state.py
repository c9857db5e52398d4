"""What a vendor wants back, as clients of another protocol carry it: a text that they return without reading it.

The text names the provider and the call that the state belongs to. It holds no key, and the hub keeps nothing: the
state goes back to that provider alone, and an answer of any other names what it was not sent.
"""

from __future__ import annotations

from typing import Any

from llm_hub.chat import ToolCall, ToolCallDelta, VendorState, decode_json
from llm_hub.chat.exact_json import dump_exactly
from llm_hub.wire.validation import parse_name

_MARK = "llm-hub:"


def write_state(call: ToolCall | ToolCallDelta, protocol: str) -> str:
    """The state of a call for a client of a protocol; "": there is none, or the protocol has its own place for it."""
    state = call.state
    if state is None or state.protocol == protocol:
        return ""
    fields = {"call": call.id, "provider": state.provider, "protocol": state.protocol, "data": state.data}
    return _MARK + dump_exactly(fields).decode()


def is_state(value: object) -> bool:
    """Whether a value is a text that `write_state` made, as far as its beginning tells."""
    return isinstance(value, str) and value.startswith(_MARK)


def read_states(texts: list[str]) -> dict[str, VendorState]:
    """The states in such texts, by the ids of their calls. A text that was changed on the way holds none."""
    states = {}
    for text in texts:
        try:
            fields: Any = decode_json(text.removeprefix(_MARK))
        except (ValueError, TypeError, RecursionError):
            continue
        if isinstance(fields, dict) and isinstance(fields.get("data"), dict) and isinstance(fields.get("call"), str):
            provider, protocol = parse_name(fields.get("provider")), parse_name(fields.get("protocol"))
            states[fields["call"]] = VendorState(provider, protocol, fields["data"])
    return states

"""The `input` of `POST /v1/responses`, in OpenAI's words: messages, calls of tools and their outputs, reasoning.

It is an open list: what is not named here goes on as it came to the providers that speak the same protocol.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Tag

from llm_hub.api.bodies import Name
from llm_hub.api.carried_state import is_state, read_states
from llm_hub.api.dialects.custom_tools import custom_arguments
from llm_hub.api.dialects.responses_content import Content, read_content
from llm_hub.api.dialects.responses_tools import AddedTools, full_name
from llm_hub.api.open_parts import UNREAD_PART, OpenModel, OptionalPart, UnreadPart, UnreadTurn
from llm_hub.api.refusals import Refusal
from llm_hub.chat import Document, Image, Message, Role, Text, ToolCall, ToolResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from llm_hub.chat import Part, VendorState

    Turn = tuple[Role, tuple[Part, ...]]

OWN_REASONING = "rs_hub_"
"""How the ids of reasoning begin that the hub has made of another protocol's: it is no vendor's, and goes to nobody."""
IMAGE_PLACEHOLDER = "(The image is shown below.)"
"""What stands in a tool's output in place of an image or a file."""
_OPTIONAL_ITEMS = frozenset({
    "reasoning", "web_search_call", "file_search_call", "code_interpreter_call", "image_generation_call",
    "mcp_list_tools", "tool_search_call",
})  # fmt: skip
"""What the vendor's model thought, and what its server did, on the way to text that stands in the input as well."""
_ROLES = ("user", "system", "developer", "assistant")


class InputMessage(OpenModel):
    """What somebody said. An assistant's may stand here without its vendor's fields."""

    role: Literal["user", "system", "developer", "assistant"]
    content: Content
    type: Literal["message"] | None = None
    id: str | None = None
    status: str | None = None

    def turn(self, field: str) -> Turn:
        role = Role.SYSTEM if self.role == "developer" else Role(self.role)
        parts = read_content(self.content, f"{field}.content")
        if role is not Role.USER and any(isinstance(part, Document) for part in parts):
            raise Refusal(400, f"{field}.content: a file belongs to a user's message.", field=f"{field}.content")
        return role, parts


class OtherInputMessage(UnreadTurn):
    """A message of a role that OpenAI may have one day."""


class FunctionCall(OpenModel):
    type: Literal["function_call"]
    call_id: Name
    name: Name
    arguments: str
    namespace: str | None = None
    id: str | None = None
    status: str | None = None

    def turn(self, field: str) -> Turn:  # noqa: ARG002  # the other items' shape
        return Role.ASSISTANT, (ToolCall(self.call_id, full_name(self.namespace, self.name), self.arguments),)


class CustomToolCall(OpenModel):
    type: Literal["custom_tool_call"]
    call_id: Name
    name: Name
    input: str
    namespace: str | None = None
    id: str | None = None
    status: str | None = None

    def turn(self, field: str) -> Turn:  # noqa: ARG002  # the other items' shape
        name, arguments = full_name(self.namespace, self.name), custom_arguments(self.input)
        return Role.ASSISTANT, (ToolCall(self.call_id, name, arguments),)


class ToolOutput(OpenModel):
    """What a call gave. Its images and files come after the text: most vendors take none in the results of tools."""

    type: Literal["function_call_output", "custom_tool_call_output"]
    call_id: Name
    output: Content
    id: str | None = None
    status: str | None = None

    def turn(self, field: str) -> Turn:
        parts = read_content(self.output, f"{field}.output")
        texts = (part.text if isinstance(part, Text) else IMAGE_PLACEHOLDER for part in parts)
        files = tuple(part for part in parts if isinstance(part, Image | Document))
        return Role.TOOL, (ToolResult(self.call_id, "\n\n".join(texts)), *files)


class StateItem(OpenModel):
    """The state of another vendor's call, as `write_state` wrote it, in the place of encrypted reasoning."""

    type: Literal["reasoning"]
    encrypted_content: str
    id: str | None = None
    summary: Any = None
    content: Any = None
    status: str | None = None


def is_reference(item: dict[str, Any]) -> bool:
    """Whether an item refers to another one. Its type may be left out, as a message's may."""
    return item.get("type") == "item_reference" or (
        item.get("type") is None and "id" in item and item.keys() <= {"id", "type"}
    )


def is_state_item(item: dict[str, Any]) -> bool:
    return item.get("type") == "reasoning" and is_state(item.get("encrypted_content"))


class ItemReference(OpenModel):
    """An item of an earlier answer, which the hub has kept."""

    type: Literal["item_reference"] | None = None
    id: Name


_TAGS = {
    "message": "message",
    "function_call": "function_call",
    "custom_tool_call": "custom_tool_call",
    "function_call_output": "output",
    "custom_tool_call_output": "output",
    "additional_tools": "tools",
    "tool_search_output": "tools",
    **dict.fromkeys(_OPTIONAL_ITEMS, "optional"),
}
"""By an item's type. Every other one is for providers of the protocol alone."""


def _item_kind(item: Any) -> str:
    if not isinstance(item, dict):
        return "message"
    if is_reference(item):
        return "item_reference"
    kind = item.get("type") or "message"
    if kind == "message" and isinstance(role := item.get("role"), str):
        return "message" if role in _ROLES else "other_message"
    if kind == "function_call_output" and item.get("call_id") is None:
        return "other"  # of a call that its vendor alone knows
    if is_state_item(item):
        return "state"
    return _TAGS.get(kind, "other") if isinstance(kind, str) else "other"


InputItem = Annotated[
    Annotated[InputMessage, Tag("message")]
    | Annotated[OtherInputMessage, Tag("other_message")]
    | Annotated[FunctionCall, Tag("function_call")]
    | Annotated[CustomToolCall, Tag("custom_tool_call")]
    | Annotated[ToolOutput, Tag("output")]
    | Annotated[AddedTools, Tag("tools")]
    | Annotated[ItemReference, Tag("item_reference")]
    | Annotated[StateItem, Tag("state")]
    | Annotated[OptionalPart, Tag("optional")]
    | Annotated[UnreadPart, Tag("other")],
    Discriminator(_item_kind),
]


def read_items(items: Iterable[InputItem]) -> Iterator[Message]:
    """The hub's messages. An assistant's items in a row are one turn, and so are the outputs of tools.

    Raises `Refusal`.
    """
    items = list(items)
    states = read_states([item.encrypted_content for item in items if isinstance(item, StateItem)])
    turns = [turn for number, item in enumerate(items) if (turn := _turn(item, f"input.{number}")) is not None]
    for role, group in groupby(turns, key=lambda turn: turn[0]):
        if role not in (Role.ASSISTANT, Role.TOOL):
            yield from (Message(role, parts) for _, parts in group)
            continue
        parts = tuple(part for _, parts in group for part in parts)
        files = tuple(part for part in parts if isinstance(part, Image | Document))
        others = (part for part in parts if not isinstance(part, Image | Document))
        yield Message(role, tuple(_with_state(part, states) for part in others))
        if files:
            yield Message(Role.USER, files)


def _with_state(part: Part, states: Mapping[str, VendorState]) -> Part:
    return replace(part, state=states[part.id]) if isinstance(part, ToolCall) and part.id in states else part


def _turn(item: InputItem, field: str) -> Turn | None:
    """What an item adds to the conversation; None: nothing. Raises `Refusal`."""
    match item:
        case InputMessage() | FunctionCall() | CustomToolCall() | ToolOutput():
            return item.turn(field)
        case UnreadPart() | OtherInputMessage():
            return Role.USER, (Text(UNREAD_PART),)
    return None

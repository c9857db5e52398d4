"""Tools in Anthropic's words: those that a model may call, how they change, and how they are chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Tag

from llm_hub.api.bodies import JSONObject, Name
from llm_hub.api.open_parts import OpenModel, UnreadPart, kind_among
from llm_hub.chat import OneTool, Tool, ToolChoice

if TYPE_CHECKING:
    from collections.abc import Iterable


class CustomTool(OpenModel):
    """A tool of the client's."""

    name: Name
    input_schema: JSONObject
    type: Literal["custom"] | None = None
    description: str | None = None
    strict: bool | None = None

    def tool(self) -> Tool:
        return Tool(self.name, self.description or "", self.input_schema, self.strict)


def _tool_kind(tool: Any) -> str:
    is_custom = not isinstance(tool, dict) or tool.get("type") in (None, "custom")
    return "custom" if is_custom else "other"


MessageTool = Annotated[
    Annotated[CustomTool, Tag("custom")] | Annotated[UnreadPart, Tag("other")], Discriminator(_tool_kind)
]
"""A tool of the client's, or one of Anthropic's, which its own models alone know."""


class ToolDefinition(OpenModel):
    type: Literal["tool_definition"]
    definition: MessageTool


class ReferencedTool(OpenModel):
    type: Literal["tool_reference"]
    name: Name


class ToolAddition(OpenModel):
    """A tool that can be called from here on in the conversation: a new one, or one of those before it."""

    type: Literal["tool_addition"]
    tool: Annotated[ToolDefinition | ReferencedTool, Discriminator("type")]


class ToolRemoval(OpenModel):
    """A tool that cannot be called any longer."""

    type: Literal["tool_removal"]
    tool: ReferencedTool


ToolChange = ToolAddition | ToolRemoval


def is_tool_change(block: dict[str, Any]) -> bool:
    """Whether a block adds or removes a tool in a way that the hub knows."""
    kind = block["tool"].get("type") if isinstance(block.get("tool"), dict) else None
    return kind == "tool_reference" or (kind == "tool_definition" and block["type"] == "tool_addition")


def changed_tools(tools: Iterable[Tool], changes: Iterable[ToolChange]) -> tuple[Tool, ...]:
    """The tools after these changes: other vendors are told of all tools before the conversation."""
    known = {tool.name: tool for tool in tools}
    current = dict(known)
    for change in changes:
        match change:
            case ToolRemoval(tool=ReferencedTool(name=name)):
                current.pop(name, None)
            case ToolAddition(tool=ReferencedTool(name=name)) if name in known:
                current[name] = known[name]
            case ToolAddition(tool=ToolDefinition(definition=CustomTool() as definition)):
                current[definition.name] = known[definition.name] = definition.tool()
    return tuple(current.values())


class AutoToolChoice(OpenModel):
    type: Literal["auto", "any"]
    disable_parallel_tool_use: bool | None = None


class NamedToolChoice(OpenModel):
    type: Literal["tool"]
    name: Name
    disable_parallel_tool_use: bool | None = None


class NoToolChoice(OpenModel):
    type: Literal["none"]


ToolChoiceOption = Annotated[
    Annotated[AutoToolChoice, Tag("auto")]
    | Annotated[AutoToolChoice, Tag("any")]
    | Annotated[NamedToolChoice, Tag("tool")]
    | Annotated[NoToolChoice, Tag("none")]
    | Annotated[UnreadPart, Tag("other")],
    kind_among("auto", "any", "tool", "none"),
]


def read_choice(
    choice: AutoToolChoice | NamedToolChoice | NoToolChoice | UnreadPart | None,
) -> tuple[ToolChoice | None, bool | None]:
    """The hub's word for a choice, and whether several tools may be called at once."""
    match choice:
        case None | UnreadPart():
            return None, None
        case NoToolChoice():
            return "none", None
        case NamedToolChoice():
            chosen: ToolChoice = OneTool(choice.name)
        case AutoToolChoice():
            chosen = "required" if choice.type == "any" else "auto"
    return chosen, None if choice.disable_parallel_tool_use is None else not choice.disable_parallel_tool_use

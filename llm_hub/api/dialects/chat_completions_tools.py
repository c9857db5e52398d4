"""The tools of `POST /v1/chat/completions`: functions, custom tools whose input is text, and how they are chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from llm_hub.api.bodies import FailFastList, JSONObject, Name
from llm_hub.api.dialects.custom_tools import custom_tool
from llm_hub.api.open_parts import OpenModel, UnreadPart
from llm_hub.api.refusals import Refusal
from llm_hub.chat import OneTool, Tool, ToolChoice

if TYPE_CHECKING:
    from collections.abc import Sequence


class Function(OpenModel):
    name: Name
    description: str | None = None
    parameters: JSONObject | None = None
    strict: bool | None = None


class FunctionTool(OpenModel):
    type: Literal["function"]
    function: Function

    @property
    def name(self) -> str:
        return self.function.name

    def tool(self) -> Tool:
        function = self.function
        return Tool(function.name, function.description or "", function.parameters or {}, function.strict)


class CustomToolDescription(OpenModel):
    name: Name
    description: str | None = None
    format: JSONObject | None = None


class CompletionCustomTool(OpenModel):
    type: Literal["custom"]
    custom: CustomToolDescription

    @property
    def name(self) -> str:
        return self.custom.name

    def tool(self) -> Tool:
        return custom_tool(self.custom.name, self.custom.description or "", self.custom.format or {})


def tool_kind(tool: Any) -> str:
    """The kind of a tool, of a choice or of a call: a function where it says nothing."""
    kind = tool.get("type", "function") if isinstance(tool, dict) else "function"
    return kind if kind in ("function", "custom") else "other"


CompletionTool = Annotated[
    Annotated[FunctionTool, Tag("function")]
    | Annotated[CompletionCustomTool, Tag("custom")]
    | Annotated[UnreadPart, Tag("other")],
    Discriminator(tool_kind),
]
"""A tool of the client's, or one that runs on the vendor's server."""


class ToolName(OpenModel):
    name: Name


class NamedTool(OpenModel):
    type: Literal["function"]
    function: ToolName

    @property
    def name(self) -> str:
        return self.function.name


class FlatNamedTool(OpenModel):
    """A choice as Responses writes it, which several servers take here too."""

    type: Literal["function"]
    name: Name


class NamedCustomTool(OpenModel):
    type: Literal["custom"]
    custom: ToolName

    @property
    def name(self) -> str:
        return self.custom.name


class AllowedToolset(OpenModel):
    mode: Literal["auto", "required"]
    tools: Annotated[
        FailFastList[
            Annotated[
                Annotated[NamedTool, Tag("function")]
                | Annotated[NamedCustomTool, Tag("custom")]
                | Annotated[UnreadPart, Tag("other")],
                Discriminator(tool_kind),
            ]
        ],
        Field(min_length=1),
    ]


class AllowedTools(OpenModel):
    type: Literal["allowed_tools"]
    allowed_tools: AllowedToolset


def _choice_kind(choice: Any) -> str:
    if not isinstance(choice, dict):
        return "word"
    if choice.get("type") == "allowed_tools":
        return "allowed"
    kind = tool_kind(choice)
    return "flat" if kind == "function" and "function" not in choice and "name" in choice else kind


CompletionToolChoice = Annotated[
    Annotated[Literal["none", "auto", "required", "any"], Tag("word")]
    | Annotated[NamedTool, Tag("function")]
    | Annotated[FlatNamedTool, Tag("flat")]
    | Annotated[NamedCustomTool, Tag("custom")]
    | Annotated[AllowedTools, Tag("allowed")]
    | Annotated[UnreadPart, Tag("other")],
    Discriminator(_choice_kind),
]
"""Which tools are called: "any" is Mistral's word for "required". The choice of one that runs on the vendor's server is
for that vendor alone."""


def chosen(
    choice: CompletionToolChoice | None, given: Sequence[CompletionTool]
) -> tuple[tuple[Tool, ...], ToolChoice | None]:
    """The tools that may be called, and whether they must be. `allowed_tools` leaves the other ones out.

    Raises `Refusal`.
    """
    tools = tuple(tool.tool() for tool in given if not isinstance(tool, UnreadPart))
    has_others = len(tools) < len(given)
    if choice is None or isinstance(choice, UnreadPart):
        return tools, None
    if not tools and (has_others or choice in ("none", "auto")):
        return tools, None
    if not tools:
        raise Refusal(400, "tool_choice: there are no tools to choose from.", field="tool_choice")
    if isinstance(choice, str):
        return tools, "required" if choice == "any" else choice
    if isinstance(choice, NamedTool | FlatNamedTool | NamedCustomTool):
        return tools, OneTool(_checked_name(choice, given))
    named = (tool for tool in choice.allowed_tools.tools if not isinstance(tool, UnreadPart))
    allowed = {_checked_name(tool, given) for tool in named}
    return tuple(tool for tool in tools if tool.name in allowed), choice.allowed_tools.mode


def _checked_name(named: NamedTool | FlatNamedTool | NamedCustomTool, given: Sequence[CompletionTool]) -> str:
    """The name of a tool that is chosen. Raises `Refusal` if there is no such tool of its kind."""
    known = {(tool.type, tool.name) for tool in given if not isinstance(tool, UnreadPart)}
    if (named.type, named.name) not in known:
        raise Refusal(400, "tool_choice: names a tool that is not among the tools.", field="tool_choice")
    return named.name

"""The tools of `POST /v1/responses`: functions, custom tools whose input is text, and namespaces of both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from llm_hub.api.bodies import MAX_TOOLS, FailFastList, JSONObject, Name
from llm_hub.api.dialects.custom_tools import custom_tool
from llm_hub.api.open_parts import OpenModel, OptionalPart, UnreadPart, kind_among
from llm_hub.api.refusals import Refusal
from llm_hub.chat import OneTool, Tool

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from llm_hub.chat import ToolChoice


@dataclass(frozen=True, slots=True)
class ResponseToolName:
    """What a client calls a tool that the hub knows under one name."""

    name: str
    namespace: str | None = None
    is_custom: bool = False


def full_name(namespace: str | None, name: str) -> str:
    """The hub's name for a tool: most vendors know no namespaces."""
    return f"{namespace}__{name}" if namespace else name


class ResponseFunctionTool(OpenModel):
    type: Literal["function"]
    name: Name
    description: str | None = None
    parameters: JSONObject | None = None
    strict: bool | None = None

    def tool(self, namespace: str | None, preface: str) -> Tool:
        description = "\n\n".join(filter(None, (preface, self.description)))
        return Tool(full_name(namespace, self.name), description, self.parameters or {}, self.strict)


class ResponseCustomTool(OpenModel):
    """A tool whose input is text. Other vendors are given a function with one parameter."""

    type: Literal["custom"]
    name: Name
    description: str | None = None
    format: JSONObject | None = None

    def tool(self, namespace: str | None, preface: str) -> Tool:
        description = "\n\n".join(filter(None, (preface, self.description)))
        return custom_tool(full_name(namespace, self.name), description, self.format or {})


class NamespaceTool(OpenModel):
    """Tools under a common name."""

    type: Literal["namespace"]
    name: Name
    description: str | None = None
    tools: FailFastList[
        Annotated[
            Annotated[ResponseFunctionTool, Tag("function")]
            | Annotated[ResponseCustomTool, Tag("custom")]
            | Annotated[UnreadPart, Tag("other")],
            kind_among("function", "custom"),
        ]
    ]


def _tool_kind(tool: Any) -> str:
    kind = tool.get("type") if isinstance(tool, dict) else "function"  # which says that it must be an object
    if kind in ("function", "custom", "namespace"):
        return str(kind)
    return "optional" if isinstance(kind, str) and (kind == "tool_search" or is_web_search(kind)) else "other"


def is_web_search(kind: str) -> bool:
    """Whether a tool is OpenAI's search of the web, in one of its versions."""
    return kind.startswith("web_search")


ResponseTool = Annotated[
    Annotated[ResponseFunctionTool, Tag("function")]
    | Annotated[ResponseCustomTool, Tag("custom")]
    | Annotated[NamespaceTool, Tag("namespace")]
    | Annotated[OptionalPart, Tag("optional")]
    | Annotated[UnreadPart, Tag("other")],
    Discriminator(_tool_kind),
]
"""A tool of the client's, or one of OpenAI's. Agents send two of those always, and can do without them: the search of
the web, and that of tools which the model has not been told of."""


class AddedTools(OpenModel):
    """Tools that come with the conversation: Codex gives all of its tools so, or a search for tools has found them."""

    type: Literal["additional_tools", "tool_search_output"]
    tools: Annotated[FailFastList[ResponseTool], Field(max_length=MAX_TOOLS)]
    id: str | None = None
    role: str | None = None
    call_id: str | None = None
    execution: str | None = None
    status: str | None = None


class ResponseNamedTool(OpenModel):
    type: Literal["function", "custom"]
    name: Name
    namespace: str | None = None


class ResponseAllowedTools(OpenModel):
    type: Literal["allowed_tools"]
    mode: Literal["auto", "required"]
    tools: Annotated[
        FailFastList[
            Annotated[
                Annotated[ResponseNamedTool, Tag("function")]
                | Annotated[ResponseNamedTool, Tag("custom")]
                | Annotated[OptionalPart, Tag("other")],
                kind_among("function", "custom"),
            ]
        ],
        Field(min_length=1),
    ]


def _choice_kind(choice: Any) -> str:
    kind = choice.get("type") if isinstance(choice, dict) else "name"
    if kind == "name" or isinstance(choice, str):
        return "word"
    if kind in ("function", "custom"):
        return "named"
    return "allowed" if kind == "allowed_tools" else "other"


ResponseToolChoice = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("word")]
    | Annotated[ResponseNamedTool, Tag("named")]
    | Annotated[ResponseAllowedTools, Tag("allowed")]
    | Annotated[UnreadPart, Tag("other")],
    Discriminator(_choice_kind),
]
"""Which tools are called. The choice of a tool that runs on OpenAI's server is for OpenAI alone."""


def tools_by_name(
    tools: Iterable[ResponseTool], added: Iterable[ResponseTool]
) -> dict[str, tuple[Tool, ResponseToolName]]:
    """The hub's tools under their names, and what the client calls each. Raises `Refusal` for a double.

    `added` are those that the conversation has brought, where one may come again.
    """
    named: dict[str, tuple[Tool, ResponseToolName]] = {}
    for number, tool in enumerate(tools):
        for translated, name in _translated(tool):
            if translated.name in named:
                field = f"tools.{number}.name"
                raise Refusal(400, f"{field}: there is more than one tool of this name.", field=field)
            named[translated.name] = translated, name
    named |= {translated.name: (translated, name) for tool in added for translated, name in _translated(tool)}
    return named


def _translated(tool: ResponseTool) -> Iterator[tuple[Tool, ResponseToolName]]:
    match tool:
        case ResponseFunctionTool() | ResponseCustomTool():
            yield tool.tool(None, ""), ResponseToolName(tool.name, None, isinstance(tool, ResponseCustomTool))
        case NamespaceTool():
            preface = tool.description or ""
            for inner in tool.tools:
                if isinstance(inner, ResponseFunctionTool | ResponseCustomTool):
                    name = ResponseToolName(inner.name, tool.name, isinstance(inner, ResponseCustomTool))
                    yield inner.tool(tool.name, preface), name
                    preface = ""  # the first tool's description tells of all of them


def chosen(
    choice: ResponseToolChoice | None, tools: Mapping[str, Tool], *, has_others: bool
) -> tuple[tuple[Tool, ...], ToolChoice | None]:
    """The tools that may be called, and whether they must be. `allowed_tools` leaves the other ones out.

    `has_others`: there are tools besides that only the vendor knows. Where no tool is left, no choice is. Raises
    `Refusal`.
    """
    everything = tuple(tools.values())
    if choice is None or isinstance(choice, UnreadPart):
        return everything, None
    if not tools:
        if has_others or choice in ("none", "auto"):
            return (), None
        raise Refusal(400, "tool_choice: there are no tools to choose from.", field="tool_choice")
    if isinstance(choice, str):
        return everything, choice
    if isinstance(choice, ResponseNamedTool):
        return everything, OneTool(_checked_name(choice, tools))
    allowed = {_checked_name(tool, tools) for tool in choice.tools if isinstance(tool, ResponseNamedTool)}
    return tuple(tool for name, tool in tools.items() if name in allowed), choice.mode if allowed else None


def demands_call(choice: ResponseToolChoice | None) -> bool:
    """Whether an answer without a call of any tool is none that was asked for."""
    return (choice.mode if isinstance(choice, ResponseAllowedTools) else choice) == "required"


def _checked_name(choice: ResponseNamedTool, tools: Mapping[str, Tool]) -> str:
    """The hub's name of a tool that is chosen. Raises `Refusal` if there is no such tool."""
    name = full_name(choice.namespace, choice.name)
    if name not in tools:
        raise Refusal(400, "tool_choice: names a tool that is not among the tools.", field="tool_choice")
    return name

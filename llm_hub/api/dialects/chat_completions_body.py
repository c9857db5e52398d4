"""What the body of `POST /v1/chat/completions` may contain: a chat in OpenAI's words.

It is an open list: what is not named here goes on as it came to the providers that speak the same protocol.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from llm_hub.api.bodies import (
    MAX_MESSAGES,
    MAX_TOOLS,
    Effort,
    FailFastList,
    JSONObject,
    ModelChain,
    Name,
    Number,
    StopText,
    StopTexts,
    TokenLimit,
)
from llm_hub.api.dialects.chat_completions_turns import CompletionTurn, without_state
from llm_hub.api.open_parts import OpenBody, OpenModel, UnreadPart, kind_among
from llm_hub.api.refusals import Refusal
from llm_hub.chat import ChatRequest, JSONFormat, OneTool, Tool, ToolChoice

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class Function(OpenModel):
    name: Name
    description: str | None = None
    parameters: JSONObject | None = None
    strict: bool | None = None


class FunctionTool(OpenModel):
    type: Literal["function"]
    function: Function

    def tool(self) -> Tool:
        function = self.function
        return Tool(function.name, function.description or "", function.parameters or {}, function.strict)


def _tool_kind(tool: Any) -> str:
    is_known = not isinstance(tool, dict) or tool.get("type") in ("function", "custom")
    return "function" if is_known else "other"


CompletionTool = Annotated[
    Annotated[FunctionTool, Tag("function")] | Annotated[UnreadPart, Tag("other")], Discriminator(_tool_kind)
]
"""A function, or a tool that runs on the vendor's server. A custom tool, whose calls are no JSON, is refused."""


class ToolName(OpenModel):
    name: Name


class NamedTool(OpenModel):
    type: Literal["function"]
    function: ToolName


class AllowedToolset(OpenModel):
    mode: Literal["auto", "required"]
    tools: Annotated[
        FailFastList[
            Annotated[
                Annotated[NamedTool, Tag("function")] | Annotated[UnreadPart, Tag("other")], Discriminator(_tool_kind)
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
    return "allowed" if choice.get("type") == "allowed_tools" else _tool_kind(choice)


CompletionToolChoice = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("word")]
    | Annotated[NamedTool, Tag("function")]
    | Annotated[AllowedTools, Tag("allowed")]
    | Annotated[UnreadPart, Tag("other")],
    Discriminator(_choice_kind),
]
"""Which tools are called. The choice of one that runs on the vendor's server is for that vendor alone."""


class TextFormat(OpenModel):
    type: Literal["text"]

    def format(self) -> JSONFormat | None:
        return None


class AnyJSONFormat(OpenModel):
    type: Literal["json_object"]

    def format(self) -> JSONFormat | None:
        return JSONFormat()


class JSONSchema(OpenModel):
    name: Name
    description: str | None = None
    schema_: JSONObject | None = Field(None, alias="schema")
    strict: bool | None = None


class JSONSchemaFormat(OpenModel):
    type: Literal["json_schema"]
    json_schema: JSONSchema

    def format(self) -> JSONFormat | None:
        form = self.json_schema
        schema = form.schema_
        if schema is not None and form.description:
            schema = {"description": form.description, **schema}
        return JSONFormat(schema, form.name, form.strict)


ResponseFormat = Annotated[
    Annotated[TextFormat, Tag("text")]
    | Annotated[AnyJSONFormat, Tag("json_object")]
    | Annotated[JSONSchemaFormat, Tag("json_schema")]
    | Annotated[UnreadPart, Tag("other")],
    kind_among("text", "json_object", "json_schema"),
]


class StreamOptions(OpenModel):
    include_usage: bool | None = False
    include_obfuscation: bool | None = False


class ChatCompletionsBody(OpenBody):
    """The body of `POST /v1/chat/completions`. `models` is the ordered chain, as OpenRouter has it."""

    refused_fields: ClassVar = {
        "n": (None, 1),
        "logprobs": (None, False),
        "top_logprobs": (None, 0),
        "modalities": (None, ["text"]),
        "audio": (None,),
        "functions": (None, []),
        "function_call": (None,),
        "moderation": (None,),
        "api_key": (None,),
    }
    protocol = "openai"
    neutral_values: ClassVar = {
        "frequency_penalty": (0,),
        "presence_penalty": (0,),
        "logit_bias": ({},),
        "store": (False,),
        "service_tier": ("auto", "default"),
        "verbosity": ("medium",),
    }
    essential_fields = frozenset({
        "web_search_options", "search_parameters", "plugins", "grammar", "structured_outputs",
        "guided_json", "guided_regex", "guided_choice", "guided_grammar",
    })  # fmt: skip
    free_fields = frozenset({
        "user", "safety_identifier", "metadata", "store", "prompt_cache_key", "prompt_cache_retention", "verbosity",
        "frequency_penalty", "presence_penalty", "repetition_penalty", "logit_bias", "top_k", "min_p", "top_a",
        "chat_template_kwargs", "reasoning", "thinking", "enable_thinking", "keep_alive",
    })  # fmt: skip

    messages: Annotated[FailFastList[CompletionTurn], Field(min_length=1, max_length=MAX_MESSAGES)]
    model: Name
    models: ModelChain | None = None
    stream_options: StreamOptions | None = None
    temperature: Number | None = None
    top_p: Number | None = None
    max_tokens: TokenLimit | None = None
    max_completion_tokens: TokenLimit | None = None
    stop: StopText | StopTexts | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    reasoning_effort: Effort | None = None
    response_format: ResponseFormat | None = None
    tools: Annotated[FailFastList[CompletionTool], Field(max_length=MAX_TOOLS)] | None = None
    tool_choice: CompletionToolChoice | None = None
    parallel_tool_calls: bool | None = None

    def request(self) -> ChatRequest:
        tools, choice = self._tools()
        form = self.response_format
        limit = self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens
        messages = tuple(turn.message(f"messages.{number}") for number, turn in enumerate(self.messages))
        return ChatRequest(
            messages,
            self.model,
            self.temperature,
            limit,
            fallback=None if self.models is None else tuple(self.models),
            tools=tools,
            tool_choice=choice,
            parallel_tools=self.parallel_tool_calls if tools else None,
            format=None if form is None or isinstance(form, UnreadPart) else form.format(),
            stop=(self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ()),
            seed=self.seed,
            top_p=self.top_p,
            effort=self.reasoning_effort,
            original=self.original(len(messages)),
        )

    def _own_words(self, sent: Mapping[str, Any], left_out: Collection[str]) -> dict[str, Any]:
        body = super()._own_words(sent, left_out)
        body["messages"] = [without_state(turn) for turn in body["messages"]]
        return body

    def _tools(self) -> tuple[tuple[Tool, ...], ToolChoice | None]:
        """The tools that may be called, and whether they must be. `allowed_tools` leaves the other ones out."""
        tools = tuple(tool.tool() for tool in self.tools or () if isinstance(tool, FunctionTool))
        choice = self.tool_choice
        has_others = len(tools) < len(self.tools or ())
        if choice is None or isinstance(choice, UnreadPart):
            return tools, None
        if not tools and (has_others or choice in ("none", "auto")):
            return tools, None
        if not tools:
            raise Refusal(400, "tool_choice: there are no tools to choose from.", field="tool_choice")
        if isinstance(choice, str):
            return tools, choice
        if isinstance(choice, NamedTool):
            return tools, OneTool(_checked_name(choice, tools))
        named = (tool for tool in choice.allowed_tools.tools if isinstance(tool, NamedTool))
        allowed = {_checked_name(tool, tools) for tool in named}
        return tuple(tool for tool in tools if tool.name in allowed), choice.allowed_tools.mode


def _checked_name(named: NamedTool, tools: tuple[Tool, ...]) -> str:
    """The name of a tool that is chosen. Raises `Refusal` if there is no such tool."""
    if all(tool.name != named.function.name for tool in tools):
        raise Refusal(400, "tool_choice: names a tool that is not among the tools.", field="tool_choice")
    return named.function.name

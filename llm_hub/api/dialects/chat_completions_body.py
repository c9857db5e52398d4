"""What the body of `POST /v1/chat/completions` may contain: a chat in OpenAI's words."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from llm_hub.api.bodies import (
    MAX_MESSAGES,
    MAX_TOOLS,
    ChatBody,
    Effort,
    FailFastList,
    Fraction,
    JSONObject,
    ModelChain,
    Name,
    StopText,
    StopTexts,
    StrictModel,
    Temperature,
    TokenLimit,
)
from llm_hub.api.dialects.openai_shapes import TextOrImage, TextPart, read_content
from llm_hub.api.refusals import Refusal
from llm_hub.chat import ChatRequest, JSONFormat, Message, OneTool, Role, Text, Tool, ToolCall, ToolChoice, ToolResult

Texts = str | FailFastList[TextPart]


class SystemTurn(StrictModel):
    role: Literal["system", "developer"]
    content: Texts
    name: str | None = None

    def message(self, field: str) -> Message:
        return Message(Role.SYSTEM, read_content(self.content, field))


class UserTurn(StrictModel):
    role: Literal["user"]
    content: str | FailFastList[TextOrImage]
    name: str | None = None

    def message(self, field: str) -> Message:
        return Message(Role.USER, read_content(self.content, f"{field}.content"))


class EchoedModel(StrictModel):
    """A part of what a model answered before. Clients send back all that they got, with fields of their own."""

    model_config = ConfigDict(extra="ignore")


class CalledFunction(EchoedModel):
    name: Name
    arguments: str


class CalledTool(EchoedModel):
    id: Name
    type: Literal["function"] = "function"
    function: CalledFunction


class RefusalPart(StrictModel):
    type: Literal["refusal"]
    refusal: str


class AssistantTurn(EchoedModel):
    role: Literal["assistant"]
    content: str | FailFastList[Annotated[TextPart | RefusalPart, Field(discriminator="type")]] | None = None
    tool_calls: FailFastList[CalledTool] | None = None
    refusal: str | None = None
    audio: None = None
    function_call: None = None

    def message(self, field: str) -> Message:
        text = self._text()
        if not self.tool_calls:
            if self.content is None and not text:
                raise Refusal(400, f"{field}.content: is missing.", field=f"{field}.content")
            return Message(Role.ASSISTANT, text)
        calls = tuple(ToolCall(call.id, call.function.name, call.function.arguments) for call in self.tool_calls)
        return Message(Role.ASSISTANT, (Text(text), *calls) if text else calls)

    def _text(self) -> str:
        """What the model wrote; where it wrote nothing, why it refused."""
        text = self.content
        if not isinstance(text, str):
            text = "\n\n".join(part.text if isinstance(part, TextPart) else part.refusal for part in text or ())
        return text or self.refusal or ""


class ToolTurn(StrictModel):
    role: Literal["tool"]
    content: Texts
    tool_call_id: Name
    name: str | None = None

    def message(self, field: str) -> Message:  # noqa: ARG002  # the other turns' shape
        text = self.content
        if not isinstance(text, str):
            text = "\n\n".join(part.text for part in text)
        return Message(Role.TOOL, (ToolResult(self.tool_call_id, text),))


CompletionTurn = Annotated[SystemTurn | UserTurn | AssistantTurn | ToolTurn, Field(discriminator="role")]


class Function(StrictModel):
    name: Name
    description: str | None = None
    parameters: JSONObject | None = None
    strict: bool | None = None


class FunctionTool(StrictModel):
    type: Literal["function"]
    function: Function

    def tool(self) -> Tool:
        function = self.function
        return Tool(function.name, function.description or "", function.parameters or {}, function.strict)


class ToolName(StrictModel):
    name: Name


class NamedTool(StrictModel):
    type: Literal["function"]
    function: ToolName


class AllowedToolset(StrictModel):
    mode: Literal["auto", "required"]
    tools: Annotated[FailFastList[NamedTool], Field(min_length=1)]


class AllowedTools(StrictModel):
    type: Literal["allowed_tools"]
    allowed_tools: AllowedToolset


class TextFormat(StrictModel):
    type: Literal["text"]

    def format(self) -> JSONFormat | None:
        return None


class AnyJSONFormat(StrictModel):
    type: Literal["json_object"]

    def format(self) -> JSONFormat | None:
        return JSONFormat()


class JSONSchema(StrictModel):
    name: Name
    description: str | None = None
    schema_: JSONObject | None = Field(None, alias="schema")
    strict: bool | None = None


class JSONSchemaFormat(StrictModel):
    type: Literal["json_schema"]
    json_schema: JSONSchema

    def format(self) -> JSONFormat | None:
        form = self.json_schema
        schema = form.schema_
        if schema is not None and form.description:
            schema = {"description": form.description, **schema}
        return JSONFormat(schema, form.name, form.strict)


class StreamOptions(StrictModel):
    include_usage: bool | None = False
    include_obfuscation: bool | None = False


class ChatCompletionsBody(ChatBody):
    """The body of `POST /v1/chat/completions`. `models` is the ordered chain, as OpenRouter has it."""

    neutral_values: ClassVar = {
        "n": (None, 1),
        "frequency_penalty": (None, 0),
        "presence_penalty": (None, 0),
        "logit_bias": (None, {}),
        "logprobs": (None, False),
        "top_logprobs": (None, 0),
        "store": (None, False),
        "service_tier": (None, "auto", "default"),
        "verbosity": (None, "medium"),
        "modalities": (None, ["text"]),
        "audio": (None,),
        "functions": (None, []),
        "function_call": (None,),
        "prediction": (None,),
        "moderation": (None,),
        "web_search_options": (None,),
    }

    messages: Annotated[FailFastList[CompletionTurn], Field(min_length=1, max_length=MAX_MESSAGES)]
    model: Name = "auto"
    models: ModelChain | None = None
    stream_options: StreamOptions | None = None
    temperature: Temperature | None = None
    top_p: Fraction | None = None
    max_tokens: TokenLimit | None = None
    max_completion_tokens: TokenLimit | None = None
    stop: StopText | StopTexts | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    reasoning_effort: Effort | None = None
    response_format: Annotated[TextFormat | AnyJSONFormat | JSONSchemaFormat, Field(discriminator="type")] | None = None
    tools: Annotated[FailFastList[FunctionTool], Field(max_length=MAX_TOOLS)] | None = None
    tool_choice: (
        Literal["none", "auto", "required"] | Annotated[NamedTool | AllowedTools, Field(discriminator="type")] | None
    ) = None
    parallel_tool_calls: bool | None = None
    # Accepted and ignored: they are for OpenAI's own accounts and caches.
    user: str | None = None
    safety_identifier: str | None = None
    metadata: dict[str, str] | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None

    def request(self) -> ChatRequest:
        tools, choice = self._tools()
        limit = self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens
        return ChatRequest(
            tuple(turn.message(f"messages.{number}") for number, turn in enumerate(self.messages)),
            self.model,
            self.temperature,
            limit,
            fallback=None if self.models is None else tuple(self.models),
            tools=tools,
            tool_choice=choice,
            parallel_tools=self.parallel_tool_calls if tools else None,
            format=self.response_format.format() if self.response_format else None,
            stop=(self.stop,) if isinstance(self.stop, str) else tuple(self.stop or ()),
            seed=self.seed,
            top_p=self.top_p,
            effort=self.reasoning_effort,
        )

    def _tools(self) -> tuple[tuple[Tool, ...], ToolChoice | None]:
        """The tools that may be called, and whether they must be. `allowed_tools` leaves the other ones out."""
        tools = tuple(tool.tool() for tool in self.tools or ())
        choice = self.tool_choice
        if choice is None or (not tools and choice in ("none", "auto")):
            return tools, None
        if not tools:
            raise Refusal(400, "tool_choice: there are no tools to choose from.", field="tool_choice")
        if isinstance(choice, str):
            return tools, choice
        if isinstance(choice, NamedTool):
            return tools, OneTool(_checked_name(choice, tools))
        allowed = {_checked_name(tool, tools) for tool in choice.allowed_tools.tools}
        return tuple(tool for tool in tools if tool.name in allowed), choice.allowed_tools.mode


def _checked_name(named: NamedTool, tools: tuple[Tool, ...]) -> str:
    """The name of a tool that is chosen. Raises `Refusal` if there is no such tool."""
    if all(tool.name != named.function.name for tool in tools):
        raise Refusal(400, "tool_choice: names a tool that is not among the tools.", field="tool_choice")
    return named.function.name

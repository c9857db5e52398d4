"""What a request to `POST /v1/chat/completions` may say: OpenAI's words for a chat."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field

from llm_hub.api.bodies import (
    MAX_MESSAGES,
    ChatBody,
    JSONObject,
    Name,
    Several,
    Share,
    StopText,
    StrictModel,
    Temperature,
    TextOrImage,
    TextPart,
    Tokens,
    content,
)
from llm_hub.api.refusals import Refused
from llm_hub.chat import ChatRequest, JSONFormat, Message, OneTool, Role, Text, Tool, ToolCall, ToolChoice, ToolResult

Texts = str | Several[TextPart]


class SystemTurn(StrictModel):
    role: Literal["system", "developer"]
    content: Texts
    name: str | None = None

    def message(self, where: str) -> Message:
        return Message(Role.SYSTEM, content(self.content, where))


class UserTurn(StrictModel):
    role: Literal["user"]
    content: str | Several[TextOrImage]
    name: str | None = None

    def message(self, where: str) -> Message:
        return Message(Role.USER, content(self.content, f"{where}.content"))


class Echo(StrictModel):
    """What a model said before. Clients send back all that they were sent, and notes of their own with it."""

    model_config = ConfigDict(extra="ignore")


class CalledFunction(Echo):
    name: Name
    arguments: str


class CalledTool(Echo):
    id: Name
    type: Literal["function"] = "function"
    function: CalledFunction


class RefusalPart(StrictModel):
    type: Literal["refusal"]
    refusal: str


class AssistantTurn(Echo):
    role: Literal["assistant"]
    content: str | Several[Annotated[TextPart | RefusalPart, Field(discriminator="type")]] | None = None
    tool_calls: Several[CalledTool] | None = None
    refusal: str | None = None
    audio: None = None
    function_call: None = None

    def message(self, where: str) -> Message:
        said = self.content
        if not isinstance(said, str):
            said = "\n\n".join(part.text if isinstance(part, TextPart) else part.refusal for part in said or ())
        said = said or self.refusal or ""
        if not self.tool_calls:
            if self.content is None and not said:
                raise Refused(400, f"{where}.content: is missing.", field=f"{where}.content")
            return Message(Role.ASSISTANT, said)
        calls = tuple(ToolCall(call.id, call.function.name, call.function.arguments) for call in self.tool_calls)
        return Message(Role.ASSISTANT, (Text(said), *calls) if said else calls)


class ToolTurn(StrictModel):
    role: Literal["tool"]
    content: Texts
    tool_call_id: Name
    name: str | None = None

    def message(self, where: str) -> Message:  # noqa: ARG002  # the other turns' shape
        said = self.content
        if not isinstance(said, str):
            said = "\n\n".join(part.text for part in said)
        return Message(Role.TOOL, (ToolResult(self.tool_call_id, said),))


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
        said = self.function
        return Tool(said.name, said.description or "", said.parameters or {}, said.strict)


class Named(StrictModel):
    name: Name


class NamedTool(StrictModel):
    type: Literal["function"]
    function: Named


class Allowed(StrictModel):
    mode: Literal["auto", "required"]
    tools: Annotated[Several[NamedTool], Field(min_length=1)]


class AllowedTools(StrictModel):
    type: Literal["allowed_tools"]
    allowed_tools: Allowed


class TextFormat(StrictModel):
    type: Literal["text"]

    def format(self) -> JSONFormat | None:
        return None


class AnyJSON(StrictModel):
    type: Literal["json_object"]

    def format(self) -> JSONFormat | None:
        return JSONFormat()


class JSONSchema(StrictModel):
    name: Name
    description: str | None = None
    schema_: JSONObject | None = Field(None, alias="schema")
    strict: bool | None = None


class JSONOfSchema(StrictModel):
    type: Literal["json_schema"]
    json_schema: JSONSchema

    def format(self) -> JSONFormat | None:
        said = self.json_schema
        schema = said.schema_
        if schema is not None and said.description:
            schema = {"description": said.description, **schema}
        return JSONFormat(schema, said.name, said.strict)


class StreamOptions(StrictModel):
    include_usage: bool | None = False
    include_obfuscation: bool | None = False


class ChatCompletionsBody(ChatBody):
    """The body of `POST /v1/chat/completions`. `models` is the ordered chain, as OpenRouter has it."""

    asks_nothing: ClassVar = {
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

    messages: Annotated[Several[CompletionTurn], Field(min_length=1, max_length=MAX_MESSAGES)]
    model: Name = "auto"
    models: Annotated[list[Name], Field(max_length=20)] | None = None
    stream_options: StreamOptions | None = None
    temperature: Temperature | None = None
    top_p: Share | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    stop: StopText | Annotated[list[StopText], Field(max_length=16)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    reasoning_effort: Annotated[str, Field(pattern=r"^[a-z_]{1,20}$")] | None = None
    response_format: Annotated[TextFormat | AnyJSON | JSONOfSchema, Field(discriminator="type")] | None = None
    tools: Annotated[Several[FunctionTool], Field(max_length=1000)] | None = None
    tool_choice: (
        Literal["none", "auto", "required"] | Annotated[NamedTool | AllowedTools, Field(discriminator="type")] | None
    ) = None
    parallel_tool_calls: bool | None = None
    # What a client says for the vendor's books and caches, which is nobody's here.
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
            raise Refused(400, "tool_choice: there are no tools to choose from.", field="tool_choice")
        if isinstance(choice, str):
            return tools, choice
        if isinstance(choice, NamedTool):
            _known(choice, tools)
            return tools, OneTool(choice.function.name)
        allowed = {_known(tool, tools) for tool in choice.allowed_tools.tools}
        return tuple(tool for tool in tools if tool.name in allowed), choice.allowed_tools.mode


def _known(named: NamedTool, tools: tuple[Tool, ...]) -> str:
    if all(tool.name != named.function.name for tool in tools):
        raise Refused(400, "tool_choice: names a tool that is not among the tools.", field="tool_choice")
    return named.function.name

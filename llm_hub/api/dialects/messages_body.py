"""What the body of `POST /v1/messages` may contain: a chat in Anthropic's words.

`cache_control`, a hint for Anthropic's caches, is accepted and ignored wherever it stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import orjson
from pydantic import Field

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
    StopTexts,
    StrictModel,
    TokenLimit,
)
from llm_hub.api.dialects.messages_blocks import (
    AssistantBlock,
    CacheControl,
    ImageBlock,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    UserBlock,
)
from llm_hub.chat import ChatRequest, JSONFormat, Message, OneTool, Role, Text, Tool, ToolCall, ToolChoice

if TYPE_CHECKING:
    from llm_hub.chat import Part

Texts = str | FailFastList[TextBlock]


class SystemMessage(StrictModel):
    role: Literal["system"]
    content: Texts

    def messages(self, field: str) -> tuple[Message, ...]:  # noqa: ARG002  # the other turns' shape
        return (_system(self.content),)


class UserMessage(StrictModel):
    role: Literal["user"]
    content: str | FailFastList[UserBlock]

    def messages(self, field: str) -> tuple[Message, ...]:
        """The hub's messages: results of tools are a turn of their own, before what the user says to them."""
        if isinstance(self.content, str):
            return (Message(Role.USER, self.content),)
        results = tuple(block.result() for block in self.content if isinstance(block, ToolResultBlock))
        result_images: list[Part] = []
        parts: list[Part] = []
        for number, block in enumerate(self.content):
            place = f"{field}.content.{number}"
            match block:
                case TextBlock(text=text):
                    parts.append(Text(text))
                case ImageBlock():
                    parts.append(block.image(place))
                case ToolResultBlock():
                    result_images += block.images(place)
        parts = result_images + parts
        return (
            *((Message(Role.TOOL, results),) if results else ()),
            *((Message(Role.USER, tuple(parts)),) if parts or not results else ()),
        )


class AssistantMessage(StrictModel):
    role: Literal["assistant"]
    content: str | FailFastList[AssistantBlock]

    def messages(self, field: str) -> tuple[Message, ...]:  # noqa: ARG002  # the other turns' shape
        if isinstance(self.content, str):
            return (Message(Role.ASSISTANT, self.content),)
        parts: list[Part] = []
        for block in self.content:
            if isinstance(block, TextBlock):
                parts.append(Text(block.text))
            elif isinstance(block, ToolUseBlock):
                parts.append(ToolCall(block.id, block.name, orjson.dumps(block.input).decode()))
        return (Message(Role.ASSISTANT, tuple(parts)),)


class CustomTool(StrictModel):
    """A tool of the client's. Anthropic's server tools are refused: they run on its servers, for its models alone."""

    name: Name
    input_schema: JSONObject
    type: Literal["custom"] | None = None
    description: str | None = None
    strict: bool | None = None
    cache_control: CacheControl = None
    eager_input_streaming: bool | None = None
    defer_loading: Literal[False] | None = None

    def tool(self) -> Tool:
        return Tool(self.name, self.description or "", self.input_schema, self.strict)


class AutoToolChoice(StrictModel):
    type: Literal["auto", "any"]
    disable_parallel_tool_use: bool | None = None


class NamedToolChoice(StrictModel):
    type: Literal["tool"]
    name: Name
    disable_parallel_tool_use: bool | None = None


class NoToolChoice(StrictModel):
    type: Literal["none"]


class JSONOutputFormat(StrictModel):
    type: Literal["json_schema"]
    schema_: JSONObject = Field(alias="schema")


class OutputConfig(StrictModel):
    effort: Effort | None = None
    format: JSONOutputFormat | None = None


class ThinkingOption(StrictModel):
    """Whether the client is shown the model's reasoning. How long it reasons is `output_config.effort`."""

    type: Literal["disabled", "adaptive"]
    display: Literal["summarized", "omitted"] | None = None


class Metadata(StrictModel):
    user_id: str | None = None


class MessagesBody(ChatBody):
    """The body of `POST /v1/messages`. A model's name that begins with "claude" is one of Anthropic's own."""

    neutral_values: ClassVar = {
        "service_tier": (None, "auto", "standard_only"),
        "speed": (None, "standard"),
        "container": (None,),
        "inference_geo": (None,),
        "diagnostics": (None,),
        "context_management": (None,),
        "mcp_servers": (None, []),
        "betas": (None, []),
        "top_k": (None,),
    }

    messages: Annotated[
        FailFastList[Annotated[UserMessage | AssistantMessage | SystemMessage, Field(discriminator="role")]],
        Field(min_length=1, max_length=MAX_MESSAGES),
    ]
    model: Name
    max_tokens: TokenLimit
    models: ModelChain | None = None
    system: Texts | None = None
    temperature: Fraction | None = None
    top_p: Fraction | None = None
    stop_sequences: StopTexts | None = None
    tools: Annotated[FailFastList[CustomTool], Field(max_length=MAX_TOOLS)] | None = None
    tool_choice: Annotated[AutoToolChoice | NamedToolChoice | NoToolChoice, Field(discriminator="type")] | None = None
    output_config: OutputConfig | None = None
    thinking: ThinkingOption | None = None
    metadata: Metadata | None = None
    cache_control: CacheControl = None

    @property
    def shows_thinking(self) -> bool:
        """Whether the client asked to be shown the model's reasoning: one that did not expects text first."""
        return self.thinking is not None and self.thinking.type == "adaptive" and self.thinking.display != "omitted"

    def request(self) -> ChatRequest:
        tools = tuple(tool.tool() for tool in self.tools or ())
        choice, parallel = _choice(self.tool_choice) if tools else (None, None)
        output = self.output_config or OutputConfig()
        turns = (turn.messages(f"messages.{number}") for number, turn in enumerate(self.messages))
        return ChatRequest(
            (*((_system(self.system),) if self.system else ()), *(message for turn in turns for message in turn)),
            _model(self.model),
            self.temperature,
            self.max_tokens,
            fallback=None if self.models is None else tuple(_model(name) for name in self.models),
            tools=tools,
            tool_choice=choice,
            parallel_tools=parallel,
            format=JSONFormat(output.format.schema_) if output.format else None,
            stop=tuple(self.stop_sequences or ()),
            top_p=self.top_p,
            effort=output.effort,
        )


def _model(name: str) -> str:
    """The hub's name of a model. One that begins with "claude" is Anthropic's, so that programs need not change it."""
    return f"anthropic/{name}" if name.startswith("claude") and "/" not in name else name


def _system(content: str | list[TextBlock]) -> Message:
    text = content if isinstance(content, str) else "\n\n".join(block.text for block in content)
    return Message(Role.SYSTEM, text)


def _choice(
    choice: AutoToolChoice | NamedToolChoice | NoToolChoice | None,
) -> tuple[ToolChoice | None, bool | None]:
    """The hub's word for a choice, and whether several tools may be called at once."""
    match choice:
        case None:
            return None, None
        case NoToolChoice():
            return "none", None
        case NamedToolChoice():
            chosen: ToolChoice = OneTool(choice.name)
        case AutoToolChoice():
            chosen = "required" if choice.type == "any" else "auto"
    return chosen, None if choice.disable_parallel_tool_use is None else not choice.disable_parallel_tool_use

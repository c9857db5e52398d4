"""What a request to `POST /v1/messages` may say: Anthropic's words for a chat.

Hints for Anthropic's caches are taken and left aside, wherever they stand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import orjson
from pydantic import Field

from llm_hub.api.bodies import (
    MAX_MESSAGES,
    ChatBody,
    JSONObject,
    Name,
    Several,
    Share,
    StopText,
    StrictModel,
    Tokens,
    image,
)
from llm_hub.chat import (
    ChatRequest,
    JSONFormat,
    Message,
    OneTool,
    Part,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llm_hub.chat import Image

_SHOWN = "(The image is shown below.)"
"""What stands in a tool's result for an image."""

CacheControl = dict[str, str] | None


class TextBlock(StrictModel):
    type: Literal["text"]
    text: str
    cache_control: CacheControl = None
    citations: Annotated[list[Any], Field(max_length=0)] | None = None


class Base64Source(StrictModel):
    type: Literal["base64"]
    media_type: str
    data: str


class ImageBlock(StrictModel):
    type: Literal["image"]
    source: Base64Source
    cache_control: CacheControl = None

    def image(self, where: str) -> Image:
        return image(self.source.media_type, self.source.data, where)


class ToolResultBlock(StrictModel):
    type: Literal["tool_result"]
    tool_use_id: Name
    content: str | Several[Annotated[TextBlock | ImageBlock, Field(discriminator="type")]] | None = None
    is_error: bool | None = False
    cache_control: CacheControl = None

    def result(self) -> ToolResult:
        said = self.content
        if not isinstance(said, str):
            said = "\n\n".join(block.text if isinstance(block, TextBlock) else _SHOWN for block in said or ())
        return ToolResult(self.tool_use_id, said, failed=bool(self.is_error))

    def images(self, where: str) -> Iterator[Image]:
        """Its images. Most vendors' tools give text alone, so the user shows them, right after the results."""
        blocks = () if isinstance(self.content, str) else self.content or ()
        for number, block in enumerate(blocks):
            if isinstance(block, ImageBlock):
                yield block.image(f"{where}.content.{number}.source")


class DirectCaller(StrictModel):
    type: Literal["direct"]


class ToolUseBlock(StrictModel):
    type: Literal["tool_use"]
    id: Name
    name: Name
    input: JSONObject
    caller: DirectCaller | None = None
    toolset_name: None = None
    cache_control: CacheControl = None


class ThinkingBlock(StrictModel):
    """Comes back from clients that were shown it. It is the business of the model that thought it alone."""

    type: Literal["thinking"]
    thinking: str
    signature: str = ""


class RedactedBlock(StrictModel):
    """As above, unreadable."""

    type: Literal["redacted_thinking"]
    data: str


Texts = str | Several[TextBlock]


class SystemMessage(StrictModel):
    role: Literal["system"]
    content: Texts

    def messages(self, where: str) -> tuple[Message, ...]:  # noqa: ARG002  # the other turns' shape
        return (_system(self.content),)


class UserMessage(StrictModel):
    role: Literal["user"]
    content: str | Several[Annotated[TextBlock | ImageBlock | ToolResultBlock, Field(discriminator="type")]]

    def messages(self, where: str) -> tuple[Message, ...]:
        """Results of tools are a turn of their own, before what the user says to them."""
        if isinstance(self.content, str):
            return (Message(Role.USER, self.content),)
        results = tuple(block.result() for block in self.content if isinstance(block, ToolResultBlock))
        shown: list[Part] = []
        said: list[Part] = []
        for number, block in enumerate(self.content):
            place = f"{where}.content.{number}"
            match block:
                case TextBlock(text=text):
                    said.append(Text(text))
                case ImageBlock():
                    said.append(block.image(f"{place}.source"))
                case ToolResultBlock():
                    shown += block.images(place)
        said = shown + said
        return (
            *((Message(Role.TOOL, results),) if results else ()),
            *((Message(Role.USER, tuple(said)),) if said or not results else ()),
        )


AssistantBlock = Annotated[
    TextBlock | ToolUseBlock | ThinkingBlock | RedactedBlock,
    Field(discriminator="type"),
]


class AssistantMessage(StrictModel):
    role: Literal["assistant"]
    content: str | Several[AssistantBlock]

    def messages(self, where: str) -> tuple[Message, ...]:  # noqa: ARG002  # the other turns' shape
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
    """A tool of the client's. Anthropic's own ones run on its servers, for its models alone."""

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


class AutoChoice(StrictModel):
    type: Literal["auto", "any"]
    disable_parallel_tool_use: bool | None = None


class ToolNamed(StrictModel):
    type: Literal["tool"]
    name: Name
    disable_parallel_tool_use: bool | None = None


class NoChoice(StrictModel):
    type: Literal["none"]


class JSONOutput(StrictModel):
    type: Literal["json_schema"]
    schema_: JSONObject = Field(alias="schema")


class OutputConfig(StrictModel):
    effort: Annotated[str, Field(pattern=r"^[a-z_]{1,20}$")] | None = None
    format: JSONOutput | None = None


class Thinking(StrictModel):
    """Whether reasoning is shown, where the model gives any. How long it reasons is `output_config.effort`."""

    type: Literal["disabled", "adaptive"]
    display: Literal["summarized", "omitted"] | None = None


class Metadata(StrictModel):
    user_id: str | None = None


class MessagesBody(ChatBody):
    """The body of `POST /v1/messages`. A model's name that begins with "claude" is one of Anthropic's own."""

    asks_nothing: ClassVar = {
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
        Several[Annotated[UserMessage | AssistantMessage | SystemMessage, Field(discriminator="role")]],
        Field(min_length=1, max_length=MAX_MESSAGES),
    ]
    model: Name
    max_tokens: Tokens
    models: Annotated[list[Name], Field(max_length=20)] | None = None
    system: Texts | None = None
    temperature: Share | None = None
    top_p: Share | None = None
    stop_sequences: Annotated[list[StopText], Field(max_length=16)] | None = None
    tools: Annotated[Several[CustomTool], Field(max_length=1000)] | None = None
    tool_choice: Annotated[AutoChoice | ToolNamed | NoChoice, Field(discriminator="type")] | None = None
    output_config: OutputConfig | None = None
    thinking: Thinking | None = None
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
    return f"anthropic/{name}" if name.startswith("claude") and "/" not in name else name


def _system(said: str | list[TextBlock]) -> Message:
    return Message(Role.SYSTEM, said if isinstance(said, str) else "\n\n".join(block.text for block in said))


def _choice(said: AutoChoice | ToolNamed | NoChoice | None) -> tuple[ToolChoice | None, bool | None]:
    """The hub's word for a choice, and whether several tools may be called at once."""
    match said:
        case None:
            return None, None
        case NoChoice():
            return "none", None
        case ToolNamed():
            choice: ToolChoice = OneTool(said.name)
        case AutoChoice():
            choice = "required" if said.type == "any" else "auto"
    return choice, None if said.disable_parallel_tool_use is None else not said.disable_parallel_tool_use

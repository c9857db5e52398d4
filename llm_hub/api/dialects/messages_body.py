"""What the body of `POST /v1/messages` may contain: a chat in Anthropic's words.

It is an open list: what is not named here goes on as it came to Anthropic.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, Tag

from llm_hub.api.bodies import (
    MAX_MESSAGES,
    MAX_TOOLS,
    FailFastList,
    ModelChain,
    Name,
    Number,
    are_usual_stops,
)
from llm_hub.api.carried_state import read_states
from llm_hub.api.dialects.messages_blocks import (
    AssistantBlock,
    ImageBlock,
    LinkedDocumentBlock,
    LinkedImageBlock,
    PDFBlock,
    StateBlock,
    SystemBlock,
    TextBlock,
    TextDocumentBlock,
    ToolResultBlock,
    ToolUseBlock,
    UserBlock,
    is_state_block,
)
from llm_hub.api.dialects.messages_options import JSONOutputFormat, OutputConfig, Thinking, ThinkingOption
from llm_hub.api.dialects.messages_tools import (
    CustomTool,
    MessageTool,
    ToolChange,
    ToolChoiceOption,
    changed_tools,
    read_choice,
)
from llm_hub.api.open_parts import TOKEN_LIMITS, UNREAD_PART, OpenBody, OpenModel, UnreadPart, UnreadTurn, role_among
from llm_hub.chat import (
    ChatRequest,
    JSONFormat,
    Message,
    OneTool,
    Order,
    OriginalRequest,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
)
from llm_hub.chat.exact_json import dump_exactly

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_hub.chat import Part

_NO_OUTPUT = OutputConfig()
Texts = str | FailFastList[SystemBlock]


class SystemMessage(OpenModel):
    """What holds from here on. One that changes an option of Anthropic's, such as the effort, may have no content."""

    role: Literal["system"]
    content: Texts | None = None

    def messages(self, field: str) -> tuple[Message, ...]:  # noqa: ARG002  # the other turns' shape
        if self.content is None or (self.changes and not _system(self.content).text):
            return ()
        return (_system(self.content),)

    @property
    def changes(self) -> list[ToolChange]:
        """The tools that are added or removed here."""
        blocks = self.content if isinstance(self.content, list) else ()
        return [block for block in blocks if isinstance(block, ToolChange)]


class UserMessage(OpenModel):
    role: Literal["user"]
    content: str | FailFastList[UserBlock]

    def messages(self, field: str) -> tuple[Message, ...]:
        """The hub's messages: results of tools are a turn of their own, before what the user says to them."""
        if isinstance(self.content, str):
            return (Message(Role.USER, self.content),)
        results = tuple(block.result() for block in self.content if isinstance(block, ToolResultBlock))
        files_of_results: list[Part] = []
        parts: list[Part] = []
        for number, block in enumerate(self.content):
            place = f"{field}.content.{number}"
            match block:
                case TextBlock() | TextDocumentBlock():
                    parts.append(Text(block.text))
                case UnreadPart():
                    parts.append(Text(UNREAD_PART))
                case ImageBlock() | LinkedImageBlock():
                    parts.append(block.image(place))
                case PDFBlock() | LinkedDocumentBlock():
                    parts.append(block.document(place))
                case ToolResultBlock():
                    files_of_results += block.files(place)
        parts = files_of_results + parts
        says_more = any(not isinstance(part, Text) or part.text.strip() for part in parts)
        return (
            *((Message(Role.TOOL, results),) if results else ()),
            *((Message(Role.USER, tuple(parts)),) if says_more or not results else ()),
        )


class AssistantMessage(OpenModel):
    role: Literal["assistant"]
    content: str | FailFastList[AssistantBlock]

    def messages(self, field: str) -> tuple[Message, ...]:  # noqa: ARG002  # the other turns' shape
        if isinstance(self.content, str):
            return (Message(Role.ASSISTANT, self.content),)
        states = read_states([block.data for block in self.content if isinstance(block, StateBlock)])
        parts: list[Part] = []
        for block in self.content:
            if isinstance(block, TextBlock):
                parts.append(Text(block.text))
            elif isinstance(block, ToolUseBlock):
                arguments = dump_exactly(block.input).decode()
                parts.append(ToolCall(block.id, block.name, arguments, state=states.get(block.id)))
        return (Message(Role.ASSISTANT, tuple(parts)),)


class OtherMessage(UnreadTurn):
    """A message of a role that Anthropic may have one day."""

    def messages(self, field: str) -> tuple[Message, ...]:  # noqa: ARG002  # the other turns' shape
        return (Message(Role.USER, UNREAD_PART),)


Turn = Annotated[
    Annotated[UserMessage, Tag("user")]
    | Annotated[AssistantMessage, Tag("assistant")]
    | Annotated[SystemMessage, Tag("system")]
    | Annotated[OtherMessage, Tag("other")],
    role_among("user", "assistant", "system"),
]


class CountTokensBody(OpenBody):
    """The body of `POST /v1/messages/count_tokens`: that of a request, which need not say how long the answer may be.

    `models`, the chain, and its `order` are the hub's own.
    """

    refused_fields: ClassVar = {"api_key": (None,), "thread": (None,)}
    protocol = "anthropic"
    neutral_values: ClassVar = {"service_tier": ("auto", "standard_only"), "speed": ("standard",)}
    common_ranges: ClassVar = {"temperature": (0, 1), "top_p": (0, 1), "max_tokens": TOKEN_LIMITS}
    essential_fields = frozenset({"container", "mcp_servers", "output_config.task_budget", "output_format"})
    free_fields = frozenset(
        {
            "metadata",
            "context_management",
            "top_k",
            "cache_control",
            "betas",
            "thinking",
            "tool_choice",
            "output_config.format",
            "output_config.task_budget",
        }
    )

    messages: Annotated[FailFastList[Turn], Field(min_length=1, max_length=MAX_MESSAGES)]
    model: Name
    max_tokens: int | None = None
    models: ModelChain | None = None
    order: Order | None = None
    system: Texts | None = None
    temperature: Number | None = None
    top_p: Number | None = None
    stop_sequences: list[str] | None = None
    tools: Annotated[FailFastList[MessageTool], Field(max_length=MAX_TOOLS)] | None = None
    tool_choice: ToolChoiceOption | None = None
    output_config: OutputConfig | None = None
    thinking: Thinking | None = None

    @property
    def shows_thinking(self) -> bool:
        """Whether the client asked to be shown the model's reasoning: one that did not expects text first."""
        match self.thinking:
            case ThinkingOption(type=kind, display=display):
                return kind != "disabled" and display != "omitted"
        return self.thinking is not None

    def request(self) -> ChatRequest:
        tools, choice, parallel = self._read_tools()
        output = self.output_config or _NO_OUTPUT
        messages = [_system(self.system)] if self.system else []
        for number, turn in enumerate(self.messages):
            messages += turn.messages(f"messages.{number}")
        return ChatRequest(
            tuple(messages),
            self.model,
            self.temperature,
            self.common_value("max_tokens"),
            fallback=None if self.models is None else tuple(self.models),
            order=self.order,
            tools=tools,
            tool_choice=choice,
            parallel_tools=parallel,
            format=JSONFormat(output.format.schema_) if isinstance(output.format, JSONOutputFormat) else None,
            stop=tuple(filter(None, self.stop_sequences or ())),
            top_p=self.top_p,
            effort=output.effort,
            thinking_budget=self.thinking.budget if isinstance(self.thinking, ThinkingOption) else None,
            original=self.original(len(messages)),
        )

    def _read_tools(self) -> tuple[tuple[Tool, ...], ToolChoice | None, bool | None]:
        """The tools, the choice among them, and whether several may be called at once."""
        listed = self.tools or ()
        tools = tuple(tool.tool() for tool in listed if isinstance(tool, CustomTool))
        if changes := [change for turn in self.messages if isinstance(turn, SystemMessage) for change in turn.changes]:
            tools = changed_tools(tools, changes)
        choice, parallel = read_choice(self.tool_choice) if tools else (None, None)
        others = [tool for tool in listed if isinstance(tool, UnreadPart)]
        if isinstance(choice, OneTool) and any((tool.model_extra or {}).get("name") == choice.name for tool in others):
            choice = None  # that of a tool which only the vendor knows
        return tools, choice, parallel

    def original(self, messages: int) -> OriginalRequest:
        original = super().original(messages)
        is_usual = are_usual_stops(self.stop_sequences or ())
        return original if is_usual else replace(original, essential=("stop_sequences", *original.essential))

    def _own_words(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        body = super()._own_words(sent)
        body["messages"] = [_without_states(turn) for turn in body["messages"]]
        return body


class MessagesBody(CountTokensBody):
    """The body of `POST /v1/messages`. With a limit of 0 Anthropic writes the prompt to its cache, and no answer."""

    max_tokens: int


def _without_states(turn: dict[str, Any]) -> dict[str, Any]:
    if turn["role"] != "assistant" or isinstance(content := turn["content"], str):
        return turn
    blocks = [block for block in content if not is_state_block(block)]
    return turn if len(blocks) == len(content) else turn | {"content": blocks}


def _system(content: str | list[SystemBlock]) -> Message:
    if isinstance(content, str):
        return Message(Role.SYSTEM, content)
    return Message(Role.SYSTEM, "\n\n".join(block.text for block in content if isinstance(block, TextBlock)))

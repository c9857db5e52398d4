"""The messages of `POST /v1/chat/completions`, in OpenAI's words.

They are an open list: what is not named here goes on as it came to the providers that speak the same protocol.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Tag

from llm_hub.api.bodies import FailFastList, Name, is_pdf_url, is_readable_image
from llm_hub.api.carried_state import read_states
from llm_hub.api.dialects.chat_completions_tools import tool_kind
from llm_hub.api.dialects.custom_tools import custom_arguments
from llm_hub.api.dialects.openai_shapes import FilePart, ImagePart, ImageURL, TextPart, read_content
from llm_hub.api.open_parts import (
    UNREAD_PART,
    OpenModel,
    OptionalPart,
    UnreadObject,
    UnreadPart,
    UnreadTurn,
    kind_among,
    role_among,
)
from llm_hub.api.refusals import Refusal
from llm_hub.chat import Message, Role, Text, ToolCall, ToolResult


class OpenTextPart(TextPart):
    model_config = ConfigDict(extra="allow")


class OpenImageURL(ImageURL):
    model_config = ConfigDict(extra="allow")


class OpenImagePart(ImagePart):
    model_config = ConfigDict(extra="allow")

    image_url: OpenImageURL


def _is_read(part: dict[str, Any]) -> bool:
    """Whether a part is none of an image of a kind that the hub cannot pass on to every vendor. Of files, those are all
    but a PDF whose data is in the body."""
    if part["type"] == "file":
        return isinstance(file := part.get("file"), dict) and is_pdf_url(file.get("file_data"))
    image = part.get("image_url")
    url = image.get("url") if isinstance(image, dict) else None
    return not isinstance(url, str) or is_readable_image(url)


Texts = (
    str
    | FailFastList[
        Annotated[Annotated[OpenTextPart, Tag("text")] | Annotated[UnreadPart, Tag("other")], kind_among("text")]
    ]
)
UserPart = Annotated[
    Annotated[OpenTextPart, Tag("text")]
    | Annotated[OpenImagePart, Tag("image_url")]
    | Annotated[FilePart, Tag("file")]
    | Annotated[UnreadPart, Tag("other")],
    kind_among("text", "image_url", "file", is_read=_is_read),
]


class SystemTurn(OpenModel):
    role: Literal["system", "developer"]
    content: Texts

    def message(self, field: str) -> Message:
        return Message(Role.SYSTEM, read_content(self.content, field))


class UserTurn(OpenModel):
    role: Literal["user"]
    content: str | FailFastList[UserPart]

    def message(self, field: str) -> Message:
        return Message(Role.USER, read_content(self.content, f"{field}.content"))


class ExtraContent(OpenModel):
    """What vendors want back with a call, by their names: the hub's has the state of those of other protocols."""

    llm_hub: str | None = None


class _Call(OpenModel):
    id: Name
    extra_content: ExtraContent | None = None

    def _call(self, name: str, arguments: str) -> ToolCall:
        state = self.extra_content.llm_hub if self.extra_content else None
        states = read_states([state] if state else [])
        return ToolCall(self.id, name, arguments, state=states.get(self.id))


class CalledFunction(OpenModel):
    name: Name
    arguments: str


class CalledTool(_Call):
    type: Literal["function"] = "function"
    function: CalledFunction

    def call(self) -> ToolCall:
        return self._call(self.function.name, self.function.arguments)


class CustomInput(OpenModel):
    name: Name
    input: str


class CalledCustomTool(_Call):
    type: Literal["custom"]
    custom: CustomInput

    def call(self) -> ToolCall:
        return self._call(self.custom.name, custom_arguments(self.custom.input))


AnyCall = Annotated[
    Annotated[CalledTool, Tag("function")]
    | Annotated[CalledCustomTool, Tag("custom")]
    | Annotated[UnreadPart, Tag("other")],
    Discriminator(tool_kind),
]


def without_state(turn: dict[str, Any]) -> dict[str, Any]:
    """A message as its client wrote it, without the state of other vendors' calls, and without the reasoning that led
    to them: the hub has put both in."""
    calls = turn.get("tool_calls") or ()
    if not any("llm_hub" in (call.get("extra_content") or ()) for call in calls):
        return turn
    written = []
    for call in calls:
        others = {name: value for name, value in (call.get("extra_content") or {}).items() if name != "llm_hub"}
        rest = {name: value for name, value in call.items() if name != "extra_content"}
        written.append({**rest, "extra_content": others} if others else rest)
    fields = {name: value for name, value in turn.items() if name != "reasoning_content"}
    return {**fields, "tool_calls": written}


class RefusalPart(OpenModel):
    type: Literal["refusal"]
    refusal: str


AssistantPart = Annotated[
    Annotated[OpenTextPart, Tag("text")]
    | Annotated[RefusalPart, Tag("refusal")]
    | Annotated[OptionalPart, Tag("other")],
    kind_among("text", "refusal"),
]


class AssistantTurn(OpenModel):
    """What a model answered before. Clients send back all that they got, with its vendor's own fields."""

    role: Literal["assistant"]
    content: str | FailFastList[AssistantPart] | None = None
    tool_calls: FailFastList[AnyCall] | None = None
    refusal: str | None = None
    audio: UnreadObject | None = None
    function_call: UnreadObject | None = None

    def message(self, field: str) -> Message:
        text = self._text()
        if not self.tool_calls:
            has_others = self.model_extra or self.audio or self.function_call
            if "content" not in self.model_fields_set and not text and not has_others:
                raise Refusal(400, f"{field}.content: is missing.", field=f"{field}.content")
            return Message(Role.ASSISTANT, text)
        calls = tuple(call.call() for call in self.tool_calls if not isinstance(call, UnreadPart))
        return Message(Role.ASSISTANT, (Text(text), *calls) if text else calls)

    def _text(self) -> str:
        """What the model wrote; where it wrote nothing, why it refused."""
        text = self.content
        if not isinstance(text, str):
            parts = (part for part in text or () if not isinstance(part, OptionalPart))
            text = "\n\n".join(part.refusal if isinstance(part, RefusalPart) else part.text for part in parts)
        return text or self.refusal or ""


class ToolTurn(OpenModel):
    role: Literal["tool"]
    content: Texts
    tool_call_id: Name

    def message(self, field: str) -> Message:
        content = read_content(self.content, f"{field}.content")
        text = content if isinstance(content, str) else Message(Role.TOOL, content).text
        return Message(Role.TOOL, (ToolResult(self.tool_call_id, text),))


class OtherTurn(UnreadTurn):
    """Such as "function": what a function gave, in the way that OpenAI had before there were tools."""

    def message(self, field: str) -> Message:  # noqa: ARG002  # the other turns' shape
        return Message(Role.USER, UNREAD_PART)


CompletionTurn = Annotated[
    Annotated[SystemTurn, Tag("system")]
    | Annotated[SystemTurn, Tag("developer")]
    | Annotated[UserTurn, Tag("user")]
    | Annotated[AssistantTurn, Tag("assistant")]
    | Annotated[ToolTurn, Tag("tool")]
    | Annotated[OtherTurn, Tag("other")],
    role_among("system", "developer", "user", "assistant", "tool"),
]

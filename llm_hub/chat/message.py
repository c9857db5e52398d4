"""The messages of a chat: who speaks, and the parts of what is said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """Who speaks. A tool's turn holds the results of what an assistant called."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


def _whole(text: str) -> str:
    """The text without halves of characters (lone surrogates), which no provider can be sent."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def decode_json(text: str) -> Any:
    """The value of a JSON text, which can be written as JSON again: half a surrogate pair becomes a question mark.

    Raises `ValueError`, `TypeError` or `RecursionError`.
    """
    from llm_hub.chat.exact_json import dump_exactly, load_exactly  # when first needed: orjson takes long to import

    try:
        value = load_exactly(text.encode())
    except ValueError:  # also for half a surrogate pair, which JSON permits
        import json

        value = load_exactly(_whole(json.dumps(json.loads(text), ensure_ascii=False)).encode())
    dump_exactly(value)  # which takes no more than 254 levels
    return value


@dataclass(frozen=True, slots=True)
class Text:
    """A text part of a message."""

    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", _whole(self.text))


@dataclass(frozen=True, slots=True)
class Image:
    """An image part of a message: the encoded file's bytes and its media type (image/png, image/jpeg, …), or in their
    place the `url` at which the provider fetches it itself."""

    data: bytes = field(default=b"", repr=False)
    media_type: str = "image/png"
    url: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """A document part of a message: a file with words in it, such as a PDF, a table or a program.

    `text` is what stands in the file; None: nobody has read it yet. `data` are its bytes, where they are more than that
    text. Only a provider that takes the file as it is gets the bytes: see documents/sending.py. A document may have in
    place of both the `url` at which the provider fetches it itself.
    """

    name: str
    media_type: str
    text: str | None = field(repr=False)
    data: bytes = field(default=b"", repr=False)
    pages: int = 0
    url: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", self.text if self.text is None else _whole(self.text))

    @property
    def is_pdf(self) -> bool:
        return self.media_type == "application/pdf"

    @property
    def as_text(self) -> Text:
        """The document for a model that is sent text alone."""
        return Text(f'<file name="{self.name}">\n{self.text or ""}\n</file>')


@dataclass(frozen=True, slots=True)
class VendorState:
    """What a vendor wants back with a call of a tool, as it came, and nobody else can read: signatures, reasoning.

    `provider` is the provider that gave it, and `protocol` the one in which it did. `data` belongs to its adapter.
    """

    provider: str
    protocol: str
    data: Mapping[str, Any] = field(repr=False, hash=False)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A part of an assistant's message: a tool that it wants called. `arguments` is JSON text, as the model wrote.

    `extra` has the call's other fields in OpenAI's shape, which only its vendor understands and some want back:
    Gemini's `{"extra_content": {"google": {"thought_signature": …}}}`. `state` is what the vendor wants back, for
    clients of another protocol than its own.
    """

    id: str
    name: str
    arguments: str
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)
    state: VendorState | None = None

    def state_for(self, provider: str, protocol: str) -> Mapping[str, Any]:
        """The state's data, if this provider gave it in this protocol. Else nothing."""
        state = self.state
        return state.data if state is not None and (state.provider, state.protocol) == (provider, protocol) else {}

    def decoded(self) -> dict[str, Any]:
        """The arguments as an object, for whoever wants one. Those of an answer always are an object. A client may
        send others in its history: what is no object, or could not be sent on, stands whole under `arguments`.
        """
        try:
            value = decode_json(self.arguments or "{}")
        except (ValueError, TypeError, RecursionError):
            value = self.arguments
        return value if isinstance(value, dict) else {"arguments": value}


@dataclass(frozen=True, slots=True)
class ToolResult:
    """A part of a tool's message: what the call with that id gave. `failed` says that the text tells of an error."""

    call_id: str
    text: str
    failed: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", _whole(self.text))

    @property
    def marked_text(self) -> str:
        """The text for a protocol that has no field for a failure: then the text itself says that the tool failed."""
        if not self.failed or self.text.lstrip().lower().startswith("error"):
            return self.text
        return f"Error: {self.text}" if self.text else "Error: the tool failed."


Part = Text | Image | Document | ToolCall | ToolResult


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `content` is text, or a tuple of parts where images, documents, calls of tools or their results are
    among it."""

    role: Role
    content: str | tuple[Part, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "role", Role(self.role))
        content: object = self.content
        if isinstance(content, str):
            object.__setattr__(self, "content", _whole(content))
            return
        parts = tuple(content) if isinstance(content, list | tuple) else (None,)
        if not all(isinstance(part, Part) for part in parts):
            raise TypeError("A message's content is text, or a tuple of parts such as Text and Image.")
        object.__setattr__(self, "content", parts)

    @property
    def text(self) -> str:
        """The text of the message, without its images and documents."""
        if isinstance(self.content, str):
            return self.content
        return "\n\n".join(part.text for part in self.content if isinstance(part, Text))

    @property
    def images(self) -> tuple[Image, ...]:
        """The images of the message, in order."""
        if isinstance(self.content, str):
            return ()
        return tuple(part for part in self.content if isinstance(part, Image))

    @property
    def documents(self) -> tuple[Document, ...]:
        """The documents of the message, in order."""
        if isinstance(self.content, str):
            return ()
        return tuple(part for part in self.content if isinstance(part, Document))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools that an assistant's message calls, in order."""
        if isinstance(self.content, str):
            return ()
        return tuple(part for part in self.content if isinstance(part, ToolCall))

    @property
    def tool_results(self) -> tuple[ToolResult, ...]:
        """The results that a tool's message holds, in order."""
        if isinstance(self.content, str):
            return ()
        return tuple(part for part in self.content if isinstance(part, ToolResult))

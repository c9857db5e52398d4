"""The blocks that the messages of `POST /v1/messages` are made of, in Anthropic's words.

They are an open list: what is not named here (marks for caches, documents, …) goes on as it came to Anthropic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Tag

from llm_hub.api.bodies import (
    IMAGE_TYPES,
    FailFastList,
    JSONObject,
    Name,
    is_web_address,
    read_document_url,
    read_image,
    read_image_url,
    read_pdf,
)
from llm_hub.api.carried_state import is_state
from llm_hub.api.dialects.messages_tools import ToolAddition, ToolRemoval, is_tool_change
from llm_hub.api.open_parts import UNREAD_PART, OpenModel, OptionalPart, UnreadPart, kind_among
from llm_hub.chat import ToolResult
from llm_hub.documents.kinds import PDF_TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llm_hub.chat import Document, Image

IMAGE_PLACEHOLDER = "(The image is shown below.)"
"""What stands in a tool's result in place of an image or a file."""


class TextBlock(OpenModel):
    type: Literal["text"]
    text: str


class Base64Source(OpenModel):
    type: Literal["base64"]
    media_type: str
    data: str


class ImageBlock(OpenModel):
    type: Literal["image"]
    source: Base64Source

    def image(self, field: str) -> Image:
        """The image. `field` is the block's place in the body. Raises `Refusal`."""
        return read_image(self.source.media_type, self.source.data, f"{field}.source")


class URLSource(OpenModel):
    type: Literal["url"]
    url: str


class LinkedImageBlock(OpenModel):
    """An image that its provider fetches."""

    type: Literal["image"]
    source: URLSource

    def image(self, field: str) -> Image:
        """As an `ImageBlock`'s."""
        return read_image_url(self.source.url, f"{field}.source.url")


class TextSource(OpenModel):
    type: Literal["text"]
    data: str


class TextDocumentBlock(OpenModel):
    """A document that is plain text, and can be read by any model."""

    type: Literal["document"]
    source: TextSource
    title: str | None = None
    context: str | None = None

    @property
    def text(self) -> str:
        return "\n\n".join(filter(None, (self.title, self.context, self.source.data)))


class PDFBlock(OpenModel):
    """A PDF whose data is in the body."""

    type: Literal["document"]
    source: Base64Source
    title: str | None = None

    def document(self, field: str) -> Document:
        """The document. `field` is the block's place in the body. Raises `Refusal`."""
        return read_pdf(self.title, self.source.data, f"{field}.source")


class LinkedDocumentBlock(OpenModel):
    """A document that its provider fetches. OpenAI takes no title with it."""

    type: Literal["document"]
    source: URLSource

    def document(self, field: str) -> Document:  # noqa: ARG002  # as a `PDFBlock`'s
        return read_document_url(self.source.url)


class ToolReferenceBlock(OpenModel):
    """A tool that a search for tools gave. Other vendors' models have all tools before them anyway."""

    type: Literal["tool_reference"]
    tool_name: Name

    @property
    def text(self) -> str:
        return f"The tool {self.tool_name} can be called."


def _is_read(block: dict[str, Any]) -> bool:
    """Whether the hub can read an image or a document: its data is in the body, and every vendor takes the like."""
    source = block.get("source")
    kind = source.get("type") if isinstance(source, dict) else None
    match block["type"]:
        case "image":
            media_type = source.get("media_type") if isinstance(source, dict) else None
            is_other_kind = isinstance(media_type, str) and media_type not in IMAGE_TYPES
            return not isinstance(kind, str) or (kind == "base64" and not is_other_kind)
        case "document":
            return kind == "text"
    return True


def _user_kind(block: Any) -> str:
    return _kind_among(block, ("text", "image", "document", "tool_result"))


def _result_kind(block: Any) -> str:
    return _kind_among(block, ("text", "image", "document", "tool_reference"))


def _kind_among(block: Any, known: tuple[str, ...]) -> str:
    """The tag of a block: its type, and of images and documents also where they are."""
    if not isinstance(block, dict):
        return "text"  # which says that it must be an object
    kind, source = block.get("type"), block.get("source")
    if kind in ("image", "document") and isinstance(source, dict):
        if kind == "document" and (source.get("type"), source.get("media_type")) == ("base64", PDF_TYPE):
            return "pdf"
        if source.get("type") == "url":
            return f"linked_{kind}" if is_web_address(source.get("url")) else "other"
    return str(kind) if kind in known and _is_read(block) else "other"


ResultBlock = Annotated[
    Annotated[TextBlock, Tag("text")]
    | Annotated[ImageBlock, Tag("image")]
    | Annotated[LinkedImageBlock, Tag("linked_image")]
    | Annotated[TextDocumentBlock, Tag("document")]
    | Annotated[PDFBlock, Tag("pdf")]
    | Annotated[LinkedDocumentBlock, Tag("linked_document")]
    | Annotated[ToolReferenceBlock, Tag("tool_reference")]
    | Annotated[UnreadPart, Tag("other")],
    Discriminator(_result_kind),
]


class ToolResultBlock(OpenModel):
    type: Literal["tool_result"]
    tool_use_id: Name
    content: str | FailFastList[ResultBlock] | None = None
    is_error: bool | None = False

    def result(self) -> ToolResult:
        """The result for the hub: its text alone, since most vendors take no images in the results of tools."""
        text = self.content
        if not isinstance(text, str):
            text = "\n\n".join(_text_of(block) for block in text or ())
        return ToolResult(self.tool_use_id, text, failed=bool(self.is_error))

    def files(self, field: str) -> Iterator[Image | Document]:
        """The images and files of the result, which the user's turn shows right after the results. Raises `Refusal`."""
        blocks = () if isinstance(self.content, str) else self.content or ()
        for number, block in enumerate(blocks):
            if isinstance(block, ImageBlock | LinkedImageBlock):
                yield block.image(f"{field}.content.{number}")
            elif isinstance(block, PDFBlock | LinkedDocumentBlock):
                yield block.document(f"{field}.content.{number}")


def _text_of(block: ResultBlock) -> str:
    """The text that stands for a block of a tool's result."""
    match block:
        case ImageBlock() | LinkedImageBlock() | PDFBlock() | LinkedDocumentBlock():
            return IMAGE_PLACEHOLDER
        case UnreadPart():
            return UNREAD_PART
    return block.text


class DirectCaller(OpenModel):
    """The model itself made the call, as with every other vendor."""

    type: Literal["direct"]


class ToolUseBlock(OpenModel):
    type: Literal["tool_use"]
    id: Name
    name: Name
    input: JSONObject
    caller: (
        Annotated[Annotated[DirectCaller, Tag("direct")] | Annotated[OptionalPart, Tag("other")], kind_among("direct")]
        | None
    ) = None


UserBlock = Annotated[
    Annotated[TextBlock, Tag("text")]
    | Annotated[ImageBlock, Tag("image")]
    | Annotated[LinkedImageBlock, Tag("linked_image")]
    | Annotated[TextDocumentBlock, Tag("document")]
    | Annotated[PDFBlock, Tag("pdf")]
    | Annotated[LinkedDocumentBlock, Tag("linked_document")]
    | Annotated[ToolResultBlock, Tag("tool_result")]
    | Annotated[UnreadPart, Tag("other")],
    Discriminator(_user_kind),
]
SystemBlock = Annotated[
    Annotated[TextBlock, Tag("text")]
    | Annotated[ToolAddition, Tag("tool_addition")]
    | Annotated[ToolRemoval, Tag("tool_removal")]
    | Annotated[OptionalPart, Tag("other")],
    kind_among(
        "text", "tool_addition", "tool_removal",
        is_read=lambda block: block["type"] == "text" or is_tool_change(block),
    ),
]  # fmt: skip


class StateBlock(OpenModel):
    """The state of another vendor's call, as `write_state` wrote it."""

    type: Literal["redacted_thinking"]
    data: str


def is_state_block(block: dict[str, Any]) -> bool:
    return block.get("type") == "redacted_thinking" and is_state(block.get("data"))


AssistantBlock = Annotated[
    Annotated[TextBlock, Tag("text")]
    | Annotated[ToolUseBlock, Tag("tool_use")]
    | Annotated[StateBlock, Tag("redacted_thinking")]
    | Annotated[OptionalPart, Tag("other")],
    kind_among(
        "text", "tool_use", "redacted_thinking",
        is_read=lambda block: block["type"] != "redacted_thinking" or is_state_block(block),
    ),
]  # fmt: skip
"""What is neither text nor a call, such as reasoning, belongs to the vendor that wrote it."""

"""The blocks that the messages of `POST /v1/messages` are made of, in Anthropic's words.

`cache_control`, a hint for Anthropic's caches, is accepted and ignored wherever it stands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from llm_hub.api.bodies import FailFastList, JSONObject, Name, StrictModel, read_image
from llm_hub.chat import ToolResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llm_hub.chat import Image

IMAGE_PLACEHOLDER = "(The image is shown below.)"
"""What stands in a tool's result in place of an image."""

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

    def image(self, field: str) -> Image:
        """The image. `field` is the block's place in the body. Raises `Refusal`."""
        return read_image(self.source.media_type, self.source.data, f"{field}.source")


class ToolResultBlock(StrictModel):
    type: Literal["tool_result"]
    tool_use_id: Name
    content: str | FailFastList[Annotated[TextBlock | ImageBlock, Field(discriminator="type")]] | None = None
    is_error: bool | None = False
    cache_control: CacheControl = None

    def result(self) -> ToolResult:
        """The result for the hub: its text alone, since most vendors take no images in the results of tools."""
        text = self.content
        if not isinstance(text, str):
            texts = (block.text if isinstance(block, TextBlock) else IMAGE_PLACEHOLDER for block in text or ())
            text = "\n\n".join(texts)
        return ToolResult(self.tool_use_id, text, failed=bool(self.is_error))

    def images(self, field: str) -> Iterator[Image]:
        """The images of the result, which the user's turn shows right after the results. Raises `Refusal`."""
        blocks = () if isinstance(self.content, str) else self.content or ()
        for number, block in enumerate(blocks):
            if isinstance(block, ImageBlock):
                yield block.image(f"{field}.content.{number}")


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
    """Reasoning that a client was shown and sends back. It is ignored: another model has no use for it."""

    type: Literal["thinking"]
    thinking: str
    signature: str = ""


class RedactedBlock(StrictModel):
    """Reasoning that Anthropic has encrypted. It is ignored, too."""

    type: Literal["redacted_thinking"]
    data: str


UserBlock = Annotated[TextBlock | ImageBlock | ToolResultBlock, Field(discriminator="type")]
AssistantBlock = Annotated[
    TextBlock | ToolUseBlock | ThinkingBlock | RedactedBlock,
    Field(discriminator="type"),
]

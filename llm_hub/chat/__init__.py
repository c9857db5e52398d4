"""The vocabulary of a chat: what is asked, what streams back, and what an answer is.

Everything here is a frozen value. It is smaller than any vendor's vocabulary, and no vendor's type is part of it.
"""

from __future__ import annotations

from llm_hub.chat.answer import (
    UNSENT_OUTCOMES,
    Attempt,
    LLMResponse,
    OriginalAnswer,
    Timing,
    Usage,
    reports_price,
)
from llm_hub.chat.events import (
    TOKENS,
    Alive,
    AttemptFailed,
    AttemptStarted,
    Done,
    Event,
    FilesSent,
    LateText,
    ReasoningBreak,
    ReasoningDelta,
    Resumed,
    TextDelta,
    ToolCallDelta,
    VendorDelta,
    Waiting,
)
from llm_hub.chat.message import (
    Document,
    Image,
    Message,
    Part,
    Role,
    Text,
    ToolCall,
    ToolResult,
    VendorState,
    decode_json,
)
from llm_hub.chat.models import (
    ModelInfo,
    split_target,
)
from llm_hub.chat.request import (
    ChatRequest,
    JSONFormat,
    OneTool,
    Order,
    OriginalRequest,
    Tool,
    ToolChoice,
)

__all__ = [
    "TOKENS",
    "UNSENT_OUTCOMES",
    "Alive",
    "Attempt",
    "AttemptFailed",
    "AttemptStarted",
    "ChatRequest",
    "Document",
    "Done",
    "Event",
    "FilesSent",
    "Image",
    "JSONFormat",
    "LLMResponse",
    "LateText",
    "Message",
    "ModelInfo",
    "OneTool",
    "Order",
    "OriginalAnswer",
    "OriginalRequest",
    "Part",
    "ReasoningBreak",
    "ReasoningDelta",
    "Resumed",
    "Role",
    "Text",
    "TextDelta",
    "Timing",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "ToolChoice",
    "ToolResult",
    "Usage",
    "VendorDelta",
    "VendorState",
    "Waiting",
    "decode_json",
    "reports_price",
    "split_target",
]

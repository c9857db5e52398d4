"""`POST /v1/messages`, the dialect of Anthropic's clients: how a message, its events, errors and lists are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from llm_hub.access.model_names import CLAUDE_ALIAS
from llm_hub.api.dialects.dialect import (
    Dialect,
    ModelListFormat,
    StreamEvent,
    TokenCountFormat,
    calls_and_late_text,
    hub_report,
)
from llm_hub.api.dialects.messages_answer import (
    AnthropicModel,
    AnthropicModelList,
    BlockDeltaEvent,
    BlockStart,
    BlockStop,
    MessageAnswer,
    MessageDelta,
    MessageError,
    MessageStart,
    MessageStop,
    MessageTokenCount,
    Ping,
)
from llm_hub.api.dialects.messages_body import CountTokensBody, MessagesBody
from llm_hub.api.dialects.messages_content import (
    EMPTY_TEXT,
    NO_MORE_FIELDS,
    call_arguments,
    count_tokens,
    head,
    state_block,
    stop_fields,
    tool_use,
    vendors_blocks,
    vendors_fields,
)
from llm_hub.api.dialects.messages_error import message_error
from llm_hub.api.dialects.messages_writer import MessageWriter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_hub.api.dialects.dialect import ListedModel
    from llm_hub.chat import LLMResponse
    from llm_hub.gateway.token_count import TokenCount


def _message(body: MessagesBody, response: LLMResponse) -> MessageAnswer:
    content = vendors_blocks(response)
    if content is None:
        content = []
        if response.reasoning and body.shows_thinking:
            content.append({"type": "thinking", "thinking": response.reasoning, "signature": ""})
        if response.early_text:
            content.append({**EMPTY_TEXT, "text": response.early_text})
        for call in calls_and_late_text(response):
            if isinstance(call, str):
                content.append({**EMPTY_TEXT, "text": call})
                continue
            if (state := state_block(call)) is not None:
                content.append(state)
            content.append(tool_use(call, call_arguments(call)))
    original = vendors_fields(response)
    message: MessageAnswer = {
        **head(f"{response.provider}/{response.model}", original),
        "content": content,
        **stop_fields(response),
        "usage": count_tokens(response),
        "x_llm_hub": hub_report(response, "anthropic"),
    }
    written = {**(original or NO_MORE_FIELDS), **message}
    written.pop("stream_events", None)
    return cast("MessageAnswer", written)


def _token_count(count: TokenCount) -> MessageTokenCount:
    """Anthropic's count as it came. An estimate says that it is one."""
    if count.counted is not None:
        return cast("MessageTokenCount", count.counted)
    note = f"An estimate from the length of the request: only Anthropic counts beforehand, and not {count.target}."
    return {"input_tokens": count.estimate, "x_llm_hub": {"notes": [note]}}


def _model(model: ListedModel) -> AnthropicModel:
    """A model. Claude Code shows only those whose name begins with "claude" or "anthropic"."""
    is_shown = model.id.startswith(("claude", "anthropic"))
    return {
        "id": model.id if is_shown else f"{CLAUDE_ALIAS}{model.id}",
        "type": "model",
        "display_name": model.title if is_shown else f"{model.title} ({model.owner})",
        "created_at": "1970-01-01T00:00:00Z",
        "lifecycle": "active",
        "max_input_tokens": model.context,
    }


def _model_list(models: Sequence[ListedModel]) -> AnthropicModelList:
    listed = [_model(model) for model in models]
    return {"data": listed, "has_more": False, "first_id": listed[0]["id"], "last_id": listed[-1]["id"]}


MESSAGES = Dialect(
    name="messages",
    path="/v1/messages",
    body=MessagesBody,
    answer=_message,
    writer=lambda body: MessageWriter(with_thinking=body.shows_thinking),
    error=message_error,
    models=ModelListFormat(
        model=_model, model_list=_model_list, model_shape=AnthropicModel, model_list_shape=AnthropicModelList
    ),
    answer_shape=MessageAnswer,
    error_shape=MessageError,
    events=(
        StreamEvent(MessageStart, "message_start"),
        StreamEvent(BlockStart, "content_block_start"),
        StreamEvent(BlockDeltaEvent, "content_block_delta"),
        StreamEvent(BlockStop, "content_block_stop"),
        StreamEvent(MessageDelta, "message_delta"),
        StreamEvent(MessageStop, "message_stop"),
        StreamEvent(Ping, "ping"),
        StreamEvent(MessageError, "error"),
    ),
    client_header="anthropic-version",
    protocol_headers=("anthropic-",),
    token_count=TokenCountFormat(
        path="/v1/messages/count_tokens", body=CountTokensBody, answer=_token_count, answer_shape=MessageTokenCount
    ),
)

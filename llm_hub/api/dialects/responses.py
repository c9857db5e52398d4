"""`POST /v1/responses`, the newer dialect of OpenAI's clients, Codex among them: how responses and errors are written.

Clients may refer to earlier answers (`previous_response_id`, `item_reference`), read and delete them. Those are kept in
memory for a while, apart for each API key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from llm_hub.api.dialects.dialect import Dialect, StoredAnswerFormat, begins_with_field
from llm_hub.api.dialects.openai_shapes import OPENAI_MODELS, OpenAIError, openai_error
from llm_hub.api.dialects.responses_answer import DeletedResponse, ResponseObject
from llm_hub.api.dialects.responses_body import ResponsesBody
from llm_hub.api.dialects.responses_events import EVENTS
from llm_hub.api.dialects.responses_items import begin_response, complete_response, output_items
from llm_hub.api.dialects.responses_writer import ResponseWriter

if TYPE_CHECKING:
    from llm_hub.api.shapes import ErrorObject
    from llm_hub.chat import LLMResponse

_FIELDS = {
    "max_tokens": "max_output_tokens",
    "parallel_tools": "parallel_tool_calls",
    "format": "text.format",
    "effort": "reasoning.effort",
}
"""Fields of a `ChatRequest` that OpenAI calls otherwise here."""


def _response(body: ResponsesBody, response: LLMResponse) -> ResponseObject:
    answer = complete_response(begin_response(body), response, output_items(response, body.tool_names))
    body.keep(cast("dict[str, Any]", answer))
    return answer


def _error(status: int, error: ErrorObject) -> tuple[int, OpenAIError]:
    """The refusal, whose `param` is OpenAI's name of the field. A field that the body has already has its name."""
    param = error["param"]
    if param in _FIELDS and not begins_with_field(error):
        error = {**error, "param": _FIELDS[param]}
    return openai_error(status, error)


def _deleted(response_id: str) -> DeletedResponse:
    return {"id": response_id, "object": "response", "deleted": True}


RESPONSES = Dialect(
    name="responses",
    path="/v1/responses",
    body=ResponsesBody,
    answer=_response,
    writer=ResponseWriter,
    error=_error,
    models=OPENAI_MODELS,
    protocol_headers=("openai-",),
    answer_shape=ResponseObject,
    error_shape=OpenAIError,
    events=EVENTS,
    stored_answers=StoredAnswerFormat(deleted=_deleted, deleted_shape=DeletedResponse, title="Response"),
    refused_paths={
        "/v1/responses/compact": "Conversations are not compacted here. Ask a model for a summary.",
        "/v1/responses/input_tokens": "Tokens are not counted here before an answer: models differ.",
    },
)

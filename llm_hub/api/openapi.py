"""The API as OpenAPI describes it: requests from the bodies that are really parsed, answers as they are written."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import models_json_schema

from llm_hub.api.bodies import ChatBody, HubChatBody
from llm_hub.api.dialects.chat_completions_body import ChatCompletionsBody
from llm_hub.api.dialects.messages_body import MessagesBody

if TYPE_CHECKING:
    from collections.abc import Iterable

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_SECONDS: Schema = {"type": "number", "minimum": 0}


def _object(required: Schema, **optional: Schema) -> Schema:
    return {"type": "object", "properties": {**required, **optional}, "required": list(required)}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


_COUNTS = {"type": "object", "additionalProperties": _COUNT}
_ATTEMPT = _object({
    "provider": _TEXT, "model": _TEXT, "started": _SECONDS, "wait": _SECONDS, "seconds": _SECONDS,
    "first_token": _or_null(_SECONDS), "outcome": _TEXT, "reason": _TEXT, "usage": _or_null(_COUNTS),
})  # fmt: skip
_ATTEMPTS = _list(_ATTEMPT)
_HUB = _object({
    "provider": _TEXT, "model": _TEXT, "finish_reason": _TEXT, "ignored": _list(_TEXT), "notes": _list(_TEXT),
    "attempts": _ATTEMPTS,
})  # fmt: skip
_CALL = _object({
    "id": _TEXT, "type": {"const": "function"}, "function": _object({"name": _TEXT, "arguments": _TEXT}),
})  # fmt: skip
_SPOKEN = _object(
    {"role": {"const": "assistant"}, "content": _or_null(_TEXT), "refusal": {"type": "null"}},
    tool_calls=_list(_CALL),
    reasoning_content=_TEXT,
)
_CHOICE = _object({
    "index": {"const": 0}, "message": _SPOKEN, "logprobs": {"type": "null"},
    "finish_reason": {"enum": ["stop", "length", "tool_calls", "content_filter"]},
})  # fmt: skip
_USAGE = _object({
    "prompt_tokens": _COUNT, "completion_tokens": _COUNT, "total_tokens": _COUNT,
    "prompt_tokens_details": _COUNTS, "completion_tokens_details": _COUNTS,
})  # fmt: skip
_BLOCK = {
    "oneOf": [
        _object({"type": {"const": "text"}, "text": _TEXT}),
        _object({"type": {"const": "thinking"}, "thinking": _TEXT, "signature": _TEXT}),
        _object({"type": {"const": "tool_use"}, "id": _TEXT, "name": _TEXT, "input": {"type": "object"}}),
    ]
}
_MODEL = {
    "anyOf": [
        _object({"id": _TEXT, "object": {"const": "model"}, "created": {"const": 0}, "owned_by": _TEXT}),
        _object(
            {"id": _TEXT, "type": {"const": "model"}, "display_name": _TEXT, "created_at": _TEXT},
            lifecycle=_TEXT,
            max_input_tokens=_or_null(_COUNT),
        ),
    ]
}

ANSWERS: dict[str, Schema] = {
    "ChatAnswer": _object({
        "content": _TEXT, "model": _TEXT, "provider": _TEXT, "usage": _COUNTS, "finish_reason": _TEXT,
        "attempts": _ATTEMPTS,
    }),
    "CompletionAnswer": _object({
        "id": _TEXT, "object": {"const": "chat.completion"}, "created": _COUNT, "model": _TEXT,
        "choices": {**_list(_CHOICE), "minItems": 1, "maxItems": 1}, "usage": _or_null(_USAGE), "x_llm_hub": _HUB,
    }),
    "MessageAnswer": _object({
        "id": _TEXT, "type": {"const": "message"}, "role": {"const": "assistant"}, "model": _TEXT,
        "content": _list(_BLOCK), "stop_reason": {"enum": ["end_turn", "max_tokens", "stop_sequence", "tool_use"]},
        "stop_sequence": {"type": "null"}, "usage": {"type": "object"}, "x_llm_hub": _HUB,
    }),
    "Error": _object({
        "error": _object(
            {"message": _TEXT, "type": _TEXT, "param": _or_null(_TEXT), "code": _or_null(_TEXT)}, attempts=_ATTEMPTS
        )
    }),
    "MessageError": _object({
        "type": {"const": "error"}, "error": _object({"type": _TEXT, "message": _TEXT}, attempts=_ATTEMPTS),
    }),
    "Providers": _object({"providers": _list(_TEXT)}),
    "Provider": _object({
        "name": _TEXT, "title": _TEXT, "ready": {"type": "boolean"}, "problem": _TEXT, "default_model": _TEXT,
        "models": _list(_TEXT), "paused": {"type": "object"},
    }),
    "Models": _object({"data": _list({"$ref": "#/components/schemas/Model"})}),
    "Model": _MODEL,
}  # fmt: skip
"""What each endpoint answers. A field that is not here may come all the same: nothing is taken away again."""


@cache
def description() -> Schema:
    """The OpenAPI description."""
    bodies: tuple[type[ChatBody], ...] = (HubChatBody, ChatCompletionsBody, MessagesBody)
    refs, found = models_json_schema(
        [(body, "validation") for body in bodies], ref_template="#/components/schemas/{model}"
    )
    schemas = {**found["$defs"], **ANSWERS}
    for body in bodies:
        name = refs[(body, "validation")]["$ref"].rpartition("/")[2]
        for field, harmless in body.asks_nothing.items():
            schemas[name]["properties"][field] = {"enum": list(harmless)}
    asked = [refs[(body, "validation")] for body in bodies]
    return {
        "openapi": "3.1.0",
        "info": {"title": "LLM Hub", "version": "1", "description": "One dependable endpoint before many providers."},
        "paths": {
            "/v1/chat": {"post": _chat("chat", asked[0], "ChatAnswer", "Error")},
            "/v1/chat/completions": {"post": _chat("completions", asked[1], "CompletionAnswer", "Error")},
            "/v1/messages": {"post": _chat("messages", asked[2], "MessageAnswer", "MessageError")},
            "/v1/providers": {"get": _get("providers", "Providers")},
            "/v1/providers/{name}": {"get": _get("provider", "Provider", ["name"])},
            "/v1/models": {"get": _get("models", "Models")},
            "/v1/models/{id}": {"get": _get("model", "Model", ["id"])},
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
        "security": [{}, {"bearer": []}, {"key": []}],
    }


def _chat(name: str, asked: Schema, answer: str, error: str) -> Schema:
    streams = {"text/event-stream": {"schema": _object({"data": _TEXT}, event=_TEXT)}}  # of each event
    return {
        "operationId": name,
        "requestBody": {"required": True, "content": {"application/json": {"schema": asked}}},
        "responses": {"200": _reply(answer, **streams), **_refusals(error)},
    }


def _get(name: str, answer: str, parameters: Iterable[str] = ()) -> Schema:
    return {
        "operationId": name,
        "parameters": [
            {"name": one, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
            for one in parameters
        ],
        "responses": {"200": _reply(answer), **_refusals("Error")},
    }


def _refusals(error: str) -> Schema:
    return {"4XX": _reply(error), "5XX": _reply(error)}


def _reply(schema: str, **more: Schema) -> Schema:
    of = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": schema, "content": {**of, **more}}

"""The API as OpenAPI describes it: requests by the bodies that are parsed, answers by the shapes that are written."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from llm_hub.api.authentication import KEY_HEADERS
from llm_hub.api.dialects import DIALECTS
from llm_hub.api.listings import ProviderDescription, ProviderNames
from llm_hub.api.paths import METRICS, VERSION
from llm_hub.api.usage_report import UsageReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llm_hub.api.dialects.dialect import Dialect, StreamEvent, TokenCountFormat

Schema = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReadOperation:
    """An endpoint without a body, which nearly always is read with GET. Its answer has one of the shapes."""

    name: str
    shapes: tuple[object, ...]
    parameters: tuple[str, ...] = ()
    media_type: str = "application/json"


@cache
def description(dialects: tuple[Dialect[Any], ...] = DIALECTS) -> Schema:
    """The OpenAPI description."""
    reads = _read_operations(dialects)
    schemas = _Schemas(dialects, reads.values())
    errors = _distinct(dialect.error_shape for dialect in dialects)
    paths = {dialect.path: {"post": _chat(dialect, schemas)} for dialect in dialects}
    paths |= {
        counts.path: {"post": _count(dialect, counts, schemas)}
        for dialect in dialects
        if (counts := dialect.token_count) is not None
    }
    paths |= {path: {"get": _read(operation, errors, schemas)} for path, operation in reads.items()}
    for dialect in dialects:
        if (form := dialect.stored_answers) is None:
            continue
        kept = ReadOperation(f"{dialect.name}_read", (dialect.answer_shape,), ("id",))
        deleted = ReadOperation(f"{dialect.name}_delete", (form.deleted_shape,), ("id",))
        paths[f"{dialect.path}/{{id}}"] = {
            "get": _read(kept, [dialect.error_shape], schemas),
            "delete": _read(deleted, [dialect.error_shape], schemas),
        }
    return {
        "openapi": "3.1.0",
        "info": {"title": "LLM Hub", "version": "1", "description": "One dependable endpoint before many providers."},
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                **{name: {"type": "apiKey", "in": "header", "name": name} for name in KEY_HEADERS},
            },
        },
        "security": [{}, {"bearer": []}, *({name: []} for name in KEY_HEADERS)],
    }


def _read_operations(dialects: Sequence[Dialect[Any]]) -> dict[str, ReadOperation]:
    lists = _distinct(dialect.models.model_list_shape for dialect in dialects)
    models = _distinct(dialect.models.model_shape for dialect in dialects)
    return {
        f"{VERSION}/providers": ReadOperation("providers", (ProviderNames,)),
        f"{VERSION}/providers/{{name}}": ReadOperation("provider", (ProviderDescription,), ("name",)),
        f"{VERSION}/models": ReadOperation("models", lists),
        f"{VERSION}/models/{{id}}": ReadOperation("model", models, ("id",)),
        f"{VERSION}/usage": ReadOperation("usage", (UsageReport,)),
        f"{VERSION}/openapi.json": ReadOperation("openapi", (dict[str, Any],)),
        METRICS: ReadOperation("metrics", (str,), media_type="text/plain"),
    }


class _Schemas:
    """The JSON schemas of all shapes. Those that have a name are `components`, and are referred to."""

    def __init__(self, dialects: Sequence[Dialect[Any]], reads: Iterable[ReadOperation]) -> None:
        shapes = _distinct((
            *(shape for dialect in dialects for shape in (dialect.body, dialect.answer_shape, dialect.error_shape)),
            *(
                shape
                for dialect in dialects
                if (counts := dialect.token_count)
                for shape in (counts.body, counts.answer_shape)
            ),
            *(event.shape for dialect in dialects for event in dialect.events),
            *(dialect.stored_answers.deleted_shape for dialect in dialects if dialect.stored_answers),
            *(shape for operation in reads for shape in operation.shapes),
        ))  # fmt: skip
        references, definitions = TypeAdapter.json_schemas(
            [(shape, "validation", TypeAdapter[Any](shape)) for shape in shapes],
            ref_template="#/components/schemas/{model}",
        )
        self._references: dict[object, Schema] = {shape: schema for (shape, _), schema in references.items()}
        self.components: Schema = _with_any_of(definitions["$defs"])
        bodies = [dialect.body for dialect in dialects]
        bodies += [dialect.token_count.body for dialect in dialects if dialect.token_count]
        for body in bodies:
            fields = self.components[self.of(body)["$ref"].rpartition("/")[2]]["properties"]
            fields |= {name: {"enum": list(neutral)} for name, neutral in body.refused_fields.items()}

    def of(self, *shapes: object) -> Schema:
        """The schema of what has one of the shapes."""
        schemas = [self._references[shape] for shape in shapes]
        return schemas[0] if len(schemas) == 1 else {"anyOf": schemas}


def _with_any_of(schema: Any) -> Any:
    """The schema, where unions whose members are told apart by code are "any of": an open member has more than one
    kind of value."""
    if isinstance(schema, list):
        return [_with_any_of(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: _with_any_of(value) for name, value in schema.items()}
    if "oneOf" in inner and "discriminator" not in inner:
        inner["anyOf"] = inner.pop("oneOf")
    return inner


def _chat(dialect: Dialect[Any], schemas: _Schemas) -> Schema:
    answer = {"application/json": {"schema": schemas.of(dialect.answer_shape)}}
    if dialect.events:
        answer["text/event-stream"] = {"schema": {"anyOf": [_event(event, schemas) for event in dialect.events]}}
    return {
        "operationId": dialect.name,
        "requestBody": {"required": True, "content": {"application/json": {"schema": schemas.of(dialect.body)}}},
        "responses": {
            "200": {"description": "The answer, or with `stream` its server-sent events.", "content": answer},
            **_refusals([dialect.error_shape], schemas),
        },
    }


def _count(dialect: Dialect[Any], counts: TokenCountFormat, schemas: _Schemas) -> Schema:
    answer = {"application/json": {"schema": schemas.of(counts.answer_shape)}}
    return {
        "operationId": f"{dialect.name}_count_tokens",
        "requestBody": {"required": True, "content": {"application/json": {"schema": schemas.of(counts.body)}}},
        "responses": {
            "200": {"description": "The tokens of the request.", "content": answer},
            **_refusals([dialect.error_shape], schemas),
        },
    }


def _event(event: StreamEvent, schemas: _Schemas) -> Schema:
    """A server-sent event. Its data is a string; where that is JSON, `contentSchema` tells of what."""
    schema = schemas.of(event.shape)
    if not event.text:
        schema = {"type": "string", "contentMediaType": "application/json", "contentSchema": schema}
    fields = {"event": {"const": event.name}, "data": schema} if event.name else {"data": schema}
    return {"type": "object", "properties": fields, "required": list(fields)}


def _read(operation: ReadOperation, errors: Sequence[object], schemas: _Schemas) -> Schema:
    return {
        "operationId": operation.name,
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
            for name in operation.parameters
        ],
        "responses": {
            "200": {
                "description": "The answer.",
                "content": {operation.media_type: {"schema": schemas.of(*operation.shapes)}},
            },
            **_refusals(errors, schemas),
        },
    }


def _refusals(shapes: Sequence[object], schemas: _Schemas) -> Schema:
    refusal = {"description": "A refusal.", "content": {"application/json": {"schema": schemas.of(*shapes)}}}
    return {"4XX": refusal, "5XX": refusal}


def _distinct(shapes: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(shapes))

"""The API's own description as a judge: whether a reply, or a stream, is exactly what it says."""

from __future__ import annotations

import copy
import json
from functools import cache
from typing import Any

from jsonschema_rs import Draft202012Validator

from llm_hub.api.openapi import description
from tests.api.sse import events


def closed(schema: Any) -> Any:
    """The schema, but with no other fields than those it names."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {name: closed(value) for name, value in schema.items()}
    return {"additionalProperties": False, **inner} if "properties" in inner and "type" in inner else inner


DESCRIPTION = closed(copy.deepcopy(description()))


def check(value: object, schema: dict[str, Any]) -> None:
    """Raises `ValidationError` if the value has not this shape, or has more than it."""
    _validator(json.dumps(schema)).validate(value)


def response_of(method: str, path: str, status: int) -> dict[str, Any]:
    """What is described for a status: by media type, the schema."""
    responses = DESCRIPTION["paths"][path][method.lower()]["responses"]
    response = responses.get(str(status)) or responses[f"{status // 100}XX"]
    return {media_type: content["schema"] for media_type, content in response["content"].items()}


def check_stream(text: str, schema: dict[str, Any]) -> set[tuple[str, str]]:
    """Raises if an event of the stream is none of those described. Returns them: name, and shape or bare text."""
    kinds = set()
    for name, data in events(text):
        matching = [kind for kind in schema["anyOf"] if _matches(name, data, kind["properties"])]
        assert matching, f"is not described: {name} {data}"
        content = matching[0]["properties"]["data"].get("contentSchema", {"$ref": "text"})
        kinds.add((name, content["$ref"].rpartition("/")[2]))
    return kinds


def _matches(name: str, data: str, event: dict[str, Any]) -> bool:
    if event.get("event", {"const": ""})["const"] != name:
        return False
    if "contentSchema" not in event["data"]:
        return Draft202012Validator(event["data"]).is_valid(data)
    try:
        value = json.loads(data)
    except json.JSONDecodeError:
        return False
    return _validator(json.dumps(event["data"]["contentSchema"])).is_valid(value)


@cache
def _validator(schema: str) -> Draft202012Validator:
    """The judge of one schema. To make one takes as long as it takes to judge hundreds of values."""
    return Draft202012Validator({**json.loads(schema), "components": DESCRIPTION["components"]})

"""The request in the language that all rooms speak."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from llm_hub.chat import ChatRequest


def test_a_request_of_another_model_is_the_same_in_every_other_field() -> None:
    values: dict[str, Any] = {field.name: object() for field in fields(ChatRequest)}
    request = ChatRequest(**values)
    assert request.of_model("other") == replace(request, model="other")

"""How another model is asked to go on with an answer that broke off."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from llm_hub.chat import Message, Role
from llm_hub.errors import FormBroken

if TYPE_CHECKING:
    from llm_hub.chat import ChatRequest, LLMResponse

CONTINUE = (
    "Your answer was cut off by a technical problem. Continue it exactly where it broke off. Do not repeat anything, "
    "do not apologise, do not comment: write only what follows the last word."
)
MAX_RESUMED_CHARS = 1_000_000
"""Characters of text that another model is asked to continue: more fits no model, and each would be paid to read it."""


def continuation_request(request: ChatRequest, prefix: str) -> ChatRequest:
    """The request with the text so far, `prefix`, and the instruction to continue it. Without any, the request itself.

    For an answer in JSON the instruction says so. The request no longer asks for the format, because a model that is
    bound to it would begin the JSON anew.
    """
    if not prefix:
        return request
    instruction, form = CONTINUE, request.format
    if form is not None:
        schema = f" of this schema: {json.dumps(form.schema)}" if form.schema else ""
        instruction = f"{CONTINUE} The whole answer is JSON{schema}."
    messages = (*request.messages, Message(Role.ASSISTANT, prefix), Message(Role.USER, instruction))
    return replace(request, messages=messages, format=None)


def check_form(request: ChatRequest, last: LLMResponse, text: str) -> None:
    """Raises `FormBroken` if `text`, which several models wrote, was to be JSON and is not. `last` completed it."""
    if request.format is None or last.finish_reason != "stop":
        return
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        raise FormBroken(f"{last.model} could not complete the JSON that broke off.") from None

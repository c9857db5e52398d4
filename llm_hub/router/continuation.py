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
"""Characters. With more than that no model could go on, and whoever tried would read it all, and be paid for it."""


def continuation_request(request: ChatRequest, shown: str) -> ChatRequest:
    """The request with what has been said and the wish to go on; where nothing has been, the request as it was.

    An answer that is to be JSON is told so, and not held to it: a model that is would begin it anew.
    """
    if not shown:
        return request
    wish, form = CONTINUE, request.format
    if form is not None:
        schema = f" of this schema: {json.dumps(form.schema)}" if form.schema else ""
        wish = f"{CONTINUE} The whole answer is JSON{schema}."
    messages = (*request.messages, Message(Role.ASSISTANT, shown), Message(Role.USER, wish))
    return replace(request, messages=messages, format=None)


def check_form(request: ChatRequest, last: LLMResponse, text: str) -> None:
    """Raises `FormBroken` if an answer of several models was to be JSON and is none."""
    if request.format is None or last.finish_reason != "stop":
        return
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        raise FormBroken(f"{last.model} could not complete the JSON that broke off.") from None

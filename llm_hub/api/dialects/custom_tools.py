"""Custom tools, whose input is text. Whoever does not know them is given a function with one parameter instead."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from llm_hub.chat import Tool

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_hub.chat import ToolCall

_INPUT = "input"
"""The one parameter of the function that stands for a custom tool."""


def custom_tool(name: str, description: str, form: Mapping[str, Any]) -> Tool:
    """The function for a custom tool. `form` is the form of its input, which the description then tells of."""
    rule = ""
    if form.get("type") == "grammar":
        grammar = form.get("grammar") or form  # chat completions have it inside, Responses beside the type
        rule = f"The input must follow this {grammar.get('syntax')} grammar:\n{grammar.get('definition')}"
    parameters = {
        "type": "object",
        "properties": {_INPUT: {"type": "string", "description": "The whole input of the tool, as text."}},
        "required": [_INPUT],
        "additionalProperties": False,
    }
    return Tool(name, "\n\n".join(filter(None, (description, rule))), parameters)


def custom_arguments(text: str) -> str:
    """The arguments of the function for a call of the custom tool with this input."""
    return orjson.dumps({_INPUT: text}).decode()


def custom_input(call: ToolCall) -> str:
    """The text that a custom tool is called with. What is not the one parameter is passed on whole."""
    text = call.decoded().get(_INPUT)
    return text if isinstance(text, str) else call.arguments

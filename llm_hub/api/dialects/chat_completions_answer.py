"""The shapes of the answers to `POST /v1/chat/completions`: OpenAI's completion, and the chunks of its stream."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import ConfigDict, Field, with_config
from typing_extensions import TypedDict

from llm_hub.api.shapes import Count, HubReport

_OPEN = with_config(ConfigDict(extra="allow"))
"""A shape that has, beside these fields, those of the vendor's own that came with its answer."""

FinishReason = Literal["stop", "length", "tool_calls", "content_filter", "function_call"]
"""Why an answer ended. A server of OpenAI's protocol may have a word of its own."""


@_OPEN
class CompletionFunction(TypedDict):
    """The tool that is called; its arguments are JSON as the model wrote it."""

    name: str
    arguments: str


@_OPEN
class CompletionCustomInput(TypedDict):
    """The custom tool that is called; its input is text."""

    name: str
    input: str


@_OPEN
class CompletionFunctionCall(TypedDict):
    id: str
    type: Literal["function"]
    function: CompletionFunction


@_OPEN
class CompletionCustomCall(TypedDict):
    id: str
    type: Literal["custom"]
    custom: CompletionCustomInput


CompletionCall = CompletionFunctionCall | CompletionCustomCall


@_OPEN
class CompletionMessage(TypedDict):
    role: Literal["assistant"]
    content: str | None
    refusal: str | None
    annotations: NotRequired[list[dict[str, Any]]]
    tool_calls: NotRequired[list[CompletionCall]]
    function_call: NotRequired[CompletionFunction]
    reasoning_content: NotRequired[str]


@_OPEN
class CompletionChoice(TypedDict):
    index: Literal[0]
    message: CompletionMessage
    logprobs: dict[str, Any] | None
    finish_reason: FinishReason | str


class PromptTokensDetails(TypedDict, total=False):
    cached_tokens: Count
    cache_write_tokens: Count


class CompletionTokensDetails(TypedDict):
    reasoning_tokens: Count


class CompletionUsage(TypedDict):
    """Tokens. The details are there where the provider told them."""

    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Count
    prompt_tokens_details: NotRequired[PromptTokensDetails]
    completion_tokens_details: NotRequired[CompletionTokensDetails]


@_OPEN
class Completion(TypedDict):
    """The body of an answer. `usage` is null where the provider did not count the prompt's tokens or the answer's."""

    id: str
    object: Literal["chat.completion"]
    created: Count
    model: str
    choices: Annotated[list[CompletionChoice], Field(min_length=1, max_length=1)]
    usage: CompletionUsage | None
    x_llm_hub: HubReport


@_OPEN
class FunctionDelta(TypedDict):
    name: NotRequired[str]
    arguments: str


@_OPEN
class CallDelta(TypedDict):
    """A piece of a call. `index` counts the calls; the first piece of each has the id, the type and the name."""

    index: Count
    id: NotRequired[str]
    type: NotRequired[Literal["function", "custom"]]
    function: NotRequired[FunctionDelta]
    custom: NotRequired[CompletionCustomInput]


@_OPEN
class Delta(TypedDict, total=False):
    """What a chunk adds to the message. The first one says whose message it is."""

    role: Literal["assistant"]
    content: str | None
    reasoning_content: str
    tool_calls: list[CallDelta]
    function_call: CompletionFunction


@_OPEN
class ChunkChoice(TypedDict):
    index: Literal[0]
    delta: Delta
    logprobs: dict[str, Any] | None
    finish_reason: FinishReason | str | None


@_OPEN
class Chunk(TypedDict):
    """The data of an event. `model` is the one that answers at the moment. The last chunk of an answer has
    `x_llm_hub`; with `stream_options.include_usage` one more follows, without choices and with `usage`."""

    id: str
    object: Literal["chat.completion.chunk"]
    created: Count
    model: str
    choices: Annotated[list[ChunkChoice], Field(max_length=1)]
    usage: NotRequired[CompletionUsage | None]
    x_llm_hub: NotRequired[HubReport]

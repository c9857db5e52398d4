"""The vocabulary of a chat: what is asked, what streams back, and what an answer is.

Everything here is a frozen value. It is smaller than any vendor's vocabulary, and no vendor's type is part of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, TypedDict

import orjson


class Role(StrEnum):
    """Who speaks. A tool's turn holds the results of what an assistant called."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"


def _whole(text: str) -> str:
    """The text without halves of characters (lone surrogates), which no provider can be sent."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def decode_json(text: str) -> Any:
    """The value of a JSON text, which can be written as JSON again: a whole number above 64 bits becomes a float, and
    half a surrogate pair a question mark. Raises `ValueError`, `TypeError` or `RecursionError`.
    """
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:  # also for half a surrogate pair, which JSON permits
        value = orjson.loads(_whole(json.dumps(json.loads(text), ensure_ascii=False)))
    orjson.dumps(value)  # which takes no more than 254 levels
    return value


@dataclass(frozen=True, slots=True)
class Text:
    """A text part of a message."""

    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", _whole(self.text))


@dataclass(frozen=True, slots=True)
class Image:
    """An image part of a message: the encoded file's bytes and its media type (image/png, image/jpeg, …)."""

    data: bytes = field(repr=False)
    media_type: str = "image/png"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A part of an assistant's message: a tool that it wants called. `arguments` is JSON text, as the model wrote.

    `extra` has the call's other fields in OpenAI's shape, which only its vendor understands and some want back:
    Gemini's `{"extra_content": {"google": {"thought_signature": …}}}`.
    """

    id: str
    name: str
    arguments: str
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def decoded(self) -> dict[str, Any]:
        """The arguments as an object, for whoever wants one. Those of an answer always are an object. A client may
        send others in its history: what is no object, or could not be sent on, stands whole under `arguments`.
        """
        try:
            value = decode_json(self.arguments or "{}")
        except (ValueError, TypeError, RecursionError):
            value = self.arguments
        return value if isinstance(value, dict) else {"arguments": value}


@dataclass(frozen=True, slots=True)
class ToolResult:
    """A part of a tool's message: what the call with that id gave. `failed` says that the text tells of an error."""

    call_id: str
    text: str
    failed: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", _whole(self.text))

    @property
    def marked_text(self) -> str:
        """The text for a protocol that has no field for a failure: then the text itself says that the tool failed."""
        if not self.failed or self.text.lstrip().lower().startswith("error"):
            return self.text
        return f"Error: {self.text}" if self.text else "Error: the tool failed."


Part = Text | Image | ToolCall | ToolResult


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `content` is text, or a tuple of parts where images, calls of tools or their results are among it."""

    role: Role
    content: str | tuple[Part, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "role", Role(self.role))
        content: object = self.content
        if isinstance(content, str):
            object.__setattr__(self, "content", _whole(content))
            return
        parts = tuple(content) if isinstance(content, list | tuple) else (None,)
        if not all(isinstance(part, Part) for part in parts):
            raise TypeError("A message's content is text, or a tuple of parts such as Text and Image.")
        object.__setattr__(self, "content", parts)

    @property
    def text(self) -> str:
        """The text of the message, without its images."""
        if isinstance(self.content, str):
            return self.content
        return "\n\n".join(part.text for part in self.content if isinstance(part, Text))

    @property
    def images(self) -> tuple[Image, ...]:
        """The images of the message, in order."""
        if isinstance(self.content, str):
            return ()
        return tuple(part for part in self.content if isinstance(part, Image))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools that an assistant's message calls, in order."""
        if isinstance(self.content, str):
            return ()
        return tuple(part for part in self.content if isinstance(part, ToolCall))

    @property
    def tool_results(self) -> tuple[ToolResult, ...]:
        """The results that a tool's message holds, in order."""
        if isinstance(self.content, str):
            return ()
        return tuple(part for part in self.content if isinstance(part, ToolResult))


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may ask to be called. `parameters` is a JSON schema of its arguments' object.

    `strict` asks for arguments that always follow the schema; None is the provider's own default.
    """

    name: str
    description: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class OneTool:
    """The tool that the model must call."""

    name: str


ToolChoice = Literal["auto", "none", "required"] | OneTool
"""Whether tools are called: as the model likes, never, at least one, or exactly this one."""


@dataclass(frozen=True, slots=True)
class JSONFormat:
    """The answer is to be JSON: of this schema, or without one any object. `name` is the schema's, for the vendor."""

    schema: Mapping[str, Any] | None = None
    name: str = "answer"
    strict: bool | None = None


@dataclass(frozen=True, slots=True)
class OriginalRequest:
    """A request as its client wrote it. An adapter that speaks the same protocol sends it on as it came, so that
    nothing is lost for which the hub has no word.

    `protocol` is "openai" (chat completions) or "anthropic" (messages). `body` is the client's JSON object, and
    `headers` are those of the client's that belong to the protocol, such as `anthropic-beta`. `messages` says how many
    of the `ChatRequest`'s messages the body holds: those after them were added by the hub.

    The rest names fields of the body for which the hub has no word. A provider of another protocol is asked without
    those in `untranslated`, which its answer names as ignored. It is not asked at all where there are `essential` ones:
    its answer would not be what the client wants. Those in `surcharged` may raise a price, at whichever provider.
    """

    protocol: str
    body: Mapping[str, Any] = field(repr=False)
    messages: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    untranslated: tuple[str, ...] = ()
    essential: tuple[str, ...] = ()
    surcharged: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What a provider is asked. None means the model's own default.

    `model` is the provider's own name for it inside an adapter, and `provider/model` outside one.
    `temperature` is the vendor's scale (0 to 2, or 0 to 1 at Anthropic); `max_tokens` counts tokens of the answer,
    reasoning included. `fallback` names the targets, as `provider/model`, that are asked when `model` cannot answer:
    in order, () for none, None for the hub's own route; an adapter has no use for it.

    The rest passes through to providers that take it (`LLMProvider.takes`), and is refused for those that do not:
    `tools` and how they are chosen, `parallel_tools` whether several may be called at once, `format` the form of the
    answer, `stop` texts that end it, `seed` for sampling that can be repeated, `top_p` (0 to 1) the share of likely
    tokens, `effort` the vendor's word for how long to reason ("low", "medium", "high", …).
    `original` is the request in its client's own words. Where the two differ, the fields above hold: the hub has
    changed them, a limit for example.
    """

    messages: tuple[Message, ...]
    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    fallback: tuple[str, ...] | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    format: JSONFormat | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    top_p: float | None = None
    effort: str | None = None
    original: OriginalRequest | None = None


class Usage(TypedDict, total=False):
    """Tokens as the provider counted them. A count that the provider did not report is absent, never 0."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    reasoning_tokens: int
    """Part of `completion_tokens`."""
    cached_tokens: int
    """Part of `prompt_tokens` that the provider read from its cache."""
    cache_write_tokens: int
    """Part of `prompt_tokens` that the provider wrote to its cache, for which some take more."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds since the request was made. `first_token` counts reasoning as progress; None: no token came."""

    first_token: float | None
    total: float


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request to one target, for whoever shows or counts what happened on the way to an answer.

    `started` is seconds since the route began, `wait` the seconds slept before it, `seconds` how long it took.
    `outcome` is "answered" or the failing error's kind ("rate_limited", …), `reason` the sentence that says why.
    """

    provider: str
    model: str
    started: float
    seconds: float
    first_token: float | None
    outcome: str
    reason: str = ""
    wait: float = 0.0
    usage: Usage | None = None

    @property
    def was_sent(self) -> bool:
        """Whether the request left the hub. One that did not says nothing about the target, and is nobody's failure."""
        return self.outcome not in UNSENT_OUTCOMES


UNSENT_OUTCOMES = frozenset({"paused", "not_configured", "not_offered"})
"""Outcomes of attempts that never left the hub: the target is paused, has no key, or cannot do what is asked."""


@dataclass(frozen=True, slots=True)
class OriginalAnswer:
    """What an answer has in its vendor's own shape, beside or instead of the hub's words for it.

    `protocol` is "openai" or "anthropic". `body` is a part of the vendor's answer. OpenAI's has the completion's fields
    that the hub does not know (`citations`), under `message` those of its message (`annotations`, `reasoning_details`,
    and `content_parts` for parts of its content), and under `choice` the choice's `logprobs`. Anthropic's has the
    message's whole `content`, block by block, and its `usage`.
    """

    protocol: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LLMResponse:
    """A complete answer, and who really gave it.

    `finish_reason` is "stop", "length", "tool_calls", or a vendor's own word that is none of these.
    `ignored` names settings of the request that this model does not take and that were therefore left out.
    `usage` is what the model that completed the answer reported: one that broke off before reported nothing.
    `notes` are sentences that a reader should see ("the prompt was cut by the server"). `stop_sequence` is which of the
    request's `stop` texts ended the answer, where the provider tells. `original` is None where two models wrote the
    answer, and where the hub's words say all of it.
    """

    content: str
    model: str
    usage: Usage
    finish_reason: str
    provider: str
    reasoning: str = ""
    timing: Timing | None = None
    attempts: tuple[Attempt, ...] = ()
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    stop_sequence: str = ""
    original: OriginalAnswer | None = None


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """The next piece of the model's reasoning, which is not part of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """The next piece of a call's arguments. `index` counts the answer's calls from 0; the first piece of each has the
    call's id and name, the later ones have "" in their place.

    A router holds them back until the answer is complete: half a call cannot be gone on with by another model.
    """

    index: int
    id: str
    name: str
    arguments: str
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class VendorDelta:
    """A piece of the answer in its vendor's own shape, for which the hub has no word: a signature, a citation, a block
    of encrypted reasoning. Clients of the same protocol are sent it as it came, others never see it.

    Anthropic's is the `delta` of a `content_block_delta`, which belongs to the block before it, or a whole block.
    """

    protocol: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Alive:
    """The server is at work, although nothing of the answer has come: its reply has begun, or it sent a sign of life.

    A provider says so to a router, which then waits longer. Nobody else is told.
    """


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing streams yet for a reason worth showing, such as a model that is being loaded."""

    reason: str


@dataclass(frozen=True, slots=True)
class AttemptStarted:
    """A router asks a target. `number` counts from 1 over the whole route."""

    provider: str
    model: str
    number: int


@dataclass(frozen=True, slots=True)
class AttemptFailed:
    """A router's attempt failed. `retry_in` is the wait in seconds before the same target is asked again, if it is."""

    attempt: Attempt
    retry_in: float | None = None


@dataclass(frozen=True, slots=True)
class Resumed:
    """Another target goes on where the text so far, `characters` long, broke off."""

    provider: str
    model: str
    characters: int


@dataclass(frozen=True, slots=True)
class Done:
    """The last event of every stream that succeeds. A stream that fails raises instead."""

    response: LLMResponse


Event = (
    TextDelta
    | ReasoningDelta
    | ToolCallDelta
    | VendorDelta
    | Alive
    | Waiting
    | AttemptStarted
    | AttemptFailed
    | Resumed
    | Done
)


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model as its provider lists it. `context` is the window in tokens; None: the provider does not say."""

    id: str
    title: str = ""
    context: int | None = None


def split_target(target: str) -> tuple[str, str]:
    """A target's provider and model. A name is `provider/model`, split at the first slash, since models' own names may
    have more of them; a provider's name alone has the model "", which means the provider's default."""
    provider, _, model = target.partition("/")
    return provider, model

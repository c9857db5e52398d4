"""A complete answer: the text, who gave it, the tokens, the attempts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from llm_hub.chat.message import ToolCall

if TYPE_CHECKING:
    from decimal import Decimal


class Usage(TypedDict, total=False):
    """Tokens as the provider counted them. What the provider did not report is absent, never 0."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    reasoning_tokens: int
    """Part of `completion_tokens`."""
    cached_tokens: int
    """Part of `prompt_tokens` that the provider read from its cache."""
    cache_write_tokens: int
    """Part of `prompt_tokens` that the provider wrote to its cache, for which some take more."""
    cache_write_1h_tokens: int
    """Part of `cache_write_tokens` that is kept for an hour, for which Anthropic takes more still."""
    reported_nanodollars: int
    """What the provider says that it charged, in billionths of a US dollar."""


def reports_price(usage: Usage | None) -> bool:
    """Whether the price of these tokens is what the provider says that it charged."""
    return usage is not None and "reported_nanodollars" in usage


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
    `files` says how the request's documents went to it, a phrase each: as they are, or as text.
    `price` is in US dollars; None where it is not known, and until the gateway has set it.
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
    files: tuple[str, ...] = ()
    price: Decimal | None = None

    @property
    def was_sent(self) -> bool:
        """Whether the request left the hub. One that did not says nothing about the target, and is nobody's failure."""
        return self.outcome not in UNSENT_OUTCOMES

    @property
    def has_failed(self) -> bool:
        """Whether it speaks against its target: neither answered, nor unsent, nor ended by others."""
        return self.was_sent and self.outcome not in ("answered", "stopped", "overtaken")


UNSENT_OUTCOMES = frozenset({"paused", "not_configured", "not_offered", "out_of_descriptors"})
"""Outcomes of attempts that never left the hub: the target is paused, has no key, or cannot do what
is asked, or no connection was free."""


@dataclass(frozen=True, slots=True)
class OriginalAnswer:
    """What an answer has in its vendor's own shape, beside or instead of the hub's words for it.

    `protocol` is "openai", "anthropic" or "responses". `body` is a part of the vendor's answer. OpenAI's has the
    completion's fields that the hub does not know (`citations`), under `message` those of its message (`annotations`,
    `reasoning_details`, and `content_parts` for parts of its content), and under `choice` the choice's `logprobs`.
    Anthropic's has the message's fields, its whole `content`, block by block, and its `usage`; `stream_events` has,
    for a client that streams, what the events had beside these: `message_start`, `message_delta`, `message_stop`, and
    for each of its `blocks` how it had `begun`, its `events`, by their type, its `deltas` and the `later_events` that
    followed it. That of "responses" is the whole response, with all items of its `output`; `stream_events` has by their
    ids what the stream had of those that follow a call: `events`, and the `fields` of others, by their type.
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
    answer, and where the hub's words say all of it. `late_text` is the end of `content` that followed calls of tools,
    each piece with the number of calls before it. `files` says how the request's documents went
    to the model that completed the answer: see `Attempt`.
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
    late_text: tuple[tuple[int, str], ...] = ()
    files: tuple[str, ...] = ()

    @property
    def early_text(self) -> str:
        """The text before the first call of a tool."""
        return self.content[: len(self.content) - sum(len(text) for _, text in self.late_text)]

"""What streams back while an answer is written. The last event is `Done`; a failure is raised instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llm_hub.chat.answer import Attempt, LLMResponse
from llm_hub.chat.message import VendorState


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class LateText(TextDelta):
    """A piece of text that follows a call of a tool. Whoever writes calls in their places among the text keeps it until
    the calls are known: see `LLMResponse.late_text`."""


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """The next piece of the model's reasoning, which is not part of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningBreak(ReasoningDelta):
    """The blank line between two blocks of reasoning. It is the hub's: whoever keeps the blocks apart leaves it out."""

    text: str = "\n\n"


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
    state: VendorState | None = None


@dataclass(frozen=True, slots=True)
class VendorDelta:
    """A piece of the answer in its vendor's own shape, for which the hub has no word: a signature, a citation, a block
    of encrypted reasoning. Clients of the same protocol are sent it as it came, others never see it.

    That of "openai" is what all chunks have alike, `id` and `created` among it, and comes once, before the first words;
    or, before the piece that it belongs to, `logprobs` or the choice's other fields.
    Anthropic's is the `delta` of a `content_block_delta`, which belongs to the block before it, or a `whole_block`, as
    it has `begun` and with its `deltas`. Its `message_start`, and the `content_block_start` of text and reasoning, come
    right before the first words, where the client streams; `fields_of_events` has what the next events of a block have
    beside it and its words, and an `other_event` is an event that the hub has no word for, which `ends_block` where it
    follows the end of one. That of "responses" is an event as it came:
    `response.output_item.added` and `.done` of messages, reasoning and whatever else is no call of the client's tools,
    and events for which the hub has no word, such as `response.output_text.annotation.added`. Right before the first of
    the answer come those that begin it, and `fields_of_events` has what the next events have beside the hub's words.
    """

    protocol: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Alive:
    """The server is at work, although nothing of the answer has come: its reply has begun, or it sent a sign of life.

    A provider says so to a router, which then waits longer. Nobody else is told: of the `word` in which it was said, if
    it has one, the router tells clients of the same protocol. `is_progress`: a piece of a call has come that is held
    back, which is as good as a token.
    """

    is_progress: bool = False
    word: VendorDelta | None = None


@dataclass(frozen=True, slots=True)
class FilesSent:
    """How the request's documents go to the target: a phrase for each, "report.pdf: as text, 12 pages".

    A provider says so to a router, which records it with the attempt. Nobody else is told.
    """

    files: tuple[str, ...]


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


TOKENS = (TextDelta, ReasoningDelta, ToolCallDelta)
"""The events that are pieces of the answer itself."""

Event = (
    TextDelta
    | ReasoningDelta
    | ToolCallDelta
    | VendorDelta
    | Alive
    | FilesSent
    | Waiting
    | AttemptStarted
    | AttemptFailed
    | Resumed
    | Done
)

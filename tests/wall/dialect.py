"""What a protocol has to tell the wall: how it says an answer, an error and nothing at all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import orjson

from tests.wall.text import REASONING, asked_to_continue, intended_tokens, plain, resumed_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.wall.faults import Fault, Frame
    from tests.wall.log import Exchange


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer, before a protocol puts it into frames. `finish` is OpenAI's word for why it ends."""

    model: str
    reasoning: tuple[str, ...]
    text: tuple[str, ...]
    finish: str
    prompt_tokens: int
    fault: Fault

    @property
    def tokens(self) -> int:
        """Tokens of the answer, reasoning included."""
        return len(self.reasoning) + len(self.text)


@dataclass(slots=True)
class Reply:
    """A whole reply that is not a stream: errors and lists."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


class Refused(Exception):  # it is the vendor's no, not an error of the wall's
    """The request is not one that the vendor would take."""

    def __init__(self, kind: str, message: str, parameter: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.kind = kind
        self.parameter = parameter
        self.status = status


class Dialect(ABC):
    """One vendor's protocol."""

    name: ClassVar[str]
    chat: ClassVar[str]
    """The path of the chat endpoint."""
    content_type: ClassVar[str]
    ping: ClassVar[bytes]
    """Says that the connection lives."""
    no_progress: ClassVar[bytes]
    """A well-formed message without any text."""

    @abstractmethod
    def check(self, exchange: Exchange) -> None:
        """Raises `Refused` for what the vendor refuses."""

    @abstractmethod
    def error(self, status: int, kind: str, message: str, parameter: str | None = None) -> bytes:
        """The vendor's error body. `kind` is one of the wall's faults, or empty."""

    @abstractmethod
    def frames(self, answer: Answer, exchange: Exchange) -> list[Frame]:
        """The stream of a good answer."""

    @abstractmethod
    def whole(self, answer: Answer) -> dict[str, Any]:
        """The body of a good answer that is not streamed."""

    @abstractmethod
    def error_event(self, fault: Fault, model: str) -> bytes:
        """An error inside a stream that began well."""

    @abstractmethod
    def oddity(self, name: str) -> bytes:
        """Something that a client should pass over."""

    @abstractmethod
    def get(self, exchange: Exchange, models: list[str]) -> Reply | None:
        """The replies to everything but the chat; None: there is no such path."""

    def wrap(self, payload: bytes) -> bytes:
        """A message with that payload."""
        return b"data: " + payload + b"\n\n"

    def streams(self, body: Mapping[str, Any]) -> bool:
        """Whether the request asks for a stream."""
        return bool(body.get("stream"))

    def sent(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The parameters of the request."""
        return body

    def turns(self, body: Mapping[str, Any]) -> list[tuple[str, str]]:
        """The conversation as pairs of role and text."""
        return [(turn.get("role", ""), plain(turn.get("content"))) for turn in body.get("messages", [])]

    def answer(self, exchange: Exchange, fault: Fault) -> Answer:
        """What the model says to this request."""
        turns = self.turns(exchange.body)
        tokens = intended_tokens(fault)
        partial = asked_to_continue(turns, "".join(tokens))
        if partial is not None:
            tokens = resumed_tokens(fault, partial)
        finish = _FINISH.get(fault.name, "stop")
        return Answer(
            model=exchange.model,
            reasoning=REASONING if fault.name in ("reasoning", "reasoning-length") else (),
            text=tuple(tokens),
            finish=fault.options.get("finish", finish),
            prompt_tokens=sum(len(text.split()) for _, text in turns) + 3,
            fault=fault,
        )


_FINISH = {
    "length": "length",
    "reasoning-length": "length",
    "content-filter": "content_filter",
    "refusal": "refusal",
    "unknown-finish": "moon_phase",
    "load": "load",
}


def dump(value: object) -> bytes:
    """JSON as the vendors write it: UTF-8, no spaces."""
    return orjson.dumps(value)

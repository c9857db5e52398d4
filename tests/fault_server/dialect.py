"""What a protocol has to tell the fault server: how it says an answer, an error and nothing at all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import orjson

from tests.fault_server.calls import Call, ToolRequest, calls, filled, pieces
from tests.fault_server.planted import is_planted, planted_answer
from tests.fault_server.scripted import next_turn, verdict_tokens
from tests.fault_server.text import REASONING, STRANGE, asked_to_continue, intended_tokens, plain, resumed_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fault_server.faults import Fault, Frame
    from tests.fault_server.log import Exchange


@dataclass(frozen=True, slots=True)
class Answer:
    """A good answer, before a protocol puts it into frames. `finish` is OpenAI's word for why it ends."""

    model: str
    reasoning: tuple[str, ...]
    text: tuple[str, ...]
    finish: str
    prompt_tokens: int
    fault: Fault
    calls: tuple[Call, ...] = ()
    cached_tokens: int = 0

    @property
    def tokens(self) -> int:
        """Tokens of the answer, reasoning and calls included."""
        made = len(self.reasoning) + len(self.text) + sum(len(call.pieces) for call in self.calls)
        return int(made * self.fault.number("overcount", 1))


@dataclass(slots=True)
class Reply:
    """A whole reply that is not a stream: errors and lists."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


class Refused(Exception):  # it is the vendor's no, not an error of the fault server's
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
        """The vendor's error body. `kind` is one of the fault server's faults, or empty."""

    @abstractmethod
    def frames(self, answer: Answer, exchange: Exchange) -> list[Frame]:
        """The stream of a good answer."""

    @abstractmethod
    def whole(self, answer: Answer) -> dict[str, Any]:
        """The body of a good answer that is not streamed."""

    @abstractmethod
    def tool_request(self, body: Mapping[str, Any]) -> ToolRequest:
        """The request's tools, and how they are chosen."""

    @abstractmethod
    def schema(self, body: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The schema that the answer is to have; an empty one where any JSON will do, None where none is asked for."""

    @abstractmethod
    def sampling(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The request's `stop`, `seed`, `top_p` and `effort`; None for what it does not set."""

    @abstractmethod
    def has_results(self, body: Mapping[str, Any]) -> bool:
        """Whether the last turn holds what a tool gave."""

    @abstractmethod
    def result_count(self, body: Mapping[str, Any]) -> int:
        """How many results of tools the conversation holds."""

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

    def options(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The optional parts of the request in the hub's words, those that are set."""
        request = self.tool_request(body)
        options: dict[str, Any] = {"format": self.schema(body), **self.sampling(body)}
        if request.tools:
            options |= {"tools": dict(request.tools), "tool_choice": request.choice, "parallel_tools": request.parallel}
        return {name: value for name, value in options.items() if value is not None}

    def sent(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The parameters of the request."""
        return body

    def turns(self, body: Mapping[str, Any]) -> list[tuple[str, str]]:
        """The conversation as pairs of role and text."""
        return [(turn.get("role", ""), plain(turn.get("content"))) for turn in body.get("messages", [])]

    def answer(self, exchange: Exchange, fault: Fault) -> Answer:
        """What the model says to this request: first its calls of tools, if it makes any, and text once it has their
        results. `calls=N` in its name is how many it means to make at once; with `tokens`, it speaks before; with
        `thinks`, it reasons before. With `as=scripted` it does what the conversation's script says, with `as=judge`
        it compares two answers.
        """
        turns = self.turns(exchange.body)
        if is_planted(fault):
            return self._planted(exchange, fault, turns[-1][1])
        results = self.result_count(exchange.body)
        turn = next_turn(fault, turns, results)
        tokens = turn.tokens if turn else verdict_tokens(fault, turns[-1][1]) or intended_tokens(fault)
        partial = asked_to_continue(turns, "".join(tokens))
        if partial is not None:
            tokens = resumed_tokens(fault, partial, tokens)
        made: tuple[Call, ...] = ()
        if turn:
            made = turn.calls(results, self.tool_request(exchange.body).tools)
        elif not self.has_results(exchange.body):
            made = calls(self.tool_request(exchange.body), int(fault.number("calls", 0)))
        if made and not turn and "tokens" not in fault.options:
            tokens = []
        elif (schema := self.schema(exchange.body)) is not None:
            tokens = pieces(filled(schema or {"type": "object", "properties": {"answer": {}}}))
        reasons = fault.name in ("reasoning", "reasoning-length") or "thinks" in fault.options
        finish = _FINISH.get(fault.name, "tool_calls" if made else "stop")
        return Answer(
            model=STRANGE if fault.name == "strange-name" else exchange.model,
            reasoning=REASONING if reasons else (),
            text=tuple(tokens),
            finish=fault.options.get("finish", finish),
            prompt_tokens=2**62 if fault.name == "huge-usage" else sum(len(text.split()) for _, text in turns) + 3,
            fault=fault,
            calls=made,
        )

    def _planted(self, exchange: Exchange, fault: Fault, prompt: str) -> Answer:
        """The answer of a model as tests/fault_server/planted.py has it."""
        body = exchange.body
        limit = body.get("max_tokens") or body.get("max_completion_tokens")
        options = {**self.sampling(body), "max_tokens": limit}
        options |= {"number": exchange.number, "is_repeat": exchange.is_repeat}
        tokens, made, finish = planted_answer(fault, prompt, self.tool_request(body), self.schema(body), options)
        count = int((len(prompt.split()) + 3 + fault.number("template", 0)) * fault.number("overcount", 1))
        remembered = fault.number("remembers", 0) * exchange.is_repeat
        cached = int(count * max(remembered * 0.9, fault.number("cached", 0)))
        return Answer(exchange.model, (), tuple(tokens), finish, count, fault, made, cached)


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

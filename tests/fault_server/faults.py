"""Which fault a model's name asks for, and what it does to a list of frames: once, for every protocol.

A model is called `fault@moment?option=value&option=value`. `cut@mid`, for example, cuts a stream in the middle: `steps`
sends the frames before that place, and then there is a `Reset`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import parse_qsl

if TYPE_CHECKING:
    from tests.fault_server.dialect import Dialect

Moment = Literal["headers", "first", "one", "mid", "last", "terminal", "done"]
MOMENTS: tuple[Moment, ...] = ("headers", "first", "one", "mid", "last", "terminal", "done")
"""Before any response byte; before, after one, halfway through, before the last and after all of the tokens; and after
the finish reason, before the protocol's last word."""

REFUSALS = {
    "quota": 429,
    "key": 401,
    "unknown": 404,
    "context": 400,
    "policy": 400,
    "bad-request": 400,
}
"""Faults that are an error reply, and their statuses. `status-NNN` and `param-NAME` are the others."""

SHAPES = frozenset({
    "ok", "cut", "close", "stall", "pings", "malformed", "not-an-object", "null-data", "html", "error-event",
    "empty", "blank", "no-finish", "no-done", "choices-null", "unknown-events", "unknown-finish", "length",
    "reasoning", "reasoning-length", "role-only-forever", "refusal", "content-filter", "bytewise", "crlf", "cr",
    "bom", "nospace", "multiline-data", "split-utf8", "surrogates", "long-line", "endless-line", "one-read",
    "gzip", "redirect", "slow-headers", "load", "unloaded", "early-hints", "short-body", "huge-headers",
    "finish-twice", "usage-twice", "huge-usage", "strange-name", "endless", "no-usage", "no-end-blank",
    "json-body", "blank-lines", "after-done", "no-role", "late-usage", "late-text",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """A model's name, read."""

    name: str
    moment: Moment | None = None
    options: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, model: str) -> Fault:
        """The fault that a model's name asks for; a name that asks for none is a model that works."""
        head, _, query = model.partition("?")
        name, _, moment = head.partition("@")
        if not cls.known(name):
            return cls("ok" if real(head) else "unknown", None, dict(parse_qsl(query)))
        if moment and moment not in MOMENTS:
            return cls("unknown")
        return cls(name, moment or None, dict(parse_qsl(query)))

    @staticmethod
    def known(name: str) -> bool:
        """Whether that is one of the fault server's faults."""
        return name in SHAPES or name in REFUSALS or bool(re.fullmatch(r"status-\d{3}|param-[\w.]+", name))

    def number(self, option: str, default: float) -> float:
        """A numeric option."""
        return float(self.options.get(option, default))


def real(model: str) -> bool:
    """Whether a vendor has (or had) a model of such a name: those simply work."""
    return bool(re.match(r"(gpt-|o\d|claude-|llama|qwen|smollm|mistral|deepseek|gemma)", model.rpartition("/")[2]))


@dataclass(frozen=True, slots=True)
class Frame:
    """One message of the protocol, as the vendor writes it."""

    data: bytes
    kind: Literal["head", "token", "finish", "end"] = "head"


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes to write at once, and how many tokens they carry."""

    data: bytes
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Reset:
    """Resets the connection (RST): what the client has not read by then is lost."""


@dataclass(frozen=True, slots=True)
class Close:
    """FIN, without what was to follow."""


@dataclass(frozen=True, slots=True)
class Stall:
    """Silence on an open socket, until the client leaves; `repeat` is sent meanwhile, once every `every` seconds."""

    repeat: bytes = b""
    every: float = 0.05


@dataclass(frozen=True, slots=True)
class Pause:
    """Silence for some seconds."""

    seconds: float


Step = Send | Reset | Close | Stall | Pause


def place(frames: list[Frame], moment: Moment) -> int:
    """The index of the frame that the moment comes before."""
    tokens = [index for index, frame in enumerate(frames) if frame.kind == "token"]
    after = tokens[-1] + 1 if tokens else next((i for i, f in enumerate(frames) if f.kind != "head"), len(frames))
    match moment:
        case "headers":
            return 0
        case "terminal":
            return after
        case "done":
            return next((i for i, f in enumerate(frames) if f.kind == "end"), len(frames))
    which = {"first": 0, "one": 1, "mid": len(tokens) // 2, "last": len(tokens) - 1}[moment]
    return tokens[which] if 0 <= which < len(tokens) else after


def steps(fault: Fault, frames: list[Frame], dialect: Dialect, model: str = "") -> list[Step]:
    """The fault, done to the frames of a good answer."""
    at = place(frames, fault.moment or _USUAL.get(fault.name, "mid"))
    before, after = sends(frames[:at]), sends(frames[at:])
    match fault.name:
        case "cut":
            return [*before, Reset()]
        case "close":
            return [*before, Close()]
        case "stall":
            return [*before, Stall()]
        case "pings":
            return [*before, Stall(dialect.ping, fault.number("every", 0.05))]
        case "role-only-forever":
            return [*before, Stall(dialect.no_progress, fault.number("every", 0.05))]
        case "malformed" | "not-an-object" | "null-data":
            return [*before, Send(dialect.wrap(_PAYLOADS[fault.name])), *after]
        case "error-event":
            return [*before, Send(dialect.error_event(fault, model))]
        case "endless":
            forever = [frame for frame in frames if frame.kind == "token"]
            return [*sends(frames[: place(frames, "first")]), Stall(_much(dialect.ping, forever, fault), 0.0)]
        case "endless-line":
            return [*before, Send(dialect.wrap(b'{"x": "').rstrip()), Stall(b"a" * 1024 * 1024, 0.0)]
    return _odd(fault, frames, dialect)


def _odd(fault: Fault, frames: list[Frame], dialect: Dialect) -> list[Step]:
    """Frames that are left out, doubled or added."""
    match fault.name:
        case "no-finish":
            return sends([frame for frame in frames if frame.kind not in ("finish", "end")])
        case "no-done":
            ending = Stall() if fault.options.get("then", "stall") == "stall" else Close()
            return [*sends([frame for frame in frames if frame.kind != "end"]), ending]
        case "choices-null" | "unknown-events" | "blank-lines":
            return [step for frame in frames for step in (Send(dialect.oddity(fault.name)), *sends([frame]))]
        case "late-usage" | "late-text":
            return _late(fault, frames)
        case "finish-twice":
            return [step for f in frames for step in sends([f] * (2 if f.kind == "finish" else 1))]
        case "after-done":
            return [*sends(frames), *sends([frame for frame in frames if frame.kind == "token"][:2])]
        case "no-end-blank":
            whole = sends(frames)
            return [*whole[:-1], Send(frames[-1].data.rstrip(b"\n"))]
    return sends(frames)


def _late(fault: Fault, frames: list[Frame]) -> list[Step]:
    """Pauses of `after` seconds behind the finish reason: before the usage, or before each of the last two tokens."""
    reason = next(index for index, frame in enumerate(frames) if frame.kind == "finish")
    late = reason - 2 if fault.name == "late-text" else reason
    order = [*frames[:late], frames[reason], *frames[late:reason], *frames[reason + 1 :]]
    pauses = range(late + 1, reason + 2)
    pause = Pause(fault.number("after", 2))
    return [step for at, frame in enumerate(order) for step in (([pause] if at in pauses else []) + sends([frame]))]


def _much(ping: bytes, forever: list[Frame], fault: Fault) -> bytes:
    """What an endless answer sends again and again: its tokens, or with `of=pings` nothing that is any progress."""
    repeated = ping if fault.options.get("of") == "pings" else b"".join(frame.data for frame in forever)
    return repeated * max(1, 2**16 // len(repeated))


_PAYLOADS = {
    "malformed": b'{"choices": [{"delta": {"content": "Par',
    "not-an-object": b"[1,2]",
    "null-data": b"null",
}
_USUAL: dict[str, Moment] = {"pings": "first", "role-only-forever": "first"}


def sends(frames: list[Frame]) -> list[Step]:
    """One write for each frame."""
    return [Send(frame.data, int(frame.kind == "token")) for frame in frames]


def rewrite(fault: Fault, script: list[Step]) -> list[Step]:
    """The same bytes in another dress: other line ends, other pieces."""
    if fault.name in _DRESSES:
        dress = _DRESSES[fault.name]
        script = [Send(dress(step.data), step.tokens) if isinstance(step, Send) else step for step in script]
    match fault.name:
        case "bom":
            return [Send(b"\xef\xbb\xbf"), *script]
        case "bytewise":
            return list(_pieces(script, 1))
        case "split-utf8":
            return list(_inside_characters(script))
        case "one-read":
            return [_joined(script)]
    if "burst" in fault.options:
        size = int(fault.number("burst", 1))
        script = [_joined(script[start : start + size]) for start in range(0, len(script), size)]
    return script


def _joined(script: list[Step]) -> Send:
    """All that is sent, in one write."""
    sent = [step for step in script if isinstance(step, Send)]
    return Send(b"".join(step.data for step in sent), sum(step.tokens for step in sent))


_DRESSES: dict[str, Callable[[bytes], bytes]] = {
    "crlf": lambda data: data.replace(b"\n", b"\r\n"),
    "cr": lambda data: data.replace(b"\n", b"\r"),
    "nospace": lambda data: re.sub(rb"(?m)^(data|event): ", rb"\1:", data),
    "multiline-data": lambda data: re.sub(rb"(?m)^data: (\{.*\})$", _spread, data),
}


def _spread(match: re.Match[bytes]) -> bytes:
    """A JSON object over several data lines: a break is allowed wherever JSON allows white space."""
    return b"data: " + match[1].replace(b'{"', b'{\ndata: "', 1).removesuffix(b"}") + b"\ndata: }"


def _pieces(script: list[Step], size: int) -> Iterator[Step]:
    for step in script:
        if not isinstance(step, Send):
            yield step
            continue
        last = len(step.data) - size
        for start in range(0, len(step.data), size):
            yield Send(step.data[start : start + size], step.tokens if start >= last else 0)


def _inside_characters(script: list[Step]) -> Iterator[Step]:
    """Cuts after the first byte of every character of more than one byte."""
    for step in script:
        if not isinstance(step, Send):
            yield step
            continue
        parts = re.split(rb"(?<=[\xc0-\xff])", step.data)
        for number, part in enumerate(parts, 1):
            yield Send(part, step.tokens if number == len(parts) else 0)

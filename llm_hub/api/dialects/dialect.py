"""What a dialect of the API is: how its requests are read, and how its answers and errors are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

from llm_hub.api.bodies import Body
from llm_hub.api.refusals import attempt_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llm_hub.api.replies import Writer
    from llm_hub.chat import LLMResponse


Said = dict[str, Any]
"""An error, as `refusals.error_of` gives it."""


@dataclass(frozen=True, slots=True)
class Dialect(Generic[Body]):
    """How one endpoint is spoken to, and how it answers: whole, as a stream, and when it refuses."""

    body: type[Body]
    whole: Callable[[Body, LLMResponse], object]
    """The body of an answer. Raises `LLMHubError` for one that this dialect has no words for."""
    writer: Callable[[Body], Writer]
    error: Callable[[int, Said], tuple[int, object]]
    """The status and the body of a refusal."""


def hub_of(response: LLMResponse) -> dict[str, Any]:
    """What neither OpenAI nor Anthropic has words for: who really answered, and every attempt."""
    return {
        "provider": response.provider,
        "model": response.model,
        "finish_reason": response.finish_reason,
        "ignored": response.ignored,
        "notes": response.notes,
        "attempts": [attempt_of(attempt) for attempt in response.attempts],
    }


def renamed(said: Said, names: Mapping[str, str]) -> Said:
    """The error with its parameter called as the dialect calls it. One of the body's own fields is so already."""
    param = said.get("param") or ""
    return said if param not in names or names_field(said) else {**said, "param": names[param]}


def names_field(said: Said) -> bool:
    """Whether the message begins with the field of the body that is to blame."""
    return bool(said["message"].startswith(f"{said.get('param')}:"))


def sse(data: str | bytes, name: str = "") -> bytes:
    """One server-sent event. Every line of the data becomes a line of its own, as the standard has it."""
    if isinstance(data, bytes):
        lines = [data]
    else:
        lines = data.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").split(b"\n")
    head = b"event: " + name.encode() + b"\n" if name else b""
    return head + b"".join(b"data: " + line + b"\n" for line in lines) + b"\n"

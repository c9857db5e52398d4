"""Who asks, and through which surface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llm_hub.access.session import Session


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who asks for an answer. The gateway makes one for each request, and the policy decides who pays.

    `surface` is where they ask: a path of the API such as `/v1/chat`, or `chat` or `compare` on the page. `session` has
    the providers that they may use, with the keys that they may use. `name` is that of an API key, or `local` for
    programs on this computer; it is "" on the page, where `address` tells visitors apart: None is this computer.
    """

    surface: str
    session: Session
    name: str = ""
    address: str | None = None

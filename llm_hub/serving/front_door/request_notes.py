"""What several rules need to know of a request. It is worked out once, and noted in the request's ASGI scope."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_hub.access.client_address import address

if TYPE_CHECKING:
    from starlette.types import Scope

_ADDRESS = "llm_hub.client_address"
_HEADERS = "llm_hub.first_headers"
_SESSION = "llm_hub.session"


def note_request(scope: Scope, *, on_space: bool) -> None:
    """Has to come before all that follows."""
    scope[_ADDRESS] = address(scope, on_space=on_space)
    scope[_HEADERS] = dict(reversed(scope["headers"]))


def client_address(scope: Scope) -> str | None:
    """The address that limits count by; None: this computer's own, which has none."""
    noted: str | None = scope[_ADDRESS]
    return noted


def first_headers(scope: Scope) -> dict[bytes, bytes]:
    """The headers by name. Of those with one name the first counts: the application reads that one, too."""
    noted: dict[bytes, bytes] = scope[_HEADERS]
    return noted


def note_session(scope: Scope, session: str) -> None:
    scope[_SESSION] = session


def session(scope: Scope) -> str | None:
    """The tab that an event of the page comes from; None: it is no event."""
    noted: str | None = scope.get(_SESSION)
    return noted

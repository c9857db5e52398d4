"""Adds to each reply what a browser may do with it, and when to ask again if the server was too busy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    Headers = list[tuple[bytes, bytes]]

_SPACES = "https://huggingface.co"
_BUSY = (429, 503)
_RETRY_AFTER = (b"retry-after", b"5")


def content_security_policy(*, on_space: bool) -> str:
    """Gradio needs inline scripts and eval. Nothing is loaded from other sites or sent to them."""
    ours = f"'self' {_SPACES}" if on_space else "'self'"
    return "; ".join(
        (
            "default-src 'self'",
            "script-src 'self' 'unsafe-inline' 'unsafe-eval'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            f"connect-src {ours}",
            "form-action 'self'",
            "object-src 'none'",
            "base-uri 'self'",
            f"frame-ancestors {ours}",
        )
    )


def page_headers(*, on_space: bool) -> Headers:
    return [
        (b"content-security-policy", content_security_policy(on_space=on_space).encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"same-origin"),
        (b"x-dns-prefetch-control", b"off"),  # a link in an answer would tell its host's name server
        (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
    ]


def api_headers() -> Headers:
    """The two that matter to JSON: each header takes a microsecond to send."""
    return [(b"content-security-policy", b"default-src 'none'"), (b"x-content-type-options", b"nosniff")]


class ReplyHeaders:
    """Adds `headers` to every reply, and Retry-After to a 429 or 503 without one."""

    def __init__(self, app: ASGIApp, headers: Headers) -> None:
        self._app = app
        self._headers = headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        def send_with_headers(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                headers = message["headers"] = [*message.get("headers", ()), *self._headers]
                if message["status"] in _BUSY and not scope["path"].startswith("/v1/"):  # whose endpoints know better
                    _add_retry_after(headers)
            return send(message)

        await self._app(scope, receive, send_with_headers)


def _add_retry_after(headers: Headers) -> None:
    if not any(name.lower() == b"retry-after" for name, _ in headers):
        headers.append(_RETRY_AFTER)

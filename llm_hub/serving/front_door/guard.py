"""Stands before the page, as plain ASGI: closes what Gradio leaves open, says what a browser may load, or "busy"."""

from __future__ import annotations

import asyncio
import logging
import re
import time
import traceback
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import httpx
import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from llm_hub.access.client_address import address
from llm_hub.access.rate_limits import OpenCounter, OpenTabs, RateLimiter
from llm_hub.api.paths import PATHS
from llm_hub.serving.front_door.body_limit import (
    MAX_BODY_BYTES,
    MAX_FILES,
    MAX_UPLOAD_BYTES,
    BodyRefusal,
    BoundedBody,
    too_much,
)
from llm_hub.serving.front_door.guarded_reply import GuardedReply

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from llm_hub.serving.front_door.guarded_reply import RefuseEarly

log = logging.getLogger(__name__)

OPEN = re.compile(
    r"/gradio_api/(?:queue/(?:join|data)|run/[\w-]+|cancel|reset|heartbeat/[\w-]+|upload|startup-events"
    r"|info|app_id|theme\.css|file=(?!\w{2,}:).+)"
)
"""All that this page uses of Gradio's own API. The rest would hand out other visitors' values, fetch addresses, run
functions of components, or describe the server."""
CLOSED = re.compile(r"/(?:gradio_api|monitoring|svelte|openapi\.json|docs|redoc|profiling)(?:/|$)")
PAGES = ("/", "/config", "/config/")
UPLOAD = "/gradio_api/upload"
HEARTBEAT = "/gradio_api/heartbeat/"
NAMING = (b"host", b"x-forwarded-host", b"x-gradio-server")
"""The headers that Gradio takes for the page's own address."""
MAX_HOST_CHARS = 300
"""Characters of a host or an origin that are read: no real one has as many, and some are remembered."""
MAX_TURN_SECONDS = 1.0
"""Seconds after which an event that is slow, since it waits for a provider, holds up no other."""

_SPACES = "https://huggingface.co"
_SESSION = re.compile(r"[\w-]{1,64}", re.ASCII)
_HOST = re.compile(r"(?:(?:[\w-]+\.)*[\w-]+\.?|\[[\da-f:.]+\])(?::\d{1,5})?", re.ASCII | re.IGNORECASE)
_HERE = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1")


def policy(*, on_space: bool) -> str:
    """The Content-Security-Policy. Gradio needs inline scripts and eval; nothing is loaded from or sent elsewhere."""
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


class Guard:
    """Wraps the whole application.

    `names` are the host names that it answers to, beside this computer's own; without any it is whichever it is called
    by, or with `only_here` none. `turn_away` refuses what is for the API. `problem` says what is wrong with an event of
    the page, once there is a page.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        on_space: bool,
        names: Collection[str] = (),
        only_here: bool = False,
        turn_away: RefuseEarly | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._turn_away = turn_away
        self._on_space = on_space
        self._names = frozenset(name.lower() for name in names)
        self._any_name = not names and not only_here
        self._is_ours = lru_cache(100)(self._goes_by)
        self._headers = [
            (b"content-security-policy", policy(on_space=on_space).encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"same-origin"),
            (b"x-dns-prefetch-control", b"off"),  # an answer's link would tell its host's name server
            (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
        ]
        # The API gets the two that matter to it: each header costs a microsecond as it is sent.
        self._api_headers = [
            (b"content-security-policy", b"default-src 'none'"),
            (b"x-content-type-options", b"nosniff"),
        ]
        self.problem: Callable[[Mapping[str, Any]], str] = lambda _: ""
        self.tabs = OpenTabs(clock)
        self._calls = RateLimiter(burst=300, rate=20, clock=clock)
        self._newcomers = RateLimiter(burst=100, rate=0.5, clock=clock)
        self._requests = RateLimiter(burst=1000, rate=100, clock=clock)
        self._keys = RateLimiter(burst=100, rate=0.5, clock=clock)  # who tries more keys than that has stolen them
        self._bytes = RateLimiter(burst=200 * 2**20, rate=2**16, clock=clock)  # uploads are kept for a day
        self._all_bytes = RateLimiter(burst=2 * 2**30, rate=2**15, clock=clock)
        self._open = OpenCounter(most=4000, most_of_one=400)
        self._pages = OpenCounter(most=128, most_of_one=64)
        # Pages and events are made of processor time and memory, which threads do not share: all at once gain nothing.
        self._turns, self._event_turns = asyncio.Semaphore(4), asyncio.Semaphore(8)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close"})  # the page opens none
            return
        path = scope["path"]
        to_api = path.startswith(PATHS)
        reply = GuardedReply(scope, send, self._api_headers if to_api else self._headers, self._turn_away)
        who = address(scope, on_space=self._on_space)
        if not self._open.enter(who):
            await reply.refuse(_busy())
            return
        try:
            if to_api and who is not None:
                self._spend(self._requests, who)
            headers = dict(reversed(scope["headers"]))  # the first of a name, which is what the application reads
            self._admit(scope, path, headers)
            if not to_api:
                receive = reply.body = await self._prepare(scope, receive, headers, who, reply)
            elif _length(headers, MAX_BODY_BYTES) is None:
                receive = reply.body = BoundedBody(receive, MAX_BODY_BYTES)
            await self._app(scope, receive, reply.send)
            if reply.body and reply.body.refusal:
                await reply.refuse(reply.body.refusal)
        except BodyRefusal as refusal:
            await reply.refuse(refusal)
        except HTTPException as error:
            await reply.refuse(BodyRefusal(error.status_code, "Not found."))
        except ClientDisconnect:
            pass  # who left before the body was whole is not there to be answered
        except Exception as error:  # noqa: BLE001  # its words may be what somebody typed: only the places are logged
            because = reply.body.refusal if reply.body else None
            if because is None:
                places = "".join(traceback.format_tb(error.__traceback__))
                log.error("%s %s failed: %s\n%s", scope["method"], path[:200], type(error).__name__, places)  # noqa: TRY400
                because = BodyRefusal(500, "Something went wrong inside LLM Hub.")
            await reply.refuse(because)
        finally:
            self._open.leave(who)
            if not to_api:
                self._leave(path, who, reply)

    def _admit(self, scope: Scope, path: str, headers: dict[bytes, bytes]) -> None:
        """Raises for another name, and for what another site's page may not ask."""
        host = headers.get(b"host", b"")[:MAX_HOST_CHARS]
        if not (self._any_name or self._is_ours(host)):
            raise BodyRefusal(421, "LLM Hub does not go by this name. Its owner can add it: LLM_HUB_ALLOWED_HOSTS.")
        origin = headers.get(b"origin")
        if origin is None or (path.startswith("/v1/") and scope["method"] != "OPTIONS"):
            return  # the API has a rule of its own
        if headers.get(b"sec-fetch-site") != b"same-origin":  # the browser's own word, which no page can set
            ours = {host.decode("latin-1").lower(), headers.get(b"x-forwarded-host", b"").decode("latin-1").lower()}
            said = origin[:MAX_HOST_CHARS].decode("latin-1").lower().partition("://")[2]
            if not said or (said not in ours and _name(said) not in self._names):
                raise BodyRefusal(403, "Pages of other sites may not use LLM Hub.")

    def _goes_by(self, host: bytes) -> bool:
        name = _name(host.decode("latin-1").lower())
        return name in self._names or _HERE.fullmatch(name) is not None

    async def _prepare(
        self, scope: Scope, receive: Receive, headers: dict[bytes, bytes], who: str | None, reply: GuardedReply
    ) -> BoundedBody:
        """What the page's requests need besides; returns the body within its limits. Raises for what nobody may ask."""
        path, query = scope["path"], scope["query_string"]
        for name in NAMING:
            if not _is_host(headers.get(name, b"").partition(b",")[0].strip()):
                raise BodyRefusal(400, f"{name.decode()} is not the name of a host.")
        if path in PAGES:
            if not self._pages.enter(who):
                raise _busy()
            reply.is_page = True
        elif path.startswith("/visitor/") and who is not None:
            self._spend(self._keys, who)
        if CLOSED.match(path) and not OPEN.fullmatch(path):
            raise BodyRefusal(404, "Not found.")
        if path == "/" and query and "deep_link" in parse_qs(query.decode("latin-1")):
            raise BodyRefusal(404, "Not found.")
        if path == UPLOAD:
            size = _length(headers, MAX_UPLOAD_BYTES)
            size = MAX_UPLOAD_BYTES if size is None else max(size, 1000)
            if who is not None:
                self._spend(self._bytes, who, size)
            self._spend(self._all_bytes, "", size)
            return BoundedBody(receive, MAX_UPLOAD_BYTES, MAX_FILES)
        _length(headers, MAX_BODY_BYTES)
        body = BoundedBody(receive, MAX_BODY_BYTES)
        if reply.is_page:
            await reply.take_turn(self._turns)
        elif path.startswith(HEARTBEAT):
            tab = path.removeprefix(HEARTBEAT)
            self._seat(tab, who)
            self.tabs.open.add(tab)
        elif path == "/gradio_api/queue/join" or path.startswith("/gradio_api/run/"):
            await self._check(body, who)
            await reply.take_turn(self._event_turns)
            asyncio.get_running_loop().call_later(MAX_TURN_SECONDS, reply.end_turn)
        return body

    def _leave(self, path: str, who: str | None, reply: GuardedReply) -> None:
        """Gives back what `_prepare` took."""
        reply.end_turn()
        if reply.is_page:
            self._pages.leave(who)
        elif path.startswith(HEARTBEAT):
            self.tabs.close(path.removeprefix(HEARTBEAT))

    async def _check(self, body: BoundedBody, who: str | None) -> None:
        """An event is read, to know the tab it belongs to."""
        if who is not None:
            self._spend(self._calls, who)
        event = _event(await body.whole())
        if problem := self.problem(event):
            raise BodyRefusal(400, problem)
        self._seat(event["session_hash"], who)

    def _seat(self, session: str, who: str | None) -> None:
        if session not in self.tabs and who is not None:
            self._spend(self._newcomers, who)
        if not self.tabs.use(session):
            raise BodyRefusal(503, "LLM Hub is full: too many people are here at the moment. Try again later.", 60)

    @staticmethod
    def _spend(allowance: RateLimiter, who: str, cost: float = 1.0) -> None:
        if wait := allowance.take(who, cost):
            raise BodyRefusal(429, "That is too much in a short time. Wait a little, and try again.", wait)


def _busy() -> BodyRefusal:
    return BodyRefusal(503, "LLM Hub is busy: too many people are here at the moment. Try again soon.", 5)


def _length(headers: dict[bytes, bytes], most: int) -> int | None:
    """The bytes that a body has, as it is told: the server takes no more of it. None: it is not told."""
    length = headers.get(b"content-length")
    if length is None:
        return None
    if not length.isdigit() or len(length) > 20 or int(length) > most:
        raise too_much()
    return None if b"transfer-encoding" in headers else int(length)


@lru_cache(100)
def _name(host: str) -> str:
    """A host's name without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_host(said: bytes) -> bool:
    """Whether Gradio can make an address of it; of nothing, it takes another."""
    host = said.decode("latin-1")
    if not said or len(host) > MAX_HOST_CHARS or not _HOST.fullmatch(host):
        return not said
    try:
        httpx.URL(f"http://{host}")
    except httpx.InvalidURL:
        return False
    return True


def _event(body: bytes) -> dict[str, Any]:
    """What calls an event of the page, from a tab that says which one it is."""
    try:
        event: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BodyRefusal(400, "The body is not JSON.") from None
    if isinstance(event, dict):
        session = event.get("session_hash")
        if isinstance(session, str) and _SESSION.fullmatch(session):
            return event
    raise BodyRefusal(400, "session_hash is missing.")

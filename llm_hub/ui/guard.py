"""Stands before the page, as plain ASGI: closes what Gradio leaves open, says what a browser may load, or "busy"."""

from __future__ import annotations

import asyncio
import logging
import math
import re
import traceback
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from llm_hub.ui.body import LARGEST_UPLOAD, MOST_FILES, Body, Refusal, too_much
from llm_hub.ui.limits import Allowance, Open, Tabs, address

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    TurnAway = Callable[[Scope, int, str], tuple[bytes, str]]
    """Refuses a request of the API with a status and a sentence: the JSON to send, and the request's id."""

log = logging.getLogger(__name__)

OPEN = re.compile(
    r"/gradio_api/(?:queue/(?:join|data)|run/[\w-]+|cancel|reset|heartbeat/[\w-]+|upload|startup-events"
    r"|info|app_id|theme\.css|file=(?!\w{2,}:).+)"
)
"""All that this page uses of Gradio's own API. The rest would hand out other visitors' values, fetch addresses, run
functions of components, or describe the server."""
CLOSED = re.compile(r"/(?:gradio_api|monitoring|svelte|openapi\.json|docs|redoc|profiling)(?:/|$)")
PAGES = ("/", "/config", "/config/")
API = ("/v1", "/metrics")
"""How the paths begin of which every reply is a line of the log."""
LONGEST_NAME = 300
"""Characters of a host or an origin that are read: no real one has as many, and some are remembered."""
LONGEST_TURN = 1.0
"""Seconds after which an event that is slow, since it waits for a provider, holds up no other."""

_SPACES = "https://huggingface.co"
_SESSION = re.compile(r"[\w-]{1,64}", re.ASCII)
_HERE = re.compile(r"localhost|127(?:\.\d{1,3}){3}|::1")
_BUSY_PAGE = b"""<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width"><title>LLM Hub is busy</title><style>
body{display:grid;place-content:center;height:100vh;margin:0;font:16px system-ui,sans-serif;text-align:center;
color:#334155;background:#fff}@media(prefers-color-scheme:dark){body{color:#cbd5e1;background:#0b0f19}}
</style></head><body><p role="status">Many people are here at the moment. This page tries again by itself.</p>
</body></html>"""


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
        turn_away: TurnAway | None = None,
    ) -> None:
        self._app = app
        self._turn_away = turn_away
        self._on_space = on_space
        self._names = frozenset(name.lower() for name in names)
        self._any_name = not names and not only_here
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
        self.tabs = Tabs()
        self._calls = Allowance(burst=300, rate=20)
        self._newcomers = Allowance(burst=100, rate=0.5)
        self._requests = Allowance(burst=1000, rate=100)
        self._keys = Allowance(burst=100, rate=0.5)  # who tries more keys than that has stolen them
        self._bytes = Allowance(burst=200 * 2**20, rate=2**16)  # uploads are kept for a day
        self._all_bytes = Allowance(burst=2 * 2**30, rate=2**15)
        self._open = Open(most=4000, most_of_one=400)
        self._pages = Open(most=128, most_of_one=64)
        # Pages and events are made of processor time and memory, which threads do not share: all at once gain nothing.
        self._turns, self._event_turns = asyncio.Semaphore(4), asyncio.Semaphore(8)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            else:
                await send({"type": "websocket.close"})  # the page opens none
            return
        path = scope["path"]
        body = Body(receive)
        headers = self._api_headers if path.startswith(API) else self._headers
        answer = _Answer(scope, send, headers, body, self._turn_away)
        who = address(scope, on_space=self._on_space)
        entered: list[Open] = []
        try:
            self._enter(path, who, entered)
            said = dict(scope["headers"])
            self._admit(scope, path, said)
            self._measure(path, said, who, body)
            if path in PAGES:
                await answer.take_turn(self._turns)
            elif _calls(path):
                await self._check(body, who)
                await answer.take_turn(self._event_turns)
                asyncio.get_running_loop().call_later(LONGEST_TURN, answer.end_turn)
            await self._app(scope, body, answer)
            if body.refusal is not None:
                await answer.refuse(body.refusal, path)
        except Refusal as refusal:
            await answer.refuse(refusal, path)
        except HTTPException as error:
            await answer.refuse(Refusal(error.status_code, "Not found."), path)
        except ClientDisconnect:
            pass  # who left before the body was whole is not there to be answered
        except Exception as error:  # noqa: BLE001  # its words may be what somebody typed: only the places are logged
            if body.refusal is not None:
                await answer.refuse(body.refusal, path)
                return
            places = "".join(traceback.format_tb(error.__traceback__))
            log.error("%s %s failed: %s\n%s", scope["method"], path[:200], type(error).__name__, places)  # noqa: TRY400
            await answer.refuse(Refusal(500, "Something went wrong inside LLM Hub."), path)
        finally:
            answer.end_turn()
            for counted in entered:
                counted.leave(who)
            if path.startswith("/gradio_api/heartbeat/"):
                self.tabs.close(path.rpartition("/")[2])

    def _enter(self, path: str, who: str | None, entered: list[Open]) -> None:
        for counted in (self._open, self._pages) if path in PAGES else (self._open,):
            if not counted.enter(who):
                raise Refusal(503, "LLM Hub is busy: too many people are here at the moment. Try again soon.", 5)
            entered.append(counted)
        if who is not None and path.startswith((*API, "/visitor/")):
            self._spend(self._requests if path.startswith(API) else self._keys, who)

    def _admit(self, scope: Scope, path: str, headers: dict[bytes, bytes]) -> None:
        """Raises for what nobody may ask, and for what another site's page may not."""
        host = headers.get(b"host", b"")[:LONGEST_NAME].decode("latin-1").lower()
        if not (self._any_name or (name := _name(host)) in self._names or _HERE.fullmatch(name)):
            raise Refusal(421, "LLM Hub does not go by this name. Its owner can add it: LLM_HUB_ALLOWED_HOSTS.")
        if CLOSED.match(path) and not OPEN.fullmatch(path):
            raise Refusal(404, "Not found.")
        if path == "/" and scope["query_string"] and "deep_link" in parse_qs(scope["query_string"].decode("latin-1")):
            raise Refusal(404, "Not found.")
        origin = headers.get(b"origin")
        if origin is None or (path.startswith("/v1/") and scope["method"] != "OPTIONS"):
            return  # the API has a rule of its own
        if headers.get(b"sec-fetch-site") != b"same-origin":  # the browser's own word, which no page can set
            ours = {host, headers.get(b"x-forwarded-host", b"").decode("latin-1").lower()}
            said = origin[:LONGEST_NAME].decode("latin-1").lower().partition("://")[2]
            if not said or (said not in ours and _name(said) not in self._names):
                raise Refusal(403, "Pages of other sites may not use LLM Hub.")

    def _measure(self, path: str, headers: dict[bytes, bytes], who: str | None, body: Body) -> None:
        """Sets the body's limits."""
        uploading = path == "/gradio_api/upload"
        if uploading:
            body.left, body.files = LARGEST_UPLOAD, MOST_FILES
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > body.left:
            raise too_much()
        if uploading:
            size = max(int(length), 1000) if b"content-length" in headers else LARGEST_UPLOAD
            if who is not None:
                self._spend(self._bytes, who, size)
            self._spend(self._all_bytes, "", size)
        elif path.startswith("/gradio_api/heartbeat/"):
            self._seat(path.rpartition("/")[2], who)
            self.tabs.open.add(path.rpartition("/")[2])

    async def _check(self, body: Body, who: str | None) -> None:
        """An event is read, to know the tab it belongs to."""
        if who is not None:
            self._spend(self._calls, who)
        event = _event(await body.whole())
        if problem := self.problem(event):
            raise Refusal(400, problem)
        self._seat(event["session_hash"], who)

    def _seat(self, session: str, who: str | None) -> None:
        if session not in self.tabs and who is not None:
            self._spend(self._newcomers, who)
        if not self.tabs.use(session):
            raise Refusal(503, "LLM Hub is full: too many people are here at the moment. Try again later.", 60)

    @staticmethod
    def _spend(allowance: Allowance, who: str, cost: float = 1.0) -> None:
        if wait := allowance.take(who, cost):
            raise Refusal(429, "That is too much in a short time. Wait a little, and try again.", wait)


def _calls(path: str) -> bool:
    """Whether this calls an event of the page."""
    return path == "/gradio_api/queue/join" or path.startswith("/gradio_api/run/")


@lru_cache(100)
def _name(host: str) -> str:
    """A host's name without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _event(body: bytes) -> dict[str, Any]:
    """What calls an event of the page, from a tab that says which one it is."""
    try:
        event: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refusal(400, "The body is not JSON.") from None
    session = event.get("session_hash") if isinstance(event, dict) else None
    if not isinstance(session, str) or not _SESSION.fullmatch(session):
        raise Refusal(400, "session_hash is missing.")
    return event  # type: ignore[no-any-return]  # a dict, since it has a session


class _Answer:
    """Sends what the application answers, with the guard's headers; or a refusal, if nothing was sent yet."""

    def __init__(
        self,
        scope: Scope,
        send: Send,
        headers: list[tuple[bytes, bytes]],
        body: Body,
        turn_away: TurnAway | None,
    ) -> None:
        self._scope = scope
        self._turn_away = turn_away
        self._send = send
        self._headers = headers
        self._body = body
        self._started = False
        self._turn: asyncio.Semaphore | None = None

    async def take_turn(self, turns: asyncio.Semaphore) -> None:
        """Others wait for it until the answer begins; not longer, since who reads it may be slow."""
        await turns.acquire()
        self._turn = turns

    def end_turn(self) -> None:
        if self._turn is not None:
            self._turn.release()
            self._turn = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if self._body.refusal is not None and message["status"] != self._body.refusal.status:
                return  # whatever the application made of half a body
            self._started = True
            self.end_turn()
            sent = list(message.get("headers", ()))
            busy = message["status"] in (429, 503) and not self._scope["path"].startswith("/v1/")  # which says when
            if busy and not any(name.lower() == b"retry-after" for name, _ in sent):
                sent.append((b"retry-after", b"5"))
            message = {**message, "headers": [*sent, *self._headers]}
        if self._started:
            await self._send(message)

    async def refuse(self, refusal: Refusal, path: str) -> None:
        if self._started:
            return
        self._started = True
        status, request_id = refusal.status, ""
        if path == "/" and status in (429, 503):
            kind, text = b"text/html; charset=utf-8", _BUSY_PAGE
        elif path.startswith("/v1/") and self._turn_away is not None:
            kind, (text, request_id) = b"application/json", self._turn_away(self._scope, status, refusal.text)
        elif path.startswith("/gradio_api/"):
            kind, text = b"application/json", orjson.dumps({"detail": refusal.text})  # what the page shows
        else:
            kind, text = b"text/plain; charset=utf-8", refusal.text.encode()
        headers = [(b"content-type", kind), (b"content-length", str(len(text)).encode()), *self._headers]
        if request_id:
            headers.append((b"x-request-id", request_id.encode()))
        if refusal.wait:
            headers.append((b"retry-after", str(math.ceil(refusal.wait)).encode()))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": text})

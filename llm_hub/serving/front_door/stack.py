"""The front door: which rules a request passes, and in which order. Each rule is explained in its own file."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware

from llm_hub.access.rate_limits import RateLimiter
from llm_hub.serving.front_door.address_headers import AddressHeaders
from llm_hub.serving.front_door.body_limit import BodyLimit
from llm_hub.serving.front_door.caching import Caching
from llm_hub.serving.front_door.closed_paths import ClosedPaths
from llm_hub.serving.front_door.error_replies import ErrorReplies
from llm_hub.serving.front_door.host import Host
from llm_hub.serving.front_door.lost_connections import LostConnections
from llm_hub.serving.front_door.open_requests import OpenCounter, OpenRequests
from llm_hub.serving.front_door.origin import Origin
from llm_hub.serving.front_door.page_events import PageEvents
from llm_hub.serving.front_door.path_groups import API, CONVERSATIONS, EVENTS, PAGES, VISITOR
from llm_hub.serving.front_door.repeated_events import RepeatedEvents
from llm_hub.serving.front_door.reply_headers import ReplyHeaders, api_headers, page_headers
from llm_hub.serving.front_door.request_notes import note_request
from llm_hub.serving.front_door.request_rate import RequestRate
from llm_hub.serving.front_door.tabs import OpenTabs, Tabs
from llm_hub.serving.front_door.turns import Turns
from llm_hub.serving.front_door.upload_rate import UploadRate

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from starlette.types import ASGIApp, Receive, Scope, Send

    from llm_hub.serving.front_door.error_replies import RefuseEarly

MAX_OPEN, MAX_OPEN_OF_ONE = 4000, 400
"""Requests that are answered at the same time: in all, and of one address. """

MAX_PAGES, MAX_PAGES_OF_ONE = 128, 64
"""As above, for the page itself, which costs the most memory while it is written."""


class FrontDoor:
    """The whole application with its rules before it.

    `names` are the host names that it answers to, beside this computer's own. Without any it answers to every name,
    or, with `only_here`, to this computer's own alone. `refuse_early` writes the refusal of a request for the API.
    At most `max_open` requests are answered at the same time, and never more than `MAX_OPEN`.

    The page is built later. It sets `event_problem`, which says what is wrong with an event ("" if nothing is), and
    `has_events`, which says whether a session has any that are not over, and reads `tabs`.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        on_space: bool,
        names: Collection[str] = (),
        only_here: bool = False,
        max_open: int = MAX_OPEN,
        refuse_early: RefuseEarly | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._on_space = on_space
        self.tabs = OpenTabs(clock)
        self.event_problem: Callable[[Mapping[str, Any]], str] = lambda _: ""
        self.has_events: Callable[[str], bool] = lambda _: False

        names = frozenset(name.lower() for name in names)
        any_name = not names and not only_here
        open_requests = OpenCounter(most=min(max_open, MAX_OPEN), most_of_one=MAX_OPEN_OF_ONE)
        open_pages = OpenCounter(most=MAX_PAGES, most_of_one=MAX_PAGES_OF_ONE)
        # For each address: so many at once, then `rate` a second.
        api_rate = RateLimiter(burst=1000, rate=100, clock=clock)
        event_rate = RateLimiter(burst=300, rate=20, clock=clock)
        list_rate = RateLimiter(burst=600, rate=20, clock=clock)  # a page asks once a second during an answer
        key_rate = RateLimiter(burst=100, rate=0.5, clock=clock)  # who tries more keys than that has stolen them

        self._api = _stacked(
            Middleware(ReplyHeaders, api_headers()),  # every reply says what a browser may do with it
            Middleware(ErrorReplies, refuse_early),  # a refusal or a crash becomes a reply
            Middleware(OpenRequests, open_requests),  # 503: too many requests at the same time
            Middleware(RequestRate, {API: api_rate}),  # 429: one address asks too often; before what is logged
            Middleware(Host, names, any_name=any_name),  # 421: it is called by a name that is not its own
            Middleware(Origin, names),  # 403: another site's page asks
            Middleware(BodyLimit),  # 413: the body is too large
            app=app,
        )
        self._page = _stacked(
            Middleware(ReplyHeaders, page_headers(on_space=on_space)),
            Middleware(ErrorReplies, refuse_early),
            Middleware(OpenRequests, open_requests),
            Middleware(Host, names, any_name=any_name),
            Middleware(Origin, names),
            Middleware(AddressHeaders),  # 400: a header from which Gradio cannot make the page's address
            Middleware(ClosedPaths),  # 404: what Gradio offers and this page does not use
            Middleware(RequestRate, {EVENTS: event_rate, CONVERSATIONS: list_rate, VISITOR: key_rate}),
            Middleware(BodyLimit),
            Middleware(UploadRate, clock),  # 429: too many bytes of images
            Middleware(OpenRequests, open_pages, only=PAGES),
            Middleware(PageEvents, self._problem, self._has_events),  # 400: an event that the page never sends
            Middleware(RepeatedEvents),  # 409: an event that the browser sends a second time by itself
            Middleware(Tabs, self.tabs, clock),  # 503: too many tabs; 429: too many new ones of one address
            Middleware(LostConnections),  # a tab that is back says so: what it has lost ends first
            Middleware(Turns),  # some pages and events at a time, the others wait
            Middleware(Caching),  # scripts and styles are kept for good
            Middleware(GZipMiddleware, minimum_size=1000, compresslevel=9),  # the page; Gradio compresses only files
            app=app,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        else:
            note_request(scope, on_space=self._on_space)
            stack = self._api if scope["path"].startswith(API) else self._page
            await stack(scope, receive, send)

    def _problem(self, event: Mapping[str, Any]) -> str:
        return self.event_problem(event)

    def _has_events(self, session: str) -> bool:
        return self.has_events(session)


def _stacked(*middlewares: Middleware, app: ASGIApp) -> ASGIApp:
    """The application behind these middlewares; a request passes the first one first."""
    for middleware in reversed(middlewares):
        app = middleware.cls(app, *middleware.args, **middleware.kwargs)
    return app

"""A Hugging Face Hub with one file, on a real socket."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import huggingface_hub


@dataclass
class HuggingFace:
    """What the server has, and how it fails. `ranges` are the ranges that were asked for, in order."""

    content: bytes
    etag: str = ""
    claims: int = 0
    """The size that it announces, where that is not the file's."""
    status: int = 200
    cut_at: int | None = None
    """The first reply breaks off after so many bytes."""
    hold_at: int | None = None
    """The first reply stops there until `go`."""
    go: threading.Event = field(default_factory=threading.Event)
    held: threading.Event = field(default_factory=threading.Event)
    """Set once it has stopped there."""
    revisions: set[str] = field(default_factory=set)
    """The revisions that the file was asked for in."""
    ranges: list[str | None] = field(default_factory=list)
    url: str = ""
    sends_on_to: HuggingFace | None = None
    """The server that has the file itself, as it is with large ones."""
    moved: bool = False
    """The repository has a new name, to which the old one leads."""

    def reply(self, request: BaseHTTPRequestHandler, *, body: bool) -> None:
        if self.status != 200:
            request.send_response(self.status)
            request.send_header("X-Error-Code", "RepoNotFound" if self.status == 404 else "")
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        if self.sends_on_to is not None:
            self._send_on(request, self.sends_on_to)
            return
        requested = request.headers["Range"] if body else None
        start = int(requested.removeprefix("bytes=").removesuffix("-")) if requested else 0
        request.send_response(206 if requested else 200)
        request.send_header("ETag", f'"{self.etag or hashlib.sha256(self.content).hexdigest()}"')
        request.send_header("X-Repo-Commit", "0" * 40)
        request.send_header(
            "Content-Length", str(len(self.content) - start if body else self.claims or len(self.content))
        )
        request.end_headers()
        if not body:
            return
        if "/resolve/" in request.path:  # its library asks for more, at another time
            self.ranges.append(requested)
            self.revisions.add(request.path.split("/resolve/")[1].split("/")[0])
        pause = (self.hold_at or self.cut_at) if len(self.ranges) == 1 else None
        with suppress(ConnectionError):
            request.wfile.write(self.content[start:pause])
            if pause is not None:
                request.wfile.flush()
                if self.cut_at:
                    request.close_connection = True
                    return
                self.held.set()
                assert self.go.wait(100)
                request.wfile.write(self.content[pause:])

    def _send_on(self, request: BaseHTTPRequestHandler, files: HuggingFace) -> None:
        request.send_response(307)
        request.send_header("Content-Length", "0")
        if self.moved and "/new/" not in request.path:
            request.send_header("Location", request.path.replace("/org/", "/new/"))
        else:
            request.send_header("Location", f"{files.url}{request.path}?signed=1")
            request.send_header("X-Linked-Size", str(len(files.content)))
            request.send_header("X-Linked-ETag", f'"{files.etag or hashlib.sha256(files.content).hexdigest()}"')
        request.end_headers()


@contextmanager
def serving(hub: HuggingFace) -> Iterator[HuggingFace]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            hub.reply(self, body=False)

        def do_GET(self) -> None:
            hub.reply(self, body=True)

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        hub.go.set()
        huggingface_hub.close_session()
        server.shutdown()
        thread.join()
        server.server_close()

"""An OpenAI-compatible server whose model answers with the prompt's own words: for what a model might say."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.lists.wait(30)  # type: ignore[attr-defined]
        self._begin("application/json")
        self.wfile.write(b'{"data": [{"id": "parrot"}]}')

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.seen.append(body)  # type: ignore[attr-defined]
        content = body["messages"][-1]["content"]
        said = content if isinstance(content, str) else json.dumps([part["type"] for part in content])
        self._begin("text/event-stream")
        for at in range(0, len(said), 4000):
            self._chunk({"content": said[at : at + 4000]}, None)
        self._chunk({}, "stop")
        self.wfile.write(b"data: [DONE]\n\n")

    def _begin(self, content_type: str) -> None:
        self.send_response(200)
        self.send_header("content-type", content_type)
        self.send_header("connection", "close")
        self.end_headers()

    def _chunk(self, delta: dict[str, str], finish: str | None) -> None:
        chunk = {"model": "parrot", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())

    def log_message(self, *_: object) -> None:
        pass


class Parrot:
    """The server in a thread. `seen` holds the request bodies. Its list of models waits while `lists` is cleared."""

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self.seen: list[dict] = []  # type: ignore[type-arg]
        self._server.seen = self.seen  # type: ignore[attr-defined]
        self.lists = threading.Event()
        self.lists.set()
        self._server.lists = self.lists  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

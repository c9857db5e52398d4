"""An OpenAI-compatible server in a thread. A subclass decides what it answers."""

from __future__ import annotations

import json
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class Compatible:
    """The server. `models` gives the names in its list; `answer` answers a request, whose last message is `prompt`."""

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Exchange, self))
        self._server.daemon_threads = True
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

    def models(self) -> list[str]:
        raise NotImplementedError

    def answer(self, exchange: Exchange, body: dict[str, Any], prompt: str) -> None:
        raise NotImplementedError


class Exchange(BaseHTTPRequestHandler):
    """One request, and the ways to answer it."""

    def __init__(self, server: Compatible, *rest: Any) -> None:
        self._answers = server
        super().__init__(*rest)

    def do_GET(self) -> None:
        self.reply(200, {"data": [{"id": name} for name in self._answers.models()]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        content = body["messages"][-1]["content"]
        prompt = content if isinstance(content, str) else json.dumps([part["type"] for part in content])
        self._answers.answer(self, body, prompt)

    def reply(self, status: int, body: Any) -> None:
        self._begin(status, "application/json")
        self.wfile.write(json.dumps(body).encode())

    def stream(self, text: str = "", *, model: str, reasoning: str = "", error: Any = None) -> None:
        """Streams an answer, which ends in an error if there is one."""
        self.begin_stream()
        if reasoning:
            self._chunk({"choices": [{"index": 0, "delta": {"reasoning_content": reasoning}}]}, model)
        for at in range(0, len(text), 3000):
            self.send_text(text[at : at + 3000], model=model)
        if error:
            self._chunk({"error": error}, model)
            return
        self.end_stream(model=model)

    def begin_stream(self) -> None:
        self._begin(200, "text/event-stream")

    def send_text(self, text: str, *, model: str) -> None:
        self._chunk({"choices": [{"index": 0, "delta": {"content": text}}]}, model)

    def end_stream(self, *, model: str, usage: Any = None) -> None:
        self._chunk({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, model)
        if usage:
            self._chunk({"choices": [], "usage": usage}, model)
        self.wfile.write(b"data: [DONE]\n\n")

    def _begin(self, status: int, content_type: str) -> None:
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("connection", "close")
        self.end_headers()

    def _chunk(self, chunk: dict[str, Any], model: str) -> None:
        self.wfile.write(f"data: {json.dumps({'model': model} | chunk)}\n\n".encode())

    def log_message(self, *_: object) -> None:
        pass

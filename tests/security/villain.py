"""An OpenAI-compatible server whose every word is hostile: its models' names, its answers, its errors.

What it says is the prompt's own text; the model's name says where: `says`, `thinks`, `fails`, `breaks`, `is-called`.
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

NAME = (
    '<img src=x onerror="window.pwned=1"><b>&lt;$$\\href{javascript:window.pwned=1}{x}$$ '
    "[a](javascript:pwned=1)"
)


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        names = ["says", "thinks", "fails", "breaks", "is-called", NAME, f"\u202e{NAME}"]
        self._reply(200, {"data": [{"id": name} for name in names]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        content = body["messages"][-1]["content"]
        said = content if isinstance(content, str) else content[-1]["text"]
        match body["model"]:
            case "fails":
                self._reply(400, {"error": {"message": said, "code": said[:200], "type": said[:200]}})
            case "thinks":
                self._stream({"reasoning_content": said}, {"content": "Done."})
            case "breaks":
                self._stream({"content": said}, error={"message": said})
            case "is-called":
                self._stream({"content": "Done."}, model=said)
            case _:
                self._stream(*({"content": said[at : at + 3000]} for at in range(0, len(said), 3000)))

    def _reply(self, status: int, body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, *deltas: dict[str, str], model: str = "villain", error: Any = None) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for delta in deltas:
            self._chunk({"model": model, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
        if error:
            self._chunk({"error": error})
            return
        self._chunk({"model": model, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        self.wfile.write(b"data: [DONE]\n\n")

    def _chunk(self, chunk: Any) -> None:
        self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())

    def log_message(self, *_: object) -> None:
        pass


class Villain:
    """The server in a thread."""

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
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

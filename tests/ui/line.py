"""A line between a browser and the hub that can be cut, and mended."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit


class Line:
    """Carries TCP connections to the host of `url`. `self.url` is its own address."""

    def __init__(self, url: str) -> None:
        self._target = ("127.0.0.1", urlsplit(url).port or 80)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self._is_cut = False
        self._deaf: set[socket.socket] = set()
        self._torn: set[socket.socket] = set()
        self._left: set[socket.socket] = set()
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """Ends every connection. New ones are ended at once."""
        self._is_cut = True
        ends, self._ends = self._ends, []
        for end in ends:
            _shut(end)

    def mend(self) -> None:
        self._is_cut = False

    def lose_replies(self) -> None:
        """Every connection that is open now ends with what the hub says on it next: that is lost. New ones are well."""
        self._deaf = set(self._ends)

    def tear_replies(self) -> None:
        """Every connection that is open now ends in the middle of the next reply on it. New ones are well."""
        self._torn = set(self._ends)

    def leave(self) -> None:
        """Ends every connection for the browser alone, as where that has gone to another network: the hub still writes
        to it. New ones are well."""
        ends, self._ends = self._ends, []
        self._left |= {end for end in ends if _peer(end) == self._target}
        for end in set(ends) - self._left:
            _shut(end)

    def end_left(self) -> None:
        """The hub is told of those connections at last."""
        for end in self._left:
            _shut(end)

    def _accept(self) -> None:
        with suppress(OSError):  # the server is shut down
            while True:
                near, _ = self._server.accept()
                threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near: socket.socket) -> None:
        with near, suppress(ConnectionRefusedError):  # where nothing listens, near ends, too
            if self._is_cut:
                return
            try:
                far = socket.create_connection(self._target)
            except OSError:  # nobody listens there now
                return
            with far:
                self._ends += (near, far)
                back = threading.Thread(target=self._carry, args=(far, near), daemon=True)
                back.start()
                self._carry(near, far)
                back.join()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if source in self._left:
                    continue
                if source in self._deaf and source.getpeername() == self._target:
                    break
                if source in self._torn and source.getpeername() == self._target:
                    target.sendall(data[: data.index(b"\r\n\r\n") + 5])
                    break
                target.sendall(data)
        for end in (source, target):
            if end not in self._left:
                _shut(end)


def _peer(end: socket.socket) -> object:
    with suppress(OSError):
        return end.getpeername()
    return None


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)

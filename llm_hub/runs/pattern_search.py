"""Searches for patterns in a process of its own, which is ended when one takes too long.

Python's `re` may go back and forth over a text for years, holds up every thread meanwhile, and cannot be stopped.
"""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
import threading
from typing import IO, cast

MAX_SECONDS = 2.0
"""Seconds that one search may take. A sound pattern reads the longest text in a few milliseconds."""
_WORKER = """
import json, re, sys
try:
    from signal import alarm
except ImportError:  # Windows
    alarm = lambda _: None
print("ready", flush=True)
for line in sys.stdin.buffer:
    pattern, text = json.loads(line)
    alarm(10)  # its end, should nobody be left to end it
    found = re.search(pattern, text, re.MULTILINE) is not None
    alarm(0)
    print(int(found), flush=True)
"""


class PatternSearch:
    """One process, which is begun when it is needed. It is called from any thread, but not from an event loop: a call
    waits."""

    def __init__(self, *, seconds: float = MAX_SECONDS) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._slow: set[str] = set()
        """Patterns that took too long once: they are not tried again."""

    def is_found(self, pattern: str, text: str) -> bool | None:
        """Whether the pattern occurs in the text; None: that took too long to tell."""
        with self._lock:
            if pattern in self._slow:
                return None
            found = self._search(self._process or self._begin(), json.dumps([pattern, text]).encode() + b"\n")
            if found is None:
                self._slow.add(pattern)
            return found

    def close(self) -> None:
        """Ends the process. The next search begins another."""
        if (process := self._process) is not None:
            self._process = None
            process.kill()
            process.communicate()

    def _begin(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-I", "-S", "-c", _WORKER]
        process = subprocess.Popen(  # noqa: S603  # this Python, with the lines above
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
        cast("IO[bytes]", process.stdout).readline()
        self._process = process
        return process

    def _search(self, process: subprocess.Popen[bytes], request: bytes) -> bool | None:
        stdin, stdout = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        is_late = threading.Event()

        def end() -> None:
            is_late.set()
            process.kill()

        timer = threading.Timer(self._seconds, end)
        timer.start()
        try:
            stdin.write(request)
            stdin.flush()
            answer = stdout.readline()
        except OSError:
            answer = b""
        finally:
            timer.cancel()
            timer.join()
        if not answer or is_late.is_set():
            self.close()
        return answer == b"1\n" if answer else None


PATTERNS = PatternSearch()
"""The process of this hub."""
atexit.register(PATTERNS.close)

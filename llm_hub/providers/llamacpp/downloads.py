"""The offered models on this machine's disk, and the downloads of those that are still to come.

A download runs in a thread of its own, and belongs to nobody: it goes on when the page that began it is closed, and
whoever asks for the same model finds it running. Stopping it keeps what has come.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llm_hub.errors import ConfigurationError, LLMHubError, NotConfigured
from llm_hub.providers.llamacpp import machine
from llm_hub.providers.llamacpp.download import (
    GIGABYTE,
    MEGABYTE,
    LoadAbandoned,
    check_disk,
    download,
    download_target,
    downloaded_part,
    downloaded_path,
    is_damaged,
)
from llm_hub.providers.llamacpp.offered_models import OFFERED_MODELS
from llm_hub.wire.network import DIRECT, Network

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from llm_hub.providers.llamacpp.offered_models import OfferedModel

log = logging.getLogger(__name__)

MAX_RETRY_AFTER = 60.0
"""Seconds after which a program is told to ask again at the latest: a download may also fail."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is. `size` and `received` are bytes; `seconds_left` is None until its speed is known."""

    received: int
    size: int
    seconds_left: float | None = None

    @property
    def percent(self) -> int:
        return 100 * self.received // self.size

    def __str__(self) -> str:
        left = "" if self.seconds_left is None else f", {_duration(self.seconds_left)} left"
        return f"{self.received // MEGABYTE} of {self.size // MEGABYTE} MB{left}"


class Downloads:
    """The offered models: which are here, which are on their way, and what is in the way of the others.

    `directory`, `endpoint`, `token` and `network` are those of `download`. Every method may be called from any thread.
    """

    def __init__(
        self,
        models: Sequence[OfferedModel] = OFFERED_MODELS,
        *,
        directory: Path | None = None,
        endpoint: str | None = None,
        token: str | None = None,
        network: Network = DIRECT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.models = tuple(models)
        self._directory = directory
        self._endpoint = endpoint
        self._token = token
        self._network = network
        self._clock = clock
        self._running: dict[str, _Running] = {}
        self._failures: dict[str, LLMHubError] = {}
        self._lock = threading.Lock()

    def find(self, name: str) -> OfferedModel | None:
        """The offered model of that name."""
        return next((model for model in self.models if model.id == name), None)

    def path(self, model: OfferedModel) -> Path | None:
        """Where the model is on this machine; None if it is still to be downloaded."""
        return downloaded_path(model.file, self._directory)

    def progress(self, model: OfferedModel) -> Progress | None:
        """How far its download is; None if none is running."""
        running = self._running.get(model.id)
        return running.progress if running and not running.stopped else None

    def received(self, model: OfferedModel) -> int:
        """The bytes that an earlier download has left."""
        return downloaded_part(model.file, self._directory)

    def failure(self, model: OfferedModel) -> LLMHubError | None:
        """Why its last download failed; None if it did not, or is going on."""
        return self._failures.get(model.id)

    def check(self, model: OfferedModel) -> None:
        """Raises `ConfigurationError` where this machine has not the memory for the model, or not the disk."""
        total, memory = machine.total_memory(), model.memory
        if total is not None and total < memory:
            raise ConfigurationError(
                f"{model.id} needs {memory / GIGABYTE:.1f} GB of memory, and this machine has {total / GIGABYTE:.1f}.",
                hint="Choose a smaller model.",
            )
        folder = download_target(model.file, self._directory).parent
        check_disk(model.file, folder, model.file.size - self.received(model))

    def check_memory(self, model: OfferedModel) -> None:
        """Raises `NotConfigured` where too little memory is free to load the model now."""
        free, memory = machine.free_memory(), model.memory
        if free is not None and free < memory:
            raise NotConfigured(
                f"{model.id} needs {memory / GIGABYTE:.1f} GB of memory, and {free / GIGABYTE:.1f} are free now.",
                hint="Close other programs, or choose a smaller model.",
            )

    def start(self, model: OfferedModel) -> None:
        """Begins its download, unless it is here or on its way. Raises what `check` raises."""
        if self.path(model):
            return
        self.check(model)
        with self._lock:
            before = self._running.get(model.id)
            if before and not before.stopped:
                return
            self._failures.pop(model.id, None)
            running = self._running[model.id] = _Running(Progress(self.received(model), model.file.size))
        threading.Thread(target=self._run, args=(model, running, before), daemon=True, name="download").start()

    def stop(self, model: OfferedModel) -> None:
        """Ends its download. What has come stays, and the next download goes on there."""
        if running := self._running.get(model.id):
            running.stopped = True

    def stop_all(self) -> None:
        """Ends every download."""
        for model in self.models:
            self.stop(model)

    def refusal(self, model: OfferedModel) -> NotConfigured:
        """The error of a request for a model that is not here: what is missing, or how long it may still take."""
        progress = self.progress(model)
        if progress is None:
            size = f"{model.file.size / GIGABYTE:.1f} GB"
            return NotConfigured(
                f"{model.id} is still to be downloaded.",
                hint=f"Download it on the Chat tab ({size}, once), or choose another model.",
            )
        seconds = min(MAX_RETRY_AFTER, max(1.0, progress.seconds_left or MAX_RETRY_AFTER))
        return NotConfigured(
            f"{model.id} is being downloaded: {progress.percent} %, {progress}.",
            hint="Ask again when it is here, or choose another model.",
            retry_after=seconds,
        )

    def discard_damaged(self, model: OfferedModel) -> bool:
        """Deletes the model's file if it is another one than it should be. Returns whether it was. Reads all of it."""
        path = self.path(model)
        if path is None or not is_damaged(path, model.file.sha256):
            return False
        path.unlink()
        return True

    def _run(self, model: OfferedModel, running: _Running, before: _Running | None) -> None:
        """What the thread of a download does. It waits for the end of a stopped one, which writes the same file."""
        if before:
            before.ended.wait()
        began, first = self._clock(), None

        def report(received: int, size: int) -> None:
            nonlocal first
            first = received if first is None else first
            seconds, came = self._clock() - began, received - first
            left = (size - received) * seconds / came if came > 0 and seconds >= 1 else None
            running.progress = Progress(received, size, left)

        try:
            download(
                model.file,
                directory=self._directory,
                endpoint=self._endpoint,
                token=self._token,
                report=report,
                is_wanted=lambda: not running.stopped,
                network=self._network,
            )
        except LoadAbandoned:
            pass
        except LLMHubError as error:
            self._failures[model.id] = error
            log.warning("%s", error)
        except Exception as error:
            self._failures[model.id] = LLMHubError(f"{model.id} could not be downloaded.", hint="Try again.")
            log.exception("A download failed: %s", type(error).__name__)
        finally:
            with self._lock:
                if self._running.get(model.id) is running:
                    del self._running[model.id]
            running.ended.set()


class _Running:
    """A download that is running, or was stopped and has not ended yet."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.stopped = False
        self.ended = threading.Event()


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{max(1, seconds):.0f} s"

"""A listener as `seqae listen` makes it, on a thread or in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import seqae
from seqae.data.signals.options import ReadingOptions
from seqae.service.brokers.connection import Connection
from seqae.service.brokers.listener import Listener
from seqae.service.rejections import Rejection
from seqae.service.watch import Watch, WatchOptions
from seqae.service.watch_update import WatchUpdate


class Listening:
    """A listener that runs between `with` and its end.

    Args:
        detector: Judges rows.
        url: What to listen to.
        state: The folder of its state.
        more: Arguments of the connection.
        reading: How rows are read.
    """

    def __init__(
        self,
        detector: seqae.AnomalyDetector,
        url: str,
        state: Path | None = None,
        save_seconds: float = 0.3,
        reading: Mapping[str, Any] = {},
        **more: Any,
    ):
        self.detector = detector
        self.connection = Connection(url, more.pop("name", "test"), more.pop("results", "seqae/test"), **more)
        self.options = WatchOptions(more.get("period"), state=state)
        self.reading = ReadingOptions.of(channels=tuple(detector.channels_), **reading)
        self.save_seconds = save_seconds
        self.notes: list[str] = []
        self.rejections: list[Rejection] = []
        self.asked = threading.Event()
        self.error: BaseException | None = None

    def __enter__(self) -> Listening:
        self.watch = Watch(self.detector, self.options)
        self._thread = threading.Thread(target=self.run)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.asked.set()
        self._thread.join(300)

    def run(self) -> None:
        source, sink = self.connection.brokers(self.detector, self.notes.append)
        payloads = self.connection.payloads(self.detector, self.reading, self.options.state)
        try:
            with self.watch, source:
                Listener(self.watch, source, sink, payloads, self._told, "final", self.save_seconds).run(self.asked)
        except Exception as error:
            self.error = error

    def _told(self, update: WatchUpdate, _records: object) -> None:
        self.notes += update.notes
        self.rejections += update.rejections


class Killed:
    """A listener in a process of its own, which is killed without a warning."""

    def __init__(self, *arguments: Any, **more: Any):
        self._process = multiprocessing.get_context("fork").Process(target=self._run, args=(arguments, more))
        self._process.start()

    def kill(self) -> None:
        os.kill(self._process.pid or 0, signal.SIGKILL)
        self._process.join()

    def _run(self, arguments: tuple, more: dict) -> None:
        listening = Listening(*arguments, **more)
        listening.watch = Watch(listening.detector, listening.options)
        listening.run()

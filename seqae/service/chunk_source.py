"""Bytes of a pipe as they come, read by a thread so that they can be waited for on every system."""

from __future__ import annotations

import os
import queue
import select
import signal
import threading
from collections.abc import Iterator
from types import FrameType, TracebackType

_CHUNK = 2**16  # bytes read at once: rows that wait in the pipe are computed together
_AHEAD = 16  # chunks that are read ahead; then the writer has to wait
_TICK = 0.2  # seconds from one look at whether the end was asked for to the next


class ChunkSource:
    """Reads a descriptor in a thread, no further ahead than a few chunks, until it ends or somebody asks for the end.

    Args:
        source: The descriptor.
    """

    def __init__(self, source: int):
        self.is_asked_to_end = False
        self._source = source
        self._queue: queue.Queue[bytes | OSError] = queue.Queue(maxsize=_AHEAD)
        self._wakened, self._wakener = os.pipe()
        self._thread = threading.Thread(target=self._read, name="seqae reader", daemon=True)

    def chunks(self) -> Iterator[bytes]:
        """Yield chunks as they come, and b"" while none does, so that what is due meanwhile can be done.

        Raises:
            OSError: The descriptor cannot be read.
        """
        while not self.is_asked_to_end:
            try:
                chunk = self._queue.get(timeout=_TICK)
            except queue.Empty:
                yield b""
                continue
            if isinstance(chunk, OSError):
                raise chunk
            if not chunk:
                return
            yield chunk

    def _read(self) -> None:
        while not self.is_asked_to_end:
            try:
                chunk: bytes | OSError = os.read(self._source, _CHUNK) if self._is_readable() else b""
            except OSError as error:
                chunk = error
            if not self._put(chunk) or not isinstance(chunk, bytes) or not chunk:
                return

    def _is_readable(self) -> bool:
        """Wait until there is something to read, or the end was asked for."""
        if os.name == "nt":  # where one cannot wait for two pipes, the thread stays in `read` and ends with the process
            return True
        ready, _, _ = select.select([self._source, self._wakened], [], [])
        return self._wakened not in ready

    def _put(self, chunk: bytes | OSError) -> bool:
        """Hand a chunk over once there is room; whether it was."""
        while not self.is_asked_to_end:
            try:
                self._queue.put(chunk, timeout=_TICK)
                return True
            except queue.Full:
                continue
        return False

    def ask_to_end(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Ask for the end, as a handler of signals or from another thread."""
        self.is_asked_to_end = True

    def __enter__(self) -> ChunkSource:
        self._before = {number: signal.signal(number, self.ask_to_end) for number in _signals()}
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.is_asked_to_end = True
        os.write(self._wakener, b"\0")
        if os.name != "nt":
            self._thread.join()
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._wakened)
        os.close(self._wakener)


def _signals() -> list[signal.Signals]:
    """Return the signals that ask for the end on this system, none outside of the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return []
    return [signal.SIGTERM, signal.SIGINT, *([signal.SIGBREAK] if hasattr(signal, "SIGBREAK") else [])]

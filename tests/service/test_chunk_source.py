"""A pipe is read by a thread, not far ahead, which ends with its reader."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from seqae.service.chunk_source import ChunkSource


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue  # a test closed it


def are_no_readers() -> bool:
    return not [thread for thread in threading.enumerate() if thread.name == "seqae reader"]


def test_chunks_come_until_the_pipe_ends(pipe: tuple[int, int]):
    reader, writer = pipe
    os.write(writer, b"1,2\n")
    with ChunkSource(reader) as source:
        chunks = source.chunks()
        assert next(filter(None, chunks)) == b"1,2\n"
        assert next(chunks) == b""  # nothing came for a while
        os.write(writer, b"3,4\n")
        os.close(writer)
        assert b"".join(chunks) == b"3,4\n"
    assert are_no_readers()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_while_the_pipe_is_open(pipe: tuple[int, int], number: int):
    before = signal.getsignal(number)
    with ChunkSource(pipe[0]) as source:
        os.kill(os.getpid(), number)
        assert b"".join(source.chunks()) == b""
        assert source.is_asked_to_end
    assert are_no_readers() and signal.getsignal(number) is before


def test_a_writer_that_is_faster_has_to_wait(pipe: tuple[int, int]):
    reader, writer = pipe
    os.set_blocking(writer, False)
    written, deadline = 0, time.monotonic() + 0.5
    with ChunkSource(reader) as source:
        while time.monotonic() < deadline:
            try:
                written += os.write(writer, b"7" * 2**16)
            except BlockingIOError:
                time.sleep(0.01)
        assert written <= 20 * 2**16
        os.close(writer)
        assert len(b"".join(source.chunks())) == written
    assert are_no_readers()


def test_a_descriptor_that_cannot_be_read_is_an_error(pipe: tuple[int, int]):
    with ChunkSource(os.open(".", os.O_RDONLY)) as source, pytest.raises(OSError, match="directory"):
        list(source.chunks())
    assert are_no_readers()

"""What lies in a folder of states in place of a file is neither waited for nor followed, emptied or believed."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from no_files import NO_FILES, make
from seqae.service.kept_reading import KeptReading
from seqae.service.rejections import Rejection, RejectionFile
from seqae.service.state_lock import LOCK_FILE, WRITER_FILE, StateLock

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes and sockets have names on POSIX alone")


@pytest.fixture(autouse=True)
def in_time():
    """Fail a test that waits, which it would do for ever."""
    signal.signal(signal.SIGALRM, lambda *_: pytest.fail("waits"))
    signal.alarm(300)
    yield
    signal.alarm(0)


def planted(link: Path, content: bytes) -> Path:
    """Put a link to another file somewhere, and return that file."""
    other = link.with_name("other")
    other.write_bytes(content)
    link.symlink_to(other)
    return other


@pytest.mark.parametrize("kind", NO_FILES)
def test_a_kept_reading_that_is_no_file_counts_as_none(tmp_path, kind):
    path = make(kind, tmp_path / "reading.json")
    kept = KeptReading(tmp_path)
    assert kept.day_first is None
    kept.keep(True)
    assert KeptReading(tmp_path).day_first is (True if kind == "dangling link" else None)
    assert not path.with_name("absent").exists()


@pytest.mark.parametrize(
    "text", [b"", b"[" * 200, b"[" * 10**6, b'{"day_first": 1}', b"\xff\xfe", b"true", b" " * 10**6]
)
def test_a_kept_reading_that_is_spoilt_counts_as_none(tmp_path, text):
    (tmp_path / "reading.json").write_bytes(text)
    kept = KeptReading(tmp_path)
    assert kept.day_first is None
    kept.keep(False)
    assert KeptReading(tmp_path).day_first is False


def test_keeping_a_reading_follows_no_link(tmp_path):
    other = planted(tmp_path / "reading.json", b'{"day_first": true}')
    kept = KeptReading(tmp_path)
    assert kept.day_first is True
    kept.keep(False)
    assert other.read_bytes() == b'{"day_first": true}' and KeptReading(tmp_path).day_first is False


@pytest.mark.parametrize("kind", NO_FILES)
def test_rejections_are_not_written_to_what_is_no_file(tmp_path, kind):
    path = make(kind, tmp_path / "bad.jsonl")
    with pytest.raises((OSError, ValueError), match=r"bad\.jsonl"):
        RejectionFile(path)
    assert not path.with_name("absent").exists()


def test_rejections_follow_no_link_and_say_so(tmp_path):
    other = planted(tmp_path / "bad.jsonl", b"old")
    with pytest.raises(OSError, match=r"is a link, which is not followed\. Give the file itself"):
        RejectionFile(tmp_path / "bad.jsonl")
    assert other.read_bytes() == b"old"


def test_a_rejection_is_on_the_disk_before_the_file_is_closed(tmp_path):
    with RejectionFile(tmp_path / "bad.jsonl") as file:
        file.write([Rejection("text", "not read")])
        assert json.loads((tmp_path / "bad.jsonl").read_bytes())["reason"] == "text"


@pytest.mark.parametrize("kind", NO_FILES)
def test_a_lock_that_is_no_file_is_refused(tmp_path, kind):
    make(kind, tmp_path / LOCK_FILE)
    with pytest.raises((OSError, ValueError), match=r"writer\.lock is a "):
        StateLock(tmp_path)


def test_a_lock_does_not_empty_what_a_link_leads_to(tmp_path):
    other = planted(tmp_path / LOCK_FILE, b"old")
    with pytest.raises(ValueError, match=r"writer\.lock is a link. .*Remove it"):
        StateLock(tmp_path)
    assert other.read_bytes() == b"old"


@pytest.mark.parametrize("kind", NO_FILES)
def test_a_folder_is_locked_whatever_lies_where_the_writer_is_named(tmp_path, kind):
    path = make(kind, tmp_path / WRITER_FILE)
    lock = StateLock(tmp_path)
    try:
        with pytest.raises(ValueError, match="is written to by another watch"):
            StateLock(tmp_path)
    finally:
        lock.release()
    StateLock(tmp_path).release()
    assert not path.with_name("absent").exists()


@pytest.mark.parametrize("text", [b"[" * 900, b"[" * 10**6, b"{}", b'{"process": "x"}', b"\xff"])
def test_a_note_on_the_writer_that_is_spoilt_is_left_out(tmp_path, text):
    lock = StateLock(tmp_path)
    (tmp_path / WRITER_FILE).write_bytes(text)
    with pytest.raises(ValueError, match=r"is written to by another watch\. Expected one writer"):
        StateLock(tmp_path)
    lock.release()

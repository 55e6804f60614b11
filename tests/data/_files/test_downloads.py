"""Downloads against a server on this machine: cut, wrong, an error page."""

import hashlib
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from seqae.data._files.downloads import Remote, fetch

CONTENT = np.random.default_rng(0).bytes(300_000)


class Server(ThreadingHTTPServer):
    """Sends CONTENT; a plan says for each request in turn how."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.plan, self.ranges, self.ended = [], [], threading.Event()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        how = self.server.plan.pop(0) if self.server.plan else "whole"
        if how == "absent":
            return self.send_error(404)
        if how == "page":
            return self.answer(200, b"<!DOCTYPE html><html>Sign in to this network</html>")
        if how == "wrong":
            return self.answer(200, CONTENT[::-1])
        if how.startswith("dripping"):
            return self.drip(how.removeprefix("dripping "))
        if how == "endless":
            return self.answer(200, b"spam" * 1_000_000)
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and how != "no ranges" else 0
        body = CONTENT[start:]
        return self.answer(206 if start else 200, body, start, len(body) // 2 if how == "cut" else len(body))

    def drip(self, what):
        """Send the content, the headers or the sizes of chunks a byte now and then, for ever."""
        head = b"HTTP/1.1 200 OK\r\n"
        head += {"content": b"Content-Length: 300000\r\n\r\n", "headers": b"X: "}.get(what, b"")
        head += b"Transfer-Encoding: chunked\r\n\r\n" if what == "sizes of chunks" else b""
        with suppress(OSError):
            self.wfile.write(head)
            while not self.server.ended.wait(0.02):
                self.wfile.write(b"0")

    def answer(self, status, body, start=0, sent=None):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.end_headers()
        self.wfile.write(body[:sent])

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.ended.set()
        server.shutdown()


@pytest.fixture
def remote(server):
    address = f"http://127.0.0.1:{server.server_port}/file"
    return Remote("file.gz", len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), (address,))


def only_file(folder):
    (path,) = folder.iterdir()
    return path


def test_a_whole_file_gets_its_name(remote, tmp_path):
    assert fetch(remote, tmp_path / "new").read_bytes() == CONTENT
    assert only_file(tmp_path / "new").name == "file.gz"


def test_a_file_that_is_there_is_not_fetched_again(server, remote, tmp_path):
    fetch(remote, tmp_path)
    fetch(remote, tmp_path)
    assert len(server.ranges) == 1


def test_a_download_that_was_cut_goes_on_where_it_stopped(server, remote, tmp_path):
    server.plan = ["cut", "cut"]
    assert fetch(remote, tmp_path).read_bytes() == CONTENT
    assert server.ranges == [None, "bytes=150000-", "bytes=225000-"]
    assert only_file(tmp_path).name == "file.gz"


def test_a_later_call_goes_on_too(server, remote, tmp_path):
    server.plan = ["cut", "absent", "absent"]
    with pytest.raises(ConnectionError, match=r"cut after 150,000 of 300,000 bytes.*404"):
        fetch(remote, tmp_path)
    assert only_file(tmp_path).name == "file.gz.part"
    assert fetch(remote, tmp_path).read_bytes() == CONTENT
    assert server.ranges[-1] == "bytes=150000-"


def test_a_server_that_starts_anew_is_understood(server, remote, tmp_path):
    server.plan = ["cut", "no ranges"]
    assert fetch(remote, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("how", "message"), [("page", "a web page"), ("wrong", "SHA-256"), ("endless", "SHA-256"), ("absent", "404")]
)
def test_what_is_not_the_file_is_refused_and_leaves_nothing(server, remote, tmp_path, how, message):
    server.plan = [how] * 9
    with pytest.raises(ConnectionError, match=message) as caught:
        fetch(remote, tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", ["content", "headers", "sizes of chunks"])
def test_a_server_that_sends_a_byte_now_and_then_is_left_after_the_time_given(server, remote, tmp_path, what):
    server.plan = [f"dripping {what}"] * 9
    start = time.monotonic()
    with pytest.raises(ConnectionError, match=r"file\.gz took longer than 0\.3 s \(http://127.*Try again later"):
        fetch(remote, tmp_path, max_seconds=0.3)
    assert 0.3 <= time.monotonic() - start < 300  # a byte every 20 ms would take hours


def test_the_second_address_is_asked_when_the_first_fails(server, remote, tmp_path):
    unreachable = "http://127.0.0.1:9/file"
    both = Remote(remote.name, remote.size, remote.sha256, (unreachable, *remote.addresses))
    assert fetch(both, tmp_path).read_bytes() == CONTENT


def test_a_spoiled_part_is_thrown_away_and_fetched_anew(server, remote, tmp_path):
    (tmp_path / "file.gz.part").write_bytes(b"x" * 1000)
    assert fetch(remote, tmp_path).read_bytes() == CONTENT
    assert server.ranges == ["bytes=1000-", None]


@pytest.mark.parametrize("address", ["http://example.com/file", "ftp://example.com/file", "file:///etc/passwd", "/etc"])
def test_addresses_without_https_are_refused(address):
    with pytest.raises(ValueError, match="is not https"):
        Remote("file", 1, "0", (address,))


def test_no_download_changes_what_is_there_under_another_name(server, remote, tmp_path):
    (tmp_path / "other").write_text("mine")
    server.plan = ["page"] * 9
    with pytest.raises(ConnectionError):
        fetch(remote, tmp_path)
    assert only_file(tmp_path).read_text() == "mine"


def test_without_a_server_one_line_names_the_file(remote, tmp_path):
    away = Remote("file.gz", remote.size, remote.sha256, ("http://127.0.0.1:9/file",))
    with pytest.raises(
        ConnectionError, match=r"file\.gz could not be downloaded \(http://127\.0\.0\.1:9/file: "
    ) as caught:
        fetch(away, tmp_path)
    assert "\n" not in str(caught.value)


def test_every_set_that_is_fetched_has_its_size_and_hash():
    from seqae.data.images.mnist import SETS

    for remote in (remote for chosen in SETS.values() for remote in chosen.remotes()):
        assert remote.size > 0 and len(remote.sha256) == 64
        assert all(address.startswith("https://") for address in remote.addresses)

"""A server on this machine that speaks as much of the protocol of the Hugging Face Hub as its client needs here."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

constants = pytest.importorskip("huggingface_hub.constants", reason="needs huggingface_hub: pip install 'seqae[hub]'")

Files = dict[str, bytes]


@dataclass
class Hub:
    """Repositories by name, each with its commits by their hash, and its branches.

    Attributes:
        address: Where the server listens.
        token: The token that may write.
        commits: The files of each commit.
        branches: The newest commit of each branch of a repository.
        private: The repositories that are not for everyone.
        served: The paths of files that were downloaded.
    """

    address: str = ""
    token: str = "hf_writer"
    commits: dict[str, Files] = field(default_factory=dict)
    branches: dict[str, dict[str, str]] = field(default_factory=dict)
    private: set[str] = field(default_factory=set)
    served: list[str] = field(default_factory=list)

    def commit_of(self, repository: str, revision: str) -> str | None:
        """Return the hash of a commit by the name of a branch, or by itself."""
        found = self.branches[repository].get(revision, revision)
        return found if found in self.commits else None

    def files(self, repository: str) -> Files:
        """Return what the main branch of a repository holds."""
        return self.commits[self.branches[repository]["main"]]


@contextmanager
def running_hub() -> Iterator[Hub]:
    """Run a hub on the loopback until the end of the block."""
    hub = Hub()
    handler = type("Handler", (_Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def hub_of_its_own(monkeypatch: pytest.MonkeyPatch, cache: Path) -> Iterator[Hub]:
    """Run a hub that the Hub's client takes for the one on the internet; `cache` keeps what is downloaded."""
    with running_hub() as hub:
        for name, value in {
            "ENDPOINT": hub.address,
            "HUGGINGFACE_CO_URL_TEMPLATE": hub.address + "/{repo_id}/resolve/{revision}/{filename}",
            "HF_HUB_CACHE": str(cache),
            "HF_HUB_DISABLE_IMPLICIT_TOKEN": False,
        }.items():
            monkeypatch.setattr(constants, name, value)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield hub


class _Handler(BaseHTTPRequestHandler):
    hub: Hub

    def do_GET(self) -> None:
        words = unquote(self.path.partition("?")[0]).strip("/").split("/")
        if words[:2] == ["api", "models"]:
            self._tell_of("/".join(words[2:4]), *(words[4:] or ["revision", "main"]))
        elif "resolve" in words:
            place = words.index("resolve")
            self._send_file("/".join(words[:place]), words[place + 1], "/".join(words[place + 2 :]))
        else:
            self._answer(404, {"error": f"no {self.path}"})

    do_HEAD = do_GET  # noqa: N815 (the name that http.server asks for)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        words = unquote(self.path.partition("?")[0]).strip("/").split("/")
        if self.headers.get("authorization") != f"Bearer {self.hub.token}":
            self._answer(403, {"error": "this token may not write"})
        elif words == ["api", "repos", "create"]:
            self._create(json.loads(body))
        elif words == ["api", "validate-yaml"]:
            self._answer(200, {"errors": [], "warnings": []})
        elif words[4] == "preupload":
            files = json.loads(body)["files"]
            self._answer(
                200,
                {"files": [{"path": each["path"], "uploadMode": "regular", "shouldIgnore": False} for each in files]},
            )
        elif words[4] == "commit":
            self._commit("/".join(words[2:4]), words[5], body)

    def _create(self, wanted: dict) -> None:
        name = f"{wanted['organization']}/{wanted['name']}"
        is_new = name not in self.hub.branches
        if is_new:
            self.hub.branches[name] = {}
            if wanted.get("private") or wanted.get("visibility") == "private":
                self.hub.private.add(name)
        self._answer(200 if is_new else 409, {"url": f"{self.hub.address}/{name}"})

    def _commit(self, name: str, branch: str, body: bytes) -> None:
        before = self.hub.branches[name].get(branch)
        files = dict(self.hub.commits[before]) if before else {}
        for line in map(json.loads, body.splitlines()):
            if line["key"] == "file":
                files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
        digest = hashlib.sha1(repr((before, sorted(files.items()))).encode(), usedforsecurity=False).hexdigest()
        self.hub.commits[digest], self.hub.branches[name][branch] = files, digest
        self._answer(200, {"commitOid": digest, "commitUrl": f"{self.hub.address}/{name}/commit/{digest}"})

    def _tell_of(self, name: str, kind: str, revision: str = "main", *rest: str) -> None:
        commit = self._find(name, revision)
        if commit is None:
            return
        files = self.hub.commits[commit]
        told = {"id": name, "modelId": name, "sha": commit, "private": name in self.hub.private}
        entries = [
            {"type": "file", "path": path, "size": len(each), "oid": _digest(each)} for path, each in files.items()
        ]
        self._answer(200, entries if kind == "tree" else told | {"siblings": [{"rfilename": path} for path in files]})

    def _send_file(self, name: str, revision: str, path: str) -> None:
        commit = self._find(name, revision)
        if commit is None:
            return
        data = self.hub.commits[commit].get(path)
        if data is None:
            self._answer(404, {"error": "no such file"}, {"X-Error-Code": "EntryNotFound"})
            return
        if self.command == "GET":
            self.hub.served.append(path)
        self._send(200, data, {"ETag": f'"{_digest(data)}"', "X-Repo-Commit": commit})

    def _find(self, name: str, revision: str) -> str | None:
        """Return a commit, or None after the answer that it is absent."""
        is_mine = self.headers.get("authorization") == f"Bearer {self.hub.token}"
        if name not in self.hub.branches or (name in self.hub.private and not is_mine):
            self._answer(404, {"error": "no such repository"}, {"X-Error-Code": "RepoNotFound"})
            return None
        commit = self.hub.commit_of(name, revision)
        if commit is None:
            self._answer(404, {"error": "no such revision"}, {"X-Error-Code": "RevisionNotFound"})
        return commit

    def _answer(self, status: int, content: object, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(content).encode(), {"Content-Type": "application/json", **(headers or {})})

    def _send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for header, value in (headers | {"Content-Length": str(len(data))}).items():
            self.send_header(header, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def _digest(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()

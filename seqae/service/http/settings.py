"""What a server is told when it starts."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path

MEBIBYTE = 2**20
_MIN_TOKEN = 16  # letters; shorter ones can be guessed
_LOCAL = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class ServerLimits:
    """How much a server takes; more is refused, and the answer says when to come again.

    Attributes:
        max_body: Bytes of a body.
        body_seconds: Seconds in which a body has to arrive.
        rate: Requests in a second of one client, on average; 0 for any number.
        concurrency: Requests that are answered at a time.
        files: Files that are scored or wait for it at a time.
        machines: Machines whose rows are watched, and open WebSockets.
        stop_seconds: Seconds that running requests have to end when the server stops.

    Raises:
        ValueError: A number is out of range.
    """

    max_body: int = 64 * MEBIBYTE
    body_seconds: float = 60.0
    rate: float = 500.0
    concurrency: int = 64
    files: int = 8
    machines: int = 256
    stop_seconds: float = 20.0

    def __post_init__(self) -> None:
        for name in ("max_body", "concurrency", "files", "machines"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)}. Expected 1 or more")
        for name in ("body_seconds", "stop_seconds"):
            if not 0 < getattr(self, name) < 86400:
                raise ValueError(f"{name}={getattr(self, name)}. Expected seconds, more than 0 and less than a day")
        if not 0 <= self.rate < 1e9:
            raise ValueError(f"rate={self.rate}. Expected requests in a second; 0 for any number")


@dataclass(frozen=True)
class ServerSettings:
    """How a server is reached, and by whom.

    Attributes:
        token: What clients have to send; "" if nothing.
        hosts: The names that requests may call the server by; any if empty.
        limits: How much it takes.
        state: The folder of the states of machines; None to keep none.
        period: Seconds from row to row of a machine; None to estimate them.
        reorder: How many rows of a machine wait for late ones.
    """

    token: str = field(default="", repr=False)
    hosts: tuple[str, ...] = _LOCAL
    limits: ServerLimits = ServerLimits()
    state: Path | None = None
    period: float | None = None
    reorder: int = 0


def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine alone."""
    return host in _LOCAL or (host.startswith("127.") and host.replace(".", "").isdecimal())


def allowed_hosts(host: str, token: str, named: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names that requests may call a server by.

    Without a token a page of any site could reach a server on the machine of its reader by a name that leads there (DNS
    rebinding): only names of this machine are answered then.

    Args:
        host: The address that the server listens at.
        token: What clients have to send, "" if nothing.
        named: Names that are allowed explicitly.
    """
    if named:
        return (*named, *_LOCAL)
    return () if token or not is_loopback(host) else tuple(dict.fromkeys((host, *_LOCAL)))


def read_token(file: Path | None) -> str:
    """Return the token in a file, or in the variable SEQAE_TOKEN of the environment; "" if there is none.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The token is too short, or holds blanks; or others may read the file.
    """
    if file is None:
        token, where = os.environ.get("SEQAE_TOKEN", ""), "SEQAE_TOKEN"
        if not token:
            return ""
    else:
        if not file.is_file():
            raise FileNotFoundError(f"no file {str(file)!r}. Expected the token in it. Check the path")
        if file.stat().st_mode & (stat.S_IROTH | stat.S_IWOTH):
            raise ValueError(f"everybody may read {file}. Expected a token that is secret. Give it: chmod 600 {file}")
        token, where = file.read_text(encoding="utf-8").strip(), str(file)
    if len(token) < _MIN_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise ValueError(
            f"a token of {len(token)} letters ({where}). Expected {_MIN_TOKEN} or more, printable, without blanks. "
            "Make one: python -c 'import secrets; print(secrets.token_urlsafe())'"
        )
    return token

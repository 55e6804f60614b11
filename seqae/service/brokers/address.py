"""Where a broker is, and how it is entered."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

_PORTS = {"mqtt": 1883, "mqtts": 8883, "kafka": 9092, "kafkas": 9093, "opc.tcp": 4840}
_USER, _PASSWORD = "SEQAE_BROKER_USER", "SEQAE_BROKER_PASSWORD"
_LONGEST_SECRET = 2**12  # bytes


@dataclass(frozen=True)
class Access:
    """Who enters, and whom they trust.

    Attributes:
        user: "" to enter without a name.
        password: What proves the name.
        authorities: A file of certificates in PEM; None for those of the system.
        certificate: The own certificate in PEM, None to show none.
        private_key: The file of its key; None if it is in the same file.
    """

    user: str = ""
    password: str = ""
    authorities: Path | None = None
    certificate: Path | None = None
    private_key: Path | None = None

    def __repr__(self) -> str:  # which may end up in a log
        return f"Access(user={self.user!r})"


@dataclass(frozen=True)
class Address:
    """The address of a broker.

    Attributes:
        scheme: mqtt, mqtts, kafka, kafkas or opc.tcp.
        hosts: Names and ports, of which only Kafka takes several.
        path: What stands behind them, without the first slash.
        user: The name before the host, "" if there is none.
    """

    scheme: str
    hosts: tuple[tuple[str, int], ...]
    path: str = ""
    user: str = ""

    @classmethod
    def of(cls, url: str) -> Address:
        """Return the address that a URL names.

        Raises:
            ValueError: It names none, or tells a password.
        """
        scheme, _, rest = url.partition("://")
        example = "mqtt://broker:1883/plant/{machine}/rows"
        if scheme not in _PORTS or not rest:
            raise ValueError(
                f"the address {url!r}. Expected one that begins with {', '.join(_PORTS)}, such as {example}"
            )
        authority, _, path = rest.partition("/")
        user, has_user, hosts = authority.rpartition("@")
        if ":" in user:  # which anyone on this machine could read in the list of processes
            raise ValueError(
                f"the address of {hosts} holds a password. Set {_PASSWORD} in the environment, or name a file by "
                "credentials=..."
            )
        try:
            parts = [urlsplit(f"//{host}") for host in hosts.split(",")]
            found = tuple((part.hostname or "", part.port or _PORTS[scheme]) for part in parts)
        except ValueError as error:
            raise ValueError(f"the address {url!r} ({error}). Expected a host and a port, such as {example}") from error
        if not all(host for host, _ in found) or (len(found) > 1 and not scheme.startswith("kafka")):
            raise ValueError(f"the address {url!r} names {len(found)} hosts. Expected one, such as {example}")
        return cls(scheme, found, unquote(path), unquote(user) if has_user else "")

    @property
    def is_encrypted(self) -> bool:
        """Whether the connection is under TLS."""
        return self.scheme in ("mqtts", "kafkas")


def nodes_of(texts: Sequence[str]) -> dict[str, str]:
    """Return node ids by channel.

    Args:
        texts: Such as `flow=ns=2;s=Pump.Flow`.

    Raises:
        ValueError: One of them names no channel and node.
    """
    found = [re.fullmatch(r"(.+?)=((?:ns=\d+;)?[isgb]=.+)", text) for text in texts]
    if not texts or not all(found):
        wrong = next((text for text, match in zip(texts, found) if not match), "")
        raise ValueError(
            f"the node {wrong!r}. Expected a channel and its node for each channel: nodes=flow=ns=2;s=Pump.Flow"
        )
    return {match[1]: match[2] for match in found if match}


def access_of(
    url: str, credentials: Path | None, authorities: Path | None, certificate: Path | None, private_key: Path | None
) -> Access:
    """Return who enters.

    Args:
        url: The address, which may tell the user.
        credentials: A file with the user on the first line and the password on the second; by default both are taken
            from the environment.
        authorities: As in `Access`.
        certificate: As in `Access`.
        private_key: As in `Access`.

    Raises:
        ValueError: There is a user without a password, or the reverse, or files are given for a connection without TLS.
        OSError: A file cannot be read.
    """
    address = Address.of(url)
    files = [path for path in (authorities, certificate, private_key) if path is not None]
    if files and not address.is_encrypted:
        secure = next(scheme for scheme in (f"{address.scheme}s", "mqtts") if scheme in _PORTS)
        raise ValueError(f"{files[0]} is for a connection under TLS, and {address.scheme} has none. Use {secure}://...")
    for path in files:
        path.open("rb").close()  # ssl names no file in its errors
    user, password = os.environ.get(_USER, ""), os.environ.get(_PASSWORD, "")
    source = f"{_USER} and {_PASSWORD}"
    if credentials is not None:
        with credentials.open("rb") as file:
            lines = file.read(_LONGEST_SECRET).decode().splitlines()
        user, password = (*lines, "", "")[:2]
        source = f"the two lines of {credentials}"
    user = address.user or user
    if bool(user) != bool(password):
        raise ValueError(f"only one of user and password is known. Give both, by {source}")
    return Access(user, password, authorities, certificate, private_key)


def client_context(access: Access) -> ssl.SSLContext:
    """Return how a broker is checked, and what is shown to it, under TLS."""
    context = ssl.create_default_context(cafile=access.authorities)
    if access.certificate is not None:
        context.load_cert_chain(access.certificate, access.private_key)
    return context

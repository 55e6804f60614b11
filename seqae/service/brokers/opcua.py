"""OPC-UA by asyncua: the current values of nodes, which a server is asked for, as a row each period."""

from __future__ import annotations

import asyncio
import json
import queue
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Self

from seqae._extras import require
from seqae.service.brokers.address import Access
from seqae.service.brokers.interface import Message

_DELAYS = (1.0, 60.0)  # seconds from one try to connect to the next, which double


class OpcUaSource:
    """The current values of nodes of a server, as a row each period while it is connected.

    A value whose status is bad is missing.

    Args:
        url: The server, `opc.tcp://host:4840/path`.
        nodes: The id of the node of each channel.
        period: Seconds from row to row.
        access: Who enters; only user and password are used.
        report: Takes a note on the connection.
    """

    limit = 10_000

    def __init__(
        self, url: str, nodes: Mapping[str, str], period: float, access: Access, report: Callable[[str], None]
    ):
        self._asyncua = require("asyncua", extra="opcua", purpose="listening to an OPC-UA server")
        self.url, self.nodes, self.period, self.access, self.report = url, nodes, period, access, report
        self._rows: queue.Queue[Message] = queue.Queue(self.limit)
        self._is_ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._keep_reading()), name="opc-ua", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._is_ended.set()
        self._thread.join(10)

    def take(self, seconds: float) -> Sequence[Message]:
        """Return the next row that has come; if there is none, wait for one as long as this."""
        try:
            return [self._rows.get(timeout=seconds)]
        except queue.Empty:
            return []

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Do nothing: a server keeps no values for those who were away."""

    def forget(self, keys: Collection[str]) -> None:
        """Do nothing: no row comes again."""

    async def _keep_reading(self) -> None:
        delay = _DELAYS[0]
        while not self._is_ended.is_set():
            client = self._asyncua.Client(self.url)
            client.set_user(self.access.user)  # nobody, if it is empty
            client.set_password(self.access.password)
            try:
                async with client:
                    self.report(f"connected to {self.url}")
                    delay = _DELAYS[0]
                    await self._read(client)
            except Exception as error:  # of many kinds; the next try may go well
                self.report(f"no connection to {self.url} ({type(error).__name__}: {error}); next try in {delay:g} s")
                await self._wait(delay)
                delay = min(2 * delay, _DELAYS[1])

    async def _read(self, client: Any) -> None:
        """Put a row each period into the queue, until the connection is lost."""
        nodes = [client.get_node(node) for node in self.nodes.values()]
        while not self._is_ended.is_set():
            await self._wait(self.period - time.time() % self.period)
            moment = round(time.time() / self.period) * self.period
            found = await client.read_attributes(nodes)
            row = {"time": datetime.fromtimestamp(moment, UTC).isoformat()}
            row |= {channel: _value(data) for channel, data in zip(self.nodes, found)}
            self._rows.put(Message(f"{moment}", self.url, json.dumps(row, default=str).encode(), time.time()))

    async def _wait(self, seconds: float) -> None:
        await asyncio.to_thread(self._is_ended.wait, seconds)


def _value(data: Any) -> Any:
    """Return the value that a server told, None if its status is bad."""
    return data.Value.Value if data.StatusCode is None or data.StatusCode.is_good() else None

"""OPC-UA by asyncua: the values of nodes, which a server reports when they change, as a row each period."""

from __future__ import annotations

import asyncio
import json
import queue
import re
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

from seqae._extras import require
from seqae.service.brokers.address import Access
from seqae.service.brokers.interface import Message

_DELAYS = (1.0, 60.0)  # seconds from one try to connect to the next, which double


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


class OpcUaSource:
    """The current values of nodes of a server, as a row each period while it is connected.

    A value whose status is bad is missing.

    Args:
        url: The server, `opc.tcp://host:4840/path`.
        nodes: The id of the node of each channel.
        period: Seconds from row to row.
        access: Who enters; only a user is used.
        report: Takes a note on the connection.
    """

    limit = 10_000

    def __init__(
        self, url: str, nodes: Mapping[str, str], period: float, access: Access, report: Callable[[str], None]
    ):
        self._asyncua = require("asyncua", extra="opcua", purpose="listening to an OPC-UA server")
        self.url, self.nodes, self.period, self.access, self.report = url, nodes, period, access, report
        self._rows: queue.Queue[Message] = queue.Queue(self.limit)
        self._values: dict[str, float | None] = {}
        self._is_ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._keep_reading()), name="opc-ua", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._is_ended.set()
        self._thread.join(10)

    def take(self, seconds: float) -> Sequence[Message]:
        """Return the rows that have come; if there are none, wait for one as long as this."""
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
            try:
                async with self._asyncua.Client(self.url) as client:
                    self.report(f"connected to {self.url}")
                    delay = _DELAYS[0]
                    await self._read(client)
            except Exception as error:  # of many kinds; the next try may go well
                self.report(f"no connection to {self.url} ({type(error).__name__}: {error}); next try in {delay:g} s")
                await self._sleep(delay)
                delay = min(2 * delay, _DELAYS[1])

    async def _read(self, client: Any) -> None:
        """Put a row each period into the queue, until the connection is lost."""
        nodes = {client.get_node(node): channel for channel, node in self.nodes.items()}
        self._values = dict.fromkeys(self.nodes)
        self._channels = nodes
        subscription = await client.create_subscription(self.period * 1000 / 2, self)
        await subscription.subscribe_data_change(list(nodes))
        while not self._is_ended.is_set():
            await self._sleep(self.period - time.time() % self.period)
            await client.check_connection()
            moment = round(time.time() / self.period) * self.period
            row = {"time": datetime.fromtimestamp(moment, UTC).isoformat()} | self._values
            self._rows.put(Message(f"{moment}", self.url, json.dumps(row).encode(), time.time()))

    def datachange_notification(self, node: Any, _value: object, data: Any) -> None:
        """Take a new value of a node; asyncua calls this."""
        change = data.monitored_item.Value
        is_good = change.StatusCode is None or change.StatusCode.is_good()
        self._values[self._channels[node]] = (
            float(change.Value.Value) if is_good and change.Value.Value is not None else None
        )

    async def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self._is_ended.is_set() and (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(left, 0.1))

"""An MQTT broker in memory, which delivers again what was not acknowledged, and a client that ends at any step."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import paho.mqtt.client as paho

_DONE = SimpleNamespace(is_failure=False)


class Killed(BaseException):
    """The process ends here."""


class Steps:
    """Counts the steps of a listener, and kills it at one of them.

    Args:
        kill_at: Its number, from 1; 0 for none.
    """

    def __init__(self, kill_at: int):
        self.kill_at = kill_at
        self.count = 0

    def __call__(self) -> None:
        self.count += 1
        if self.count == self.kill_at:
            raise Killed

    def around(self, call: Callable) -> Callable:
        """Return a function with a step before it and one after it."""

        def stepped(*arguments: Any, **named: Any) -> Any:
            self()
            result = call(*arguments, **named)
            self()
            return result

        return stepped


class MemoryBroker:
    """Delivers what is published to one session with QoS 1, and collects results.

    It gives the number of a packet again as soon as it is free.

    Attributes:
        unread: Numbers of packets that were acknowledged, which it has not read yet.
        messages: What was published and not acknowledged for all that it has read, by packet.
        takes_results: Whether it takes over what the client publishes.
    """

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes]] = []
        self.unread: list[int] = []
        self.takes_results = True
        self.messages: dict[int, tuple[str, bytes]] = {}
        self._session = False
        self._client: Any = None

    def client(self, steps: Steps) -> type:
        """Return the class of clients that is to take the place of paho's."""
        return type("Client", (_Client,), {"broker": self, "steps": steps})

    def copy(self) -> MemoryBroker:
        """Return another broker with what this one keeps."""
        self._client = None
        return copy.deepcopy(self)

    def connect(self, client: Any) -> None:
        """Take a client, and deliver again what the one before did not acknowledge."""
        self._client = client
        self.unread = []  # lost with the connection
        client.on_connect(client, None, SimpleNamespace(session_present=self._session), _DONE, None)
        self._session = True
        for packet in list(self.messages):
            self._deliver(packet, is_again=True)

    def reconnect(self, keeps_session: bool = True) -> None:
        """Lose the connection, and perhaps the session with what was not acknowledged, and take the client again."""
        if not keeps_session:
            self._session = False
            self.messages.clear()
        self.connect(self._client)

    def publish(self, topic: str, payloads: Sequence[str], arrives: bool = True) -> None:
        """Deliver messages to the client, which may be lost on the way."""
        for payload in payloads:
            packet = next(number for number in itertools.count(1) if number not in self.messages)
            self.messages[packet] = topic, payload.encode()
            if arrives:
                self._deliver(packet, is_again=False)

    def read(self, count: int) -> None:
        """Read so many acknowledgements."""
        for packet in self.unread[:count]:
            self.messages.pop(packet, None)
        del self.unread[:count]

    def _deliver(self, packet: int, is_again: bool) -> None:
        topic, payload = self.messages[packet]
        message = paho.MQTTMessage(packet, topic.encode())
        message.payload, message.qos, message.dup = payload, 1, is_again
        self._client.on_message(self._client, None, message)


class _Client:
    """What a listener needs of paho's client."""

    broker: MemoryBroker
    steps: Steps

    def __init__(self, *_arguments: object, **_named: object):
        self.on_publish: Callable = print

    def publish(self, topic: str, record: bytes, **_named: object) -> None:
        if self.broker.takes_results:
            self.broker.records.append((topic, record))
            self.on_publish(self, None, 1, _DONE, None)

    def ack(self, packet: int, qos: int) -> None:
        self.steps()
        self.broker.unread.append(packet)

    def loop_start(self) -> None:
        self.broker.connect(self)

    def is_connected(self) -> bool:
        return True

    def _nothing(self, *_arguments: object, **_named: object) -> None:
        """Do nothing."""

    connect_async = disconnect = loop_stop = reconnect_delay_set = subscribe = will_set = _nothing

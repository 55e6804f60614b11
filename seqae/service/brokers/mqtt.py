"""MQTT 5 by Eclipse Paho: what was not acknowledged comes again, after any stop of this side or of the broker."""

from __future__ import annotations

import hashlib
import queue
import threading
import time
from collections.abc import Callable, Collection, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from seqae._extras import require
from seqae.service.brokers.address import Access, Address, client_context
from seqae.service.brokers.interface import Message
from seqae.service.brokers.topics import TopicPattern

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

_LARGEST = 2**20  # bytes of a message; the broker drops larger ones
_DELAYS = (1, 60)  # seconds from one try to connect to the next, which double
_KEEPALIVE = 30  # seconds after which a silent connection is tested
_FOREVER = 0xFFFFFFFF  # the session never expires
_LASTING = (
    "Not authorized",
    "Bad user name or password",
    "Client identifier not valid",
    "Banned",
)  # no use to try again


class MqttBroker:
    """A connection to an MQTT broker that is opened again whenever it is lost, as source and as sink.

    Messages are subscribed to with QoS 1 in a session that the broker keeps, so that it delivers what came while this
    side was away. Retained messages from before the subscription are left out: nobody knows how old they are.

    Args:
        address: The broker.
        pattern: Which topics are read.
        access: Who enters.
        client: The name of the session, which only one client may have at a time.
        results: The topic that results are published below.
        report: Takes a note on the connection, on any thread.
    """

    limit = 10_000  # the broker holds back what is more

    def __init__(
        self,
        address: Address,
        pattern: TopicPattern,
        access: Access,
        client: str,
        results: str,
        report: Callable[[str], None],
    ):
        self.address = address
        self.report = report
        self._name = "{}:{}".format(*address.hosts[0])
        self._is_lost = False
        self._lock = threading.Lock()  # of what was delivered
        self.pattern = pattern
        self.results = results
        self.dropped = 0  # messages of QoS 0 for which there was no place
        self._queue: queue.Queue[tuple[Message, bool]] = queue.Queue()  # with whether it is a repeat
        self._delivered: dict[str, tuple[Message, int, int]] = {}  # not acknowledged yet, with connection and packet
        self._judged: dict[str, None] = {}  # the latest that were acknowledged; the connection may lose that
        self._connection = 0
        self._refusal = ""
        self._flushed = threading.Condition()
        self._unflushed = 0  # results that the broker has not taken over
        self._is_refused = False  # whether it refused the last one
        self._client = self._prepared(client, access)

    def __enter__(self) -> Self:
        properties = self._properties("CONNECT")
        properties.SessionExpiryInterval = _FOREVER
        properties.ReceiveMaximum = self.limit
        properties.MaximumPacketSize = _LARGEST
        ((host, port),) = self.address.hosts
        self._client.connect_async(host, port, _KEEPALIVE, clean_start=False, properties=properties)
        self._client.loop_start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client.is_connected():
            self.publish("listener", b'{"state": "offline"}', retained=True)
            self.is_flushed(2)
        properties = self._properties("DISCONNECT")
        properties.SessionExpiryInterval = _FOREVER
        self._client.disconnect(properties=properties)
        self._client.loop_stop()

    def take(self, seconds: float) -> Sequence[Message]:
        """Return the messages that have come; if there are none, wait for one as long as this.

        Raises:
            OSError: The broker refuses the client.
        """
        if self._refusal:
            raise ConnectionRefusedError(f"the broker {self._name} refuses the client: {self._refusal}")
        try:
            found = [self._queue.get(timeout=seconds)]
            found += [self._queue.get_nowait() for _ in range(self._queue.qsize())]
        except queue.Empty:
            return []
        judged = {message: None for message, is_repeat in found if is_repeat and message.key in self._judged}
        self.acknowledge(list(judged))
        return [message for message, _ in found if message not in judged]

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Tell the broker that these messages, the earliest that were not acknowledged yet, need not come again."""
        with self._lock:
            for message in messages:
                delivered, connection, packet = self._delivered.get(message.key, (None, 0, 0))
                if delivered is not message:  # of QoS 0, or of a session that the broker has lost
                    continue
                del self._delivered[message.key]
                self._remember(message.key)
                if connection == self._connection:
                    self._client.ack(packet, qos=1)

    def forget(self, keys: Collection[str]) -> None:
        """Acknowledge messages with these keys that come again, without returning them: they were judged before."""
        with self._lock:
            for key in keys:
                self._remember(key)

    def publish(self, name: str, record: bytes, *, retained: bool = False) -> None:
        """Publish a result below the topic of results, with QoS 1; what cannot be sent now is sent when it can be."""
        with self._flushed:
            self._unflushed += 1
        self._client.publish(f"{self.results}/{name}", record, qos=1, retain=retained)

    def is_flushed(self, seconds: float) -> bool:
        """Return whether the broker took all results over, after waiting for that as long as this."""
        with self._flushed:
            return self._flushed.wait_for(lambda: not self._unflushed, seconds)

    def _taken_over(self, _client: Client, _data: object, _packet: int, reason: Any, _properties: object) -> None:
        if reason.is_failure and not self._is_refused:
            self.report(f"the broker {self._name} refuses results below {self.results}: {reason.getName()}")
        self._is_refused = reason.is_failure
        with self._flushed:
            self._unflushed -= 1
            self._flushed.notify_all()

    def _drop(self) -> None:
        """Count a message for which there is no place, and tell of the first, the tenth, ..."""
        self.dropped += 1
        if str(self.dropped).strip("0") == "1":
            self.report(f"{self.dropped:,} messages of QoS 0 came faster than rows are judged, and are lost. Use QoS 1")

    def _remember(self, key: str) -> None:
        """Remember a message that was judged, should it come again."""
        self._judged.pop(key, None)  # an earlier one, whose number was given again
        self._judged[key] = None
        if len(self._judged) > 2 * self.limit:
            del self._judged[next(iter(self._judged))]

    def _prepared(self, client: str, access: Access) -> Client:
        """Return a client that is not connected yet."""
        paho = require("paho.mqtt.client", extra="mqtt", purpose="listening to an MQTT broker")
        made: Client = paho.Client(paho.CallbackAPIVersion.VERSION2, client, protocol=paho.MQTTv5, manual_ack=True)
        made.on_connect, made.on_disconnect = self._connected, self._disconnected
        made.on_connect_fail = lambda *_: self._lost("nobody answers")
        made.on_subscribe, made.on_message = self._subscribed, self._received
        made.on_publish = self._taken_over
        made.reconnect_delay_set(*_DELAYS)
        made.will_set(f"{self.results}/listener", b'{"state": "offline"}', qos=1, retain=True)
        if access.user:
            made.username_pw_set(access.user, access.password)
        if self.address.is_encrypted:
            made.tls_set_context(client_context(access))
        return made

    def _properties(self, packet: str) -> Any:
        from paho.mqtt.packettypes import PacketTypes
        from paho.mqtt.properties import Properties

        return Properties(getattr(PacketTypes, packet))

    def _connected(self, client: Client, _data: object, flags: Any, reason: Any, _properties: object) -> None:
        """Subscribe, on the thread of the connection."""
        from paho.mqtt.subscribeoptions import SubscribeOptions

        if reason.is_failure:
            self._lost(reason.getName())
            if reason.getName() in _LASTING:
                self._refusal = reason.getName()
            return
        with self._lock:
            self._connection += 1
            if not flags.session_present:  # nothing comes again, and packets are counted from one again
                self._delivered.clear()
                self._judged.clear()
        options = SubscribeOptions(qos=1, noLocal=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
        client.subscribe(self.pattern.subscription, options=options)
        self.publish("listener", b'{"state": "online"}', retained=True)
        self._is_lost = False
        self.report(f"connected to {self._name}{', which kept what came meanwhile' if flags.session_present else ''}")

    def _subscribed(self, _client: Client, _data: object, _packet: int, reasons: Sequence[Any], _more: object) -> None:
        if reasons[0].is_failure:
            self._refusal = f"{self.pattern.subscription}: {reasons[0].getName()}"

    def _disconnected(self, _client: Client, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        if reason.is_failure:
            self._lost(reason.getName())

    def _lost(self, reason: str) -> None:
        """Tell that there is no connection, once until there is one again."""
        if not self._is_lost:
            self._is_lost = True
            self.report(f"no connection to {self._name} ({reason}); trying again")

    def _received(self, _client: Client, _data: object, packet: MQTTMessage) -> None:
        """Put a message in the queue, on the thread of the connection; once, however often it is delivered."""
        topic = packet.topic
        machine, channel = self.pattern.parts(topic) or ("", "")
        digest = hashlib.blake2b(f"{topic}\0".encode() + packet.payload, digest_size=16).hexdigest()
        key = f"{packet.mid} {digest}" if packet.qos else ""
        message = Message(key, topic, bytes(packet.payload), time.time(), machine, channel)
        if packet.qos == 0:
            if self._queue.qsize() < self.limit:
                self._queue.put((message, False))
            else:
                self._drop()
            return
        with self._lock:  # one that waits for its acknowledgement gets it this way now
            first, *_ = self._delivered.get(key, (message,))
            self._delivered[key] = first, self._connection, packet.mid
        if first is message:
            self._queue.put((message, packet.dup))

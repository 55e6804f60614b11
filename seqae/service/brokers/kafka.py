"""Kafka by aiokafka: a member of a consumer group whose offsets are committed once the state holds the rows."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Collection, Coroutine, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from seqae._extras import require
from seqae.service.brokers.address import Access, Address, client_context
from seqae.service.brokers.interface import Message

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

_LONGEST = 30  # seconds for one step, such as the first connection
_POLL_MS = 200


class KafkaBroker:
    """A consumer and a producer, as source and as sink. The key of a record names the machine.

    Args:
        address: The brokers; the path names the topics, separated by commas.
        access: Who enters: a user by SASL PLAIN, a certificate, or nobody.
        group: The name of the consumer group; one member of it at a time keeps the states together.
        results: What the topics of results begin with: those of alerts are `RESULTS.alerts`.
        report: Takes a note on the connection.
    """

    limit = 10_000

    def __init__(self, address: Address, access: Access, group: str, results: str, report: Callable[[str], None]):
        self._kafka = require("aiokafka", extra="kafka", purpose="listening to Kafka")
        self.topics = [topic for topic in address.path.split(",") if topic]
        if not self.topics:
            raise ValueError("the address of Kafka names no topic. Expected kafka://host:9092/TOPIC")
        self.results = results.replace("/", ".")
        self.report = report
        self.group = group
        self._settings = _settings(address, access)
        self._queue: queue.Queue[Message] = queue.Queue()
        self._judged: set[str] = set()  # come again, and are left out
        self._sent: list[Future[Any]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="kafka", daemon=True)
        self._failure: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._run(self._connect())
            self.report(f"connected to Kafka as a member of the group {self.group}")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.is_flushed(2)
            self._run(self._disconnect())
        finally:
            self._end()

    def take(self, seconds: float) -> Sequence[Message]:
        """Return the messages that have come; if there are none, wait for one as long as this.

        Raises:
            OSError: Reading ended, because of the error that is named.
        """
        if self._failure is not None and self._queue.empty():
            raise ConnectionError(f"Kafka: {type(self._failure).__name__}: {self._failure}") from self._failure
        try:
            found = [self._queue.get(timeout=seconds)]
            found += [self._queue.get_nowait() for _ in range(self._queue.qsize())]
        except queue.Empty:
            return []
        return [message for message in found if message.key not in self._judged]

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Commit the offsets after these messages, the earliest that were not acknowledged yet."""
        offsets: dict[Any, int] = {}
        for message in messages:
            topic, partition, offset = message.key.rsplit(" ", 2)
            offsets[self._kafka.TopicPartition(topic, int(partition))] = int(offset) + 1
        try:
            if offsets:
                self._run(self._consumer.commit(offsets))
        except (self._kafka.errors.KafkaError, TimeoutError) as error:
            # Kafka delivers these again, to this member or to another one, which knows them by their times.
            self.report(f"Kafka did not take the offsets ({type(error).__name__}: {error})")

    def forget(self, keys: Collection[str]) -> None:
        """Leave out messages with these keys that come again: they were judged before."""
        self._judged.update(keys)

    def publish(self, name: str, record: bytes, *, retained: bool = False) -> None:
        """Publish a result to the topic of its kind, with the machine as the key.

        Nothing tells Kafka to retain a record: a topic does it that is compacted.
        """
        machine, _, kind = name.rpartition("/")
        sent = self._producer.send_and_wait(f"{self.results}.{kind}", record, key=machine.encode() or None)
        self._sent.append(asyncio.run_coroutine_threadsafe(sent, self._loop))

    def is_flushed(self, seconds: float) -> bool:
        """Return whether Kafka took all results over, after waiting for that as long as this."""
        end = time.monotonic() + seconds
        while self._sent:
            try:
                self._sent[0].result(max(0.0, end - time.monotonic()))
            except TimeoutError:
                return False
            except self._kafka.errors.KafkaError as error:
                self.report(f"a result was not published ({type(error).__name__}: {error})")
            del self._sent[0]
        return True

    async def _connect(self) -> None:
        self._consumer: AIOKafkaConsumer = self._kafka.AIOKafkaConsumer(
            *self.topics,
            group_id=self.group,
            enable_auto_commit=False,
            auto_offset_reset="latest",  # of a new group: a watch begins now
            **self._settings,
        )
        self._producer: AIOKafkaProducer = self._kafka.AIOKafkaProducer(acks="all", **self._settings)
        await self._producer.start()
        await self._consumer.start()
        self._reading = asyncio.ensure_future(self._read())

    async def _disconnect(self) -> None:
        self._reading.cancel()
        await self._consumer.stop()
        await self._producer.stop()

    async def _read(self) -> None:
        try:
            while True:
                if self._queue.qsize() >= self.limit:
                    await asyncio.sleep(_POLL_MS / 1000)
                    continue
                for records in (await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=500)).values():
                    for record in records:
                        self._received(record)
        except Exception as error:  # for the thread that takes the messages
            self._failure = error

    def _received(self, record: Any) -> None:
        key = f"{record.topic} {record.partition} {record.offset}"
        machine = (record.key or b"").decode(errors="replace")
        self._queue.put(Message(key, record.topic, record.value or b"", time.time(), machine))

    def _run(self, step: Coroutine[Any, Any, Any]) -> Any:
        """Run a step on the thread of the connection, and return what it returns."""
        return asyncio.run_coroutine_threadsafe(step, self._loop).result(_LONGEST)

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_LONGEST)
        self._loop.close()


def _settings(address: Address, access: Access) -> dict[str, Any]:
    """Return the settings that consumer and producer share."""
    security = ("SASL_" if access.user else "") + ("SSL" if address.is_encrypted else "PLAINTEXT")
    settings: dict[str, Any] = {
        "bootstrap_servers": [f"{host}:{port}" for host, port in address.hosts],
        "security_protocol": security,
    }
    if address.is_encrypted:
        settings["ssl_context"] = client_context(access)
    if access.user:
        settings |= {
            "sasl_mechanism": "PLAIN",
            "sasl_plain_username": access.user,
            "sasl_plain_password": access.password,
        }
    return settings

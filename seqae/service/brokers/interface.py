"""What a broker is to the rest: a source of messages that are acknowledged, and a sink of results."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from seqae.service.rejections import MAX_TEXT, Rejection


@dataclass(eq=False, slots=True)
class Message:
    """What a broker delivered.

    Attributes:
        key: What the broker tells it from others by; a message that is delivered again has the same key. "" if it is
            delivered once only.
        topic: Where it was published, for error messages.
        payload: Its content.
        arrival: When it came, in seconds since 1970.
        machine: The machine that the topic or the key names, "" if they name none.
        channel: The channel that the topic names, "" if it names none.
        waiting: How many of its values wait for those of other channels.
        is_noted: Whether the journal has it.
    """

    key: str
    topic: str
    payload: bytes
    arrival: float
    machine: str = ""
    channel: str = ""
    waiting: int = 0
    is_noted: bool = False

    @property
    def is_held(self) -> bool:
        """Whether any of its values waits for those of other channels."""
        return self.waiting > 0


def refused(message: Message, error: ValueError) -> Rejection:
    """Return what is to say of a message that cannot be read."""
    text = message.payload[:MAX_TEXT].decode(errors="backslashreplace")
    return Rejection("format", str(error), text=text, entity=message.machine)


class Source(AbstractContextManager["Source"], Protocol):
    """Delivers messages, in their order for each machine, and again those that were not acknowledged before a stop."""

    limit: int  # how many messages may wait for their acknowledgement

    def take(self, seconds: float) -> Sequence[Message]:
        """Return the messages that have come; if there are none, wait for one as long as this.

        Raises:
            OSError: Waiting has no use: the broker refuses the client.
        """

    def acknowledge(self, messages: Sequence[Message]) -> None:
        """Tell the broker that these messages, the earliest that were not acknowledged yet, need not come again."""

    def forget(self, keys: Collection[str]) -> None:
        """Acknowledge messages with these keys that come again, without returning them: they were judged before.

        It is called before `take`; the connection may be there already.
        """


class Sink(Protocol):
    """Takes results."""

    def publish(self, name: str, record: bytes, *, retained: bool = False) -> None:
        """Publish a result.

        Args:
            name: What it is about, machine first: "press-1/alerts".
            record: A JSON object.
            retained: Whether those who ask later are to get it, too, in place of the one before.
        """

    def is_flushed(self, seconds: float) -> bool:
        """Return whether all results were taken over, after waiting for that as long as this."""


class NoSink:
    """Takes results, and publishes them nowhere."""

    def publish(self, name: str, record: bytes, *, retained: bool = False) -> None:
        """Do nothing."""

    def is_flushed(self, seconds: float) -> bool:
        """Return that nothing waits."""
        return True

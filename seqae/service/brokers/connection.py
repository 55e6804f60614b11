"""From an address to the source of messages, the sink of results, and what reads the messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from seqae.data.signals.options import ReadingOptions
from seqae.service.brokers.address import Access, Address
from seqae.service.brokers.cells import CellPayloads
from seqae.service.brokers.influx import LineProtocol
from seqae.service.brokers.interface import NoSink, Sink, Source
from seqae.service.brokers.kafka import KafkaBroker
from seqae.service.brokers.mqtt import MqttBroker
from seqae.service.brokers.opcua import OpcUaSource
from seqae.service.brokers.payloads import ChannelPayloads, RowPayloads
from seqae.service.brokers.topics import TopicPattern

if TYPE_CHECKING:
    from seqae.anomaly.detector import AnomalyDetector
    from seqae.service.brokers.listener import Payloads

PayloadKind = Literal["rows", "influx"]


@dataclass(frozen=True)
class Connection:
    """What to listen to.

    Attributes:
        url: The address, with what to read there.
        name: Of the session or the consumer group; each watch has one of its own.
        results: Where results are published.
        access: Who enters.
        payload: How rows are written in messages.
        nodes: The id of the node of each channel, for OPC-UA.
        period: Seconds from row to row, None if they are not known.
        wait: Seconds that a row waits for the values of its channels; None for two periods.
    """

    url: str
    name: str
    results: str
    access: Access = field(default_factory=Access)
    payload: PayloadKind = "rows"
    nodes: Mapping[str, str] = field(default_factory=dict)
    period: float | None = None
    wait: float | None = None

    def __post_init__(self) -> None:
        address = Address.of(self.url)
        if (address.scheme == "opc.tcp") != bool(self.nodes):
            raise ValueError(
                "nodes=... name what OPC-UA is to be asked for. Expected them with opc.tcp://..., one for each "
                "channel, and with no other address"
            )
        if self.wait is not None and not 0 <= self.wait < 86400:
            raise ValueError(f"wait={self.wait}. Expected seconds, less than a day")

    def brokers(self, detector: AnomalyDetector, report: Callable[[str], None]) -> tuple[Source, Sink]:
        """Return the source and the sink.

        Args:
            detector: Says which channels are needed, and how often rows come.
            report: Takes a note on the connection, on any thread.

        Raises:
            ValueError: Something is missing, or the address is wrong.
            MissingExtra: The package that speaks with such a broker is not installed.
        """
        address = Address.of(self.url)
        if address.scheme.startswith("mqtt"):
            mqtt = MqttBroker(
                address, TopicPattern.of(address.path), self.access, f"seqae-{self.name}", self.results, report
            )
            return mqtt, mqtt
        if address.scheme.startswith("kafka"):
            kafka = KafkaBroker(address, self.access, f"seqae-{self.name}", self.results, report)
            return kafka, kafka
        absent = [channel for channel in detector.channels_ if channel not in self.nodes]
        period = self.period or detector.scorer_.period
        if absent or period is None:
            what = f"nodes=... name no node of {', '.join(map(repr, absent))}" if absent else "period=... is not given"
            raise ValueError(f"{what}. Expected a node for each channel of the model, and the seconds from row to row")
        return OpcUaSource(self.url, self.nodes, period, self.access, report), NoSink()

    def payloads(self, detector: AnomalyDetector, options: ReadingOptions, folder: Path | None = None) -> Payloads:
        """Return what reads the messages.

        Args:
            detector: Says which channels are needed, and how often rows come.
            options: How rows are read.
            folder: Where is kept what the first messages have shown; None to keep nothing.
        """
        address = Address.of(self.url)
        has_channels = address.scheme.startswith("mqtt") and TopicPattern.of(address.path).has_channels
        if self.payload == "rows" and not has_channels:
            return RowPayloads(options, detector.reading_, folder)
        completed = options if detector.reading_ is None else options.completed(detector.reading_, ())
        channels, usual = detector.channels_, detector.scorer_.period
        reader = LineProtocol(channels, completed) if self.payload == "influx" else ChannelPayloads(channels, completed)
        wait = self.wait if self.wait is not None else 2 * (self.period or usual or 1.0)
        return CellPayloads(reader, channels, self.period, self.period or usual, wait)

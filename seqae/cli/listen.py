"""`seqae listen`: rows arrive from a broker, results are published, for as long as a machine runs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

from seqae._files import safe_name
from seqae.cli.session import detector_in, saved_in, with_channels
from seqae.cli.terminal import to_json
from seqae.cli.watch_report import WatchReport
from seqae.data.signals.options import ReadingKeywords, ReadingOptions
from seqae.service.records import Shown

if TYPE_CHECKING:
    from seqae.service.brokers.metrics import ListenerMetrics
    from seqae.service.watch_update import WatchUpdate


def listen(
    model: Path,
    url: str,
    *,
    payload: Literal["rows", "influx"] = "rows",
    nodes: tuple[str, ...] = (),
    scores: Shown = "none",
    name: str = "",
    results: str = "",
    credentials: Path | None = None,
    tls_ca: Path | None = None,
    tls_certificate: Path | None = None,
    tls_key: Path | None = None,
    state: Path | None = None,
    save_seconds: float = 10.0,
    rejected: Path | None = None,
    reorder: int = 0,
    period: float | None = None,
    wait: float | None = None,
    metrics: str = "",
    **reading: Unpack[ReadingKeywords],
) -> None:
    """Detect anomalies in rows that machines publish, and publish alerts.

    URL is one of: mqtt://HOST/TOPIC, kafka://HOST/TOPIC,TOPIC, opc.tcp://HOST:4840/PATH; mqtts and kafkas are under
    TLS. In the topic of MQTT, {machine} stands for the level that names the machine, and {channel} for the level that
    names the channel, if each has a topic of its own; + and # match what tells nothing. In Kafka, the key names the
    machine.

    Results are published below seqae/NAME/MACHINE, and printed as JSON lines: alerts, events, drifts, rejected, gaps,
    and the status, which is retained. Messages are acknowledged once the state holds them: with --state, whatever is
    killed, no row is lost or judged twice. A bad message is reported and left out.

    Example:
        seqae listen runs/pump/latest 'mqtt://broker/plant/{machine}/rows' --state kept
        seqae listen runs/pump/latest 'mqtts://broker/plant/{machine}/{channel}' --credentials broker.txt --period 1
        seqae listen runs/pump/latest mqtt://broker/telegraf/# --payload influx --by host
        seqae listen runs/pump/latest kafka://one:9092,two:9092/rows --state kept
        seqae listen runs/pump/latest opc.tcp://plc:4840 --period 1 --nodes 'flow=ns=2;s=Pump.Flow' 'level=ns=2;i=7'

    Args:
        model: folder of a saved detector, or of a run that holds one
        url: broker, and what to read there
        payload: rows: JSON or CSV, a row or several in a message; influx: the line protocol of InfluxDB
        nodes: node of each channel, for OPC-UA
        scores: also publish and print the scores of rows: final or provisional ones, see seqae stream
        name: name of this watch in topics, of its session and of its consumer group; by default that of the model
        results: topic to publish results below; by default seqae/NAME
        credentials: file with the user on the first line and the password on the second; or set SEQAE_BROKER_USER and
            SEQAE_BROKER_PASSWORD
        tls_ca: certificates in PEM to check the broker with; by default those of the system
        tls_certificate: own certificate in PEM
        tls_key: key of that certificate
        state: folder to keep the state in, to go on from after a stop
        save_seconds: seconds from one saving of the state to the next
        rejected: file to append to what was not judged, as JSON lines; 16 MiB at most
        reorder: so many rows of a machine wait for late ones, to be put in order
        period: seconds from row to row; values of channels that come in the same period are of one row
        wait: seconds that a row waits for the values of its channels; by default two periods
        metrics: address to show numbers for Prometheus at, such as 127.0.0.1:9101
    """
    from seqae.service.brokers.address import access_of, nodes_of
    from seqae.service.brokers.connection import Connection
    from seqae.service.brokers.listener import Listener
    from seqae.service.brokers.metrics import ListenerMetrics
    from seqae.service.rejections import RejectionFile
    from seqae.service.watch import Watch, WatchOptions

    folder = saved_in(model)
    detector = detector_in(folder)
    options = with_channels(ReadingOptions.of(**reading), detector.channels_)
    name = name or _name_of(model)
    access = access_of(url, credentials, tls_ca, tls_certificate, tls_key)
    connection = Connection(
        url, name, results or f"seqae/{name}", access, payload, nodes_of(nodes) if nodes else {}, period, wait
    )
    with ExitStack() as opened:
        report = WatchReport(None if rejected is None else opened.enter_context(RejectionFile(rejected)))
        source, sink = connection.brokers(detector, lambda note: report.tell("note", "", note))
        watch = opened.enter_context(Watch(detector, WatchOptions(period, reorder, state, model=folder)))
        numbers = opened.enter_context(ListenerMetrics(name, watch, metrics)) if metrics else None
        opened.enter_context(source)
        payloads = connection.payloads(detector, options, state)
        listener = Listener(watch, source, sink, payloads, _teller(report, numbers), scores, save_seconds)
        listener.run(opened.enter_context(_end_asked()))


def _teller(
    report: WatchReport, numbers: ListenerMetrics | None
) -> Callable[[WatchUpdate, Sequence[Mapping[str, Any]]], None]:
    """Return what counts, reports and prints an update, given the records of its results."""

    def told(update: WatchUpdate, records: Sequence[Mapping[str, Any]]) -> None:
        if numbers is not None:
            numbers.observe(update)
        report(update)
        for record in records:
            if "rejected" not in record:
                print(to_json(record), flush=True)

    return told


def _name_of(model: Path) -> str:
    """Return the name of a model: of its folder, or of the run that it is the latest of."""
    parts = [part for part in model.resolve().parts[1:] if part != "model"]
    typed = [part for part in model.parts if part not in ("model", "latest", ".", "..", "/")]
    return safe_name((typed or parts)[-1])


@contextmanager
def _end_asked() -> Iterator[threading.Event]:
    """Yield an event that is set once somebody asks the process to end, which does not end it at once."""
    asked = threading.Event()
    before = {number: signal.signal(number, lambda *_: asked.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

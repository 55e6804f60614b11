"""What Prometheus reads of a listener: the same numbers by the same names as of `seqae serve`."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Self

from seqae._extras import require
from seqae._version import __version__

if TYPE_CHECKING:
    from seqae.service.watch_update import WatchUpdate

_MAX_MACHINES = 200  # with numbers of their own
_OTHERS = "(others)"


class ListenerMetrics:
    """Counts what a watch finds, and answers Prometheus.

    Args:
        model: The name of the model.
        fingerprint: The hash of its content.
        address: Where to answer, such as 127.0.0.1:9101.

    Raises:
        ValueError: The address has no port.
        OSError: It is taken.
    """

    def __init__(self, model: str, fingerprint: str, address: str):
        client = require("prometheus_client", extra="listen", purpose="metrics=...")
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise ValueError(f"metrics={address!r}. Expected a host and a port, such as 127.0.0.1:9101")
        self.registry = client.CollectorRegistry()
        client.ProcessCollector(registry=self.registry)
        names = {
            "rows": "Rows that were judged.",
            "rejected_rows": "Messages and rows that could not be used.",
            "alerts": "Alerts: the first evidence of possible events.",
            "alarm_rows": "Rows whose final score is above the threshold.",
            "events": "Events that have ended.",
            "drifts": "Changes for good that were found in channels or in the number of alarms.",
        }
        labels = ("model", "machine")
        self._counters = {
            name: client.Counter(f"seqae_{name}", text, labels, registry=self.registry) for name, text in names.items()
        }
        ratio = "The latest score divided by the threshold; above 1 is an alarm."
        self._ratio = client.Gauge("seqae_threshold_ratio", ratio, labels, registry=self.registry)
        info = client.Info("seqae_model", "The model.", ("model",), registry=self.registry)
        info.labels(model).info({"version": __version__, "fingerprint": fingerprint[:16], "kind": "AnomalyDetector"})
        self.model = model
        self._machines: set[str] = set()
        self._server, self._thread = client.start_http_server(int(port), host.strip("[]"), self.registry)

    def observe(self, update: WatchUpdate) -> None:
        """Count what is new of a machine."""
        if update.entity not in self._machines and len(self._machines) < _MAX_MACHINES:
            self._machines.add(update.entity)
        labels = self.model, update.entity if update.entity in self._machines else _OTHERS
        counts = {"rejected_rows": len(update.rejections)}
        if (new := update.update) is not None:
            counts |= {"rows": len(new.provisional_scores), "alarm_rows": int((new.scores > update.threshold).sum())}
            counts |= {name: len(getattr(new, name)) for name in ("alerts", "events", "drifts")}
            if len(new.provisional_scores) and update.threshold > 0:
                self._ratio.labels(*labels).set(float(new.provisional_scores[-1]) / update.threshold)
        for name, count in counts.items():
            self._counters[name].labels(*labels).inc(count)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

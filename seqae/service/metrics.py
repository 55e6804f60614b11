"""What Prometheus reads of watches, by the same names whether rows come by HTTP or from a broker."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from seqae._extras import require
from seqae._version import __version__

if TYPE_CHECKING:
    from seqae.anomaly.detector import AnomalyDetector
    from seqae.service.watch_update import WatchUpdate

MAX_MACHINES = 200  # with numbers of their own; others are counted together
OTHERS = "(others)"
_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 10)
_OF_MACHINES = ("model", "machine")


class WatchMetrics:
    """Counts what watches find, in a registry of its own.

    Args:
        extra: The extra of seqae that brings prometheus_client.
        purpose: What it is for, for error messages.

    Raises:
        MissingExtra: prometheus_client is not installed.
    """

    def __init__(self, extra: str, purpose: str):
        self.client = client = require("prometheus_client", extra=extra, purpose=purpose)
        self.registry = client.CollectorRegistry()
        client.ProcessCollector(registry=self.registry)

        def of_machines(kind: Any, name: str, text: str, *labels: str) -> Any:
            return kind(f"seqae_{name}", text, (*_OF_MACHINES, *labels), registry=self.registry)

        self._rows = of_machines(client.Counter, "rows", "Rows that were judged.")
        self._rejected = of_machines(client.Counter, "rejected_rows", "What was not judged.", "reason")
        self._ratio = of_machines(
            client.Gauge, "threshold_ratio", "The latest score divided by the threshold; above 1 is an alarm."
        )
        texts = {
            "alerts": "Alerts: the first evidence of possible events.",
            "alarm_rows": "Rows whose final score is above the threshold.",
            "events": "Events that have ended.",
            "drifts": "Changes for good that were found in channels or in the number of alarms.",
        }
        self._found = {name: of_machines(client.Counter, name, text) for name, text in texts.items()}
        self.machines = client.Gauge("seqae_machines", "Machines that are watched.", ("model",), registry=self.registry)
        self._models = client.Info("seqae_model", "The models.", ("model",), registry=self.registry)
        text = "Seconds that the detector took for rows which came together."
        self._seconds = client.Histogram(
            "seqae_judging_seconds", text, ("model",), buckets=_SECONDS, registry=self.registry
        )
        self._names: dict[tuple[str, str], str] = {}  # of machines with numbers of their own
        self._lock = threading.Lock()

    def add_model(self, model: str, detector: AnomalyDetector, fingerprint: str) -> None:
        """Tell the version of a model.

        Args:
            model: Its name.
            detector: The model.
            fingerprint: The hash of its content.
        """
        about = {"version": __version__, "fingerprint": fingerprint[:16], "kind": type(detector).__name__}
        self._models.labels(model).info(about)

    def observe(self, model: str, machine: str, update: WatchUpdate) -> None:
        """Count what is new of a machine."""
        labels = self._labels(model, machine)
        for each in update.rejections:
            self._rejected.labels(*labels, each.reason).inc()
        if (new := update.update) is None:
            return
        counts = {name: len(getattr(new, name)) for name in ("alerts", "events", "drifts")}
        counts["alarm_rows"] = int((new.scores > update.threshold).sum())
        for name, count in counts.items():
            self._found[name].labels(*labels).inc(count)
        rows = len(new.provisional_scores)
        self._rows.labels(*labels).inc(rows)
        if rows:
            self._seconds.labels(model).observe(update.seconds)
        if rows and update.threshold > 0:
            self._ratio.labels(*labels).set(float(new.provisional_scores[-1]) / update.threshold)

    def forget(self, model: str, machine: str) -> None:
        """Leave out the numbers of a machine that is watched no more."""
        with self._lock:
            if self._names.pop((model, machine), None) is None:
                return
        for each in (self._rows, self._rejected, self._ratio, *self._found.values()):
            each.remove_by_labels({"model": model, "machine": machine})

    def text(self) -> tuple[bytes, str]:
        """Return all numbers as text, and its media type."""
        return self.client.generate_latest(self.registry), self.client.CONTENT_TYPE_LATEST

    def _labels(self, model: str, machine: str) -> tuple[str, str]:
        """Return the labels of a machine; machines beyond `MAX_MACHINES` share theirs."""
        with self._lock:
            if (model, machine) not in self._names and len(self._names) >= MAX_MACHINES:
                return model, OTHERS
            return model, self._names.setdefault((model, machine), machine)

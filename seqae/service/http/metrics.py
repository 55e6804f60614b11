"""What Prometheus reads of a server: rows, latencies, alarms, events, drift, and how near machines are to alarms."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from seqae._extras import require
from seqae._version import __version__
from seqae.anomaly.feedback.entry import in_effect

if TYPE_CHECKING:
    from seqae.service.http.served import ServedModel
    from seqae.service.watch_update import WatchUpdate

MAX_MACHINES = 200  # with numbers of their own; others are counted together
OTHERS = "(others)"
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)
_OF_MACHINES = ("model", "machine")


class ServerMetrics:
    """The numbers of one server, in a registry of its own."""

    def __init__(self) -> None:
        client = require("prometheus_client", extra="serve", purpose="metrics of a server")
        self.registry = client.CollectorRegistry()
        client.ProcessCollector(registry=self.registry)

        def counter(name: str, text: str, labels: tuple[str, ...] = _OF_MACHINES) -> Any:
            return client.Counter(f"seqae_{name}", text, labels, registry=self.registry)

        def gauge(name: str, text: str, labels: tuple[str, ...] = _OF_MACHINES) -> Any:
            return client.Gauge(f"seqae_{name}", text, labels, registry=self.registry)

        self.rows = counter("rows", "Rows that were taken.")
        self.rejected = counter("rejected_rows", "Rows that were not judged.", (*_OF_MACHINES, "reason"))
        self.alerts = counter("alerts", "Alerts: the first evidence of possible events.")
        self.alarms = counter("alarm_rows", "Rows whose final score is above the threshold.")
        self.events = counter("events", "Events that have ended.")
        self.drifts = counter("drifts", "Changes for good that were found in channels or in the number of alarms.")
        self.ratio = gauge("threshold_ratio", "The latest score divided by the threshold; above 1 is an alarm.")
        self.sessions = gauge("machines", "Machines whose rows are watched.", ("model",))
        self.feedback = gauge("feedback_entries", "What operators have said and not taken back.", ("model", "kind"))
        self.models = client.Info("seqae_model", "The models.", ("model",), registry=self.registry)
        self.requests = client.Histogram(
            "seqae_request_seconds",
            "Seconds until a request was answered.",
            ("route", "status"),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.open = client.Gauge("seqae_requests_in_progress", "Requests being answered.", registry=self.registry)
        self._of_machines = (
            self.rows, self.rejected, self.alerts, self.alarms, self.events, self.drifts, self.ratio
        )  # fmt: skip
        self._machines: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()

    def add_model(self, model: ServedModel) -> None:
        """Tell the version of a model, and what operators have said about it."""
        for kind in () if model.log is None else ("normal", "fault"):
            self.feedback.labels(model.name, kind).set_function(partial(_count, model, kind))
        self.models.labels(model.name).info(
            {"version": __version__, "fingerprint": model.fingerprint[:16], "kind": type(model.detector).__name__}
        )

    def machine(self, model: str, entity: str) -> tuple[str, str]:
        """Return the labels of a machine; machines beyond `MAX_MACHINES` share theirs."""
        with self._lock:
            if (model, entity) not in self._machines and len(self._machines) >= MAX_MACHINES:
                return model, OTHERS
            return model, self._machines.setdefault((model, entity), entity)

    def forget(self, model: str, entity: str) -> None:
        """Leave out the numbers of a machine that is watched no more."""
        with self._lock:
            if self._machines.pop((model, entity), None) is None:
                return
        for each in self._of_machines:
            each.remove_by_labels({"model": model, "machine": entity})

    def observe(self, model: str, entity: str, update: WatchUpdate) -> None:
        """Count the results of rows of a machine."""
        labels = self.machine(model, entity)
        for each in update.rejections:
            self.rejected.labels(*labels, each.reason).inc()
        if (new := update.update) is None:
            return
        self.rows.labels(*labels).inc(len(new.provisional_scores))
        self.alerts.labels(*labels).inc(len(new.alerts))
        self.alarms.labels(*labels).inc(int((new.scores > update.threshold).sum()))
        self.events.labels(*labels).inc(len(new.events))
        self.drifts.labels(*labels).inc(len(new.drifts))
        if len(new.provisional_scores) and update.threshold > 0:
            self.ratio.labels(*labels).set(float(new.provisional_scores[-1]) / update.threshold)

    def text(self) -> tuple[bytes, str]:
        """Return all numbers as text, and its media type."""
        client = require("prometheus_client", extra="serve", purpose="metrics of a server")
        return client.generate_latest(self.registry), client.CONTENT_TYPE_LATEST


def _count(model: ServedModel, kind: str) -> int:
    """Return how many entries of a kind hold."""
    return sum(entry.kind == kind for entry in in_effect(model.entries))

"""What Prometheus reads of a server: the numbers of its watches, requests and their latencies, and feedback."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from seqae.anomaly.feedback.entry import in_effect
from seqae.service.metrics import WatchMetrics

if TYPE_CHECKING:
    from seqae.service.http.served import ServedModel

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60)


class ServerMetrics:
    """The numbers of one server.

    Attributes:
        watched: Those of its watches.
        requests: Seconds until a request was answered, by route and status.
        open: Requests being answered.
    """

    def __init__(self) -> None:
        self.watched = WatchMetrics("serve", "metrics of a server")
        client, registry = self.watched.client, self.watched.registry
        text = "Seconds until a request was answered."
        self.requests = client.Histogram(
            "seqae_request_seconds", text, ("route", "status"), buckets=_SECONDS, registry=registry
        )
        self.open = client.Gauge("seqae_requests_in_progress", "Requests being answered.", registry=registry)
        text = "What operators have said and not taken back."
        self._feedback = client.Gauge("seqae_feedback_entries", text, ("model", "kind"), registry=registry)

    def add_model(self, model: ServedModel) -> None:
        """Tell the version of a model, and what operators have said about it."""
        for kind in () if model.log is None else ("normal", "fault"):
            self._feedback.labels(model.name, kind).set_function(partial(_count, model, kind))
        self.watched.add_model(model.name, model.detector, model.fingerprint)


def _count(model: ServedModel, kind: str) -> int:
    """Return how many entries of a kind hold."""
    return sum(entry.kind == kind for entry in in_effect(model.entries))

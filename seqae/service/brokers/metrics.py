"""What Prometheus reads of a listener: the numbers of its watch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from seqae.anomaly.feedback.applying import as_fitted
from seqae.anomaly.online.state import fingerprint
from seqae.service.metrics import WatchMetrics

if TYPE_CHECKING:
    from seqae.service.watch import Watch
    from seqae.service.watch_update import WatchUpdate


class ListenerMetrics:
    """Counts what a watch finds, and answers Prometheus.

    Args:
        model: The name of the model.
        watch: The watch.
        address: Where to answer, such as 127.0.0.1:9101.

    Raises:
        ValueError: The address has no port.
        OSError: It is taken.
    """

    def __init__(self, model: str, watch: Watch, address: str):
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise ValueError(f"metrics={address!r}. Expected a host and a port, such as 127.0.0.1:9101")
        self.watched = WatchMetrics("listen", "metrics=...")
        self.watched.add_model(model, watch.detector, fingerprint(as_fitted(watch.detector)))
        self.watched.machines.labels(model).set_function(lambda: len(watch.machines))
        self.model = model
        serve = self.watched.client.start_http_server
        self._server, self._thread = serve(int(port), host.strip("[]"), self.watched.registry)

    def observe(self, update: WatchUpdate) -> None:
        """Count what is new of a machine."""
        self.watched.observe(self.model, update.entity, update)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

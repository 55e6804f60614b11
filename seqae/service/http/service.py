"""What all requests share: models, the machines that are watched, numbers, threads."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seqae.service.http.machines import WatchedMachines
from seqae.service.http.metrics import ServerMetrics
from seqae.service.http.served import ServedModel
from seqae.service.http.workers import Workers

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from seqae.anomaly.detector import AnomalyDetector
    from seqae.service.http.settings import ServerSettings

log = logging.getLogger("seqae.serve")
_SAVED = 10.0  # seconds from one saving of the states to the next


class DetectorService:
    """Detectors, the machines that they watch, and what is counted of them.

    Args:
        detectors: Fitted detectors by name.
        settings: How the server is reached, and how much it takes.
        folders: The folders from which they were loaded, beside which their feedback is kept.
    """

    def __init__(
        self,
        detectors: Mapping[str, AnomalyDetector],
        settings: ServerSettings,
        folders: Mapping[str, Path] | None = None,
    ):
        self.settings = settings
        self.metrics = ServerMetrics()
        of = folders or {}
        self.models = {name: ServedModel.of(name, detector, of.get(name)) for name, detector in detectors.items()}
        for model in self.models.values():
            self.metrics.add_model(model)
        self.machines = WatchedMachines(self.models.values(), settings, self.metrics.watched)
        self.workers = Workers(settings.limits.files)
        self.is_stopping = False

    @contextlib.asynccontextmanager
    async def lifespan(self, application: Starlette) -> AsyncIterator[None]:
        """Save states now and then while the application runs, and at its end."""
        saving = asyncio.create_task(self._save_now_and_then())
        try:
            yield
        finally:
            self.is_stopping = True
            saving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await saving
            self._tell(await asyncio.to_thread(self.machines.close))
            self.workers.close()

    async def _save_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(_SAVED)
            self._tell(await asyncio.to_thread(self.machines.save))
            for model in self.models.values():
                self._tell(await asyncio.to_thread(self.machines.take_up, model))

    def _tell(self, notes: Iterable[str]) -> None:
        for note in notes:
            log.warning("%s", note)

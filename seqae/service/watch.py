"""The watch over all machines of a detector: what `seqae stream`, `serve` and `listen` share."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from seqae._files import safe_name
from seqae.anomaly.feedback.applying import apply_feedback, as_fitted
from seqae.anomaly.feedback.entry import in_effect
from seqae.anomaly.feedback.log import FeedbackLog
from seqae.anomaly.online.state import fingerprint
from seqae.service.counters import Counters
from seqae.service.machine_watch import MachineWatch, UnusableState
from seqae.service.rejections import Rejection
from seqae.service.row_block import RowBlock
from seqae.service.state_lock import StateLock
from seqae.service.watch_update import WatchUpdate

if TYPE_CHECKING:
    from seqae.anomaly.detector import AnomalyDetector

MAX_MACHINES = 10_000  # that may be watched at once, so that nonsense in a column of machines fills no memory


@dataclass(frozen=True)
class WatchOptions:
    """How rows are taken.

    Attributes:
        period: Seconds from row to row; None to estimate them.
        reorder: How many rows of a machine wait for late ones; 0 to judge each at once.
        state: The folder of the states, in which each named machine has one of its own; None to keep none.
        is_strict: Whether a row or line that cannot be judged is an error, instead of reported and left out.
        save_every: Seconds from one saving of the states to the next, and from one look at the feedback to the next.
        model: The folder of the detector, beside which its feedback is kept; None to look for none while it runs.
    """

    period: float | None = None
    reorder: int = 0
    state: Path | None = None
    is_strict: bool = False
    save_every: float = 10.0
    model: Path | None = None

    def __post_init__(self) -> None:
        if self.reorder < 0:
            raise ValueError(f"reorder={self.reorder} is no number of rows. Expected 0 or more, such as reorder=100")


class Watch:
    """Watches all machines whose rows come with one detector, each by itself; one in all if rows name no machine.

    It may be called by several threads: rows of one machine are taken one after the other, those of others meanwhile.
    Close it at the end: that saves the states, and lets others have their folder. A `with` statement does so, too,
    except after an error by which results may be lost, such as a broken pipe: then the states stay as last saved.

    Args:
        detector: A fitted detector.
        options: How rows are taken.

    Raises:
        ValueError: Another watch writes to the folder of the states.
        OSError: The folder cannot be written.
    """

    def __init__(self, detector: AnomalyDetector, options: WatchOptions | None = None):
        self.detector = detector
        self.options = options or WatchOptions()
        self.machines: dict[str, MachineWatch] = {}
        self._own = Counters()  # of what belongs to no machine
        self._lock = threading.Lock()  # of `machines` and `_own`
        state = self.options.state
        self._state_lock = None if state is None else StateLock(state)
        self._is_released = False
        self._saved = time.monotonic()
        model = self.options.model
        self._feedback = None if model is None else FeedbackLog(model).version()
        self._refreshing = threading.Lock()  # what is said later must not be taken up before
        self._owner = "" if state is None else fingerprint(as_fitted(detector))

    def take(self, item: RowBlock | Rejection, entity: str = "") -> WatchUpdate:
        """Take what a reader returned, rows or a line that could not be read, and return what is new.

        Args:
            item: Rows, or a rejected line, which is counted.
            entity: The machine of rows that name none.

        Raises:
            ValueError: Rows cannot be used, and the watch is strict.
            UnusableState: The state of the machine is damaged, or belongs to another detector.
        """
        if isinstance(item, Rejection):
            return self._rejected([item])
        block = item if item.entity or not entity else replace(item, entity=entity)
        try:
            machine = self.machine(block.entity)
            with machine.lock:
                update = machine.push(block)
        except ValueError as error:
            if self.options.is_strict or isinstance(error, UnusableState):
                raise
            return self._rejected(self._of_block(block, str(error)))
        if self.options.is_strict and update.rejections:
            raise ValueError(update.rejections[0].message)
        return replace(update, notes=(*block.notes, *update.notes)) if block.notes else update

    def finish(self) -> Iterator[WatchUpdate]:
        """End the recording of each machine, and yield the rest of its results."""
        for machine in self._all():
            with machine.lock:
                yield from machine.finish()

    def pause(self) -> Iterator[WatchUpdate]:
        """Yield what there is to say when no more rows come for now, and the recordings go on later."""
        for machine in self._all():
            with machine.lock:
                yield machine.pause()

    def save_if_due(self) -> WatchUpdate:
        """Write the states and look for new feedback, if it is time to do so again; the update says what happened."""
        if time.monotonic() < self._saved + self.options.save_every:
            return WatchUpdate()
        self._saved = time.monotonic()
        saved, told = self.save(), self.refresh()
        return WatchUpdate(notes=(*saved.notes, *told.notes))

    def refresh(self) -> WatchUpdate:
        """Take up what operators have said about the detector since it was last looked at; the update says so."""
        log = None if self.options.model is None else FeedbackLog(self.options.model)
        if log is None:
            return WatchUpdate()
        with self._refreshing:
            if (version := log.version()) == self._feedback:
                return WatchUpdate()
            self._feedback = version
            try:
                entries = log.entries()
                detector = apply_feedback(as_fitted(self.detector), entries) if entries else as_fitted(self.detector)
            except (ValueError, OSError) as error:
                return WatchUpdate(notes=(f"the new feedback is not taken up: {error}",))
            with self._lock:
                self.detector = detector  # also of machines that come meanwhile
            for machine in self._all():
                with machine.lock:
                    machine.online.use(detector)
        count = len(in_effect(entries))
        return WatchUpdate(
            notes=(f"the feedback has changed: {count} {'entry holds' if count == 1 else 'entries hold'}",)
        )

    def save(self) -> WatchUpdate:
        """Write the states that have changed; if that fails, older ones stay, and the update says so."""
        failed = self._failure_of_saving()
        if failed is None:
            return WatchUpdate()
        note = f"the state was not saved: {failed.strerror} ({failed.filename}). The watch goes on, and tries again"
        return WatchUpdate(notes=(note,))

    def close(self) -> None:
        """Save the states, unless the watch was released, and let others write to their folder.

        Raises:
            OSError: A state cannot be written; an older one stays.
        """
        if self._is_released:
            return
        failed = self._failure_of_saving()
        self.release()
        if failed is not None:
            raise failed

    def _failure_of_saving(self) -> OSError | None:
        """Write the states that have changed, and return the last error."""
        failed: OSError | None = None
        for machine in self._all():
            with machine.lock:
                try:
                    machine.save()
                except OSError as error:
                    failed = error
                    machine.counters.unsaved += 1
        return failed

    def release(self) -> None:
        """Let others write to the folder of the states, which stay as they were last saved."""
        self._is_released = True
        if self._state_lock is not None:
            self._state_lock.release()

    @property
    def counters(self) -> Counters:
        """The numbers of all machines together, and of what belonged to none."""
        with self._lock:
            own = Counters() + self._own
        return sum((machine.counters for machine in self._all()), start=own)

    def __enter__(self) -> Watch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, ValueError):
            self.close()
        else:
            self.release()

    def _all(self) -> list[MachineWatch]:
        with self._lock:
            return list(self.machines.values())

    def machine(self, entity: str) -> MachineWatch:
        """Return the watch over a machine; a new one goes on from its state, if that was kept."""
        with self._lock:
            if entity not in self.machines:
                if len(self.machines) >= MAX_MACHINES:
                    raise ValueError(f"{MAX_MACHINES:,} machines are watched, and {entity!r} is one more. Check by=...")
                self.machines[entity] = MachineWatch(
                    self.detector,
                    entity,
                    self.options.period,
                    self.options.reorder,
                    self._folder(entity),
                    self._owner,
                )
            return self.machines[entity]

    def _folder(self, entity: str) -> Path | None:
        """Return the folder of the state of a machine; names that no file can have are told apart by a hash."""
        state, name = self.options.state, safe_name(entity)
        if state is None or not entity:
            return state
        return state / (name if name == entity else f"{name}-{hashlib.sha256(entity.encode()).hexdigest()[:8]}")

    def _rejected(self, rejections: list[Rejection]) -> WatchUpdate:
        with self._lock:
            self._own.rejected.update(each.reason for each in rejections)
        return WatchUpdate(rejections[0].entity, rejections=tuple(rejections))

    def _of_block(self, block: RowBlock, message: str) -> list[Rejection]:
        lines: Iterable[int] = [0] * len(block.values) if block.lines is None else block.lines.tolist()
        return [Rejection("row", message, line, entity=block.entity) for line in lines]

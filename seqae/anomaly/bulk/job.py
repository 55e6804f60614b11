"""A pass over a data set that scores the rows of some entities, and goes on after a stop."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from seqae._files import append_to_file, reason
from seqae.anomaly.bulk.entity import EntityScorer
from seqae.anomaly.bulk.results import WORK, EntitySummary, ResultFolder
from seqae.anomaly.bulk.source import EntityRows, RowSource
from seqae.anomaly.detector import AnomalyDetector
from seqae.anomaly.online.state import STATE_FILE, read_state, write_state

CHECKPOINT_ROWS = 2**19  # that are scored from one checkpoint to the next
Progress = Callable[[int], None]  # is told how many more rows have been scored


class ScoringPass:
    """Scores some entities in one pass over the row groups that hold their rows.

    After every `CHECKPOINT_ROWS` rows, the state of all is written as one file, with how much of the results belongs to
    it. After a stop at any moment, the pass goes on from there.

    Args:
        detector: A fitted detector.
        source: The rows.
        results: The folder of the results.
        entities: The entities, as positions in those of the source.
        owner: The fingerprint of detector, data and options.
    """

    def __init__(
        self,
        detector: AnomalyDetector,
        source: RowSource,
        results: ResultFolder,
        entities: Sequence[int],
        owner: str,
    ):
        self.source = source
        self.results = results
        self.owner = owner
        self.names = {entity: source.entities[entity] for entity in entities}
        self.scorers = {entity: EntityScorer(detector, name) for entity, name in self.names.items()}
        self.summaries = {entity: EntitySummary(name) for entity, name in self.names.items()}
        self.pieces = [piece for piece in source.pieces if piece.rows_of(self.names)]
        digest = hashlib.sha256("\n".join(self.names.values()).encode()).hexdigest()
        self.folder = results.path / WORK / digest[:16]
        self.spools = {entity: results.spool(name, self.folder) for entity, name in self.names.items()}
        self.piece = self.row = 0  # the row group that is read, and the row in it
        self.done = self.saved = 0  # rows that have been scored, and those before the latest checkpoint

    def run(self, progress: Progress) -> None:
        """Score all rows and write the results; another process that does the same is waited for."""
        with _alone(self.folder):
            if all(map(self.results.is_finished, self.names.values())):  # by the other process
                progress(sum(int(self.source.counts[entity]) for entity in self.names))
                return
            self._resume()
            progress(self.done)
            for number in range(self.piece, len(self.pieces)):
                for row, blocks in self.source.blocks(self.pieces[number], self.names, self.row):
                    self._score(blocks, progress)
                    self._advance(number, row)
            self._finish()
            shutil.rmtree(self.folder)

    def _score(self, blocks: Sequence[EntityRows], progress: Progress) -> None:
        for each in blocks:
            for update in self.scorers[each.entity].push(each.values, each.times):
                self.spools[each.entity].append(update)
                self.summaries[each.entity].add(update, self.results.threshold)
            self.done += len(each.values)
            progress(len(each.values))

    def _advance(self, piece: int, row: int) -> None:
        """Note that the rows of a row group before this one have been scored."""
        is_read = row >= int(self.pieces[piece].counts.sum())
        self.piece, self.row = (piece + 1, 0) if is_read else (piece, row)
        if self.done - self.saved >= CHECKPOINT_ROWS:
            self._save()

    def _finish(self) -> None:
        """Write the results of the entities that have none."""
        if len(self.names) > 1:  # after a stop, none is scored again
            self._save()
        for entity, name in self.names.items():
            if self.results.is_finished(name):
                continue
            scorer, summary, spool = self.scorers[entity], self.summaries[entity], self.spools[entity]
            for update in scorer.finish():
                spool.append(update)
                summary.add(update, self.results.threshold)
            if scorer.steps_back:
                summary.warnings.append(
                    f"time goes back {scorer.steps_back} times: what comes after is read as another run"
                )
            self.results.publish(summary, spool, self.folder)

    def _save(self) -> None:
        state = {"position": np.array([self.piece, self.row, self.done])}
        for entity, scorer in self.scorers.items():
            spool, summary = self.spools[entity], self.summaries[entity]
            spool.sync()
            found = scorer.state() | {"size": np.array(spool.size), "summary": _bytes(summary)}
            state |= {f"{entity} {name}": array for name, array in found.items()}
        write_state(self.folder, state, self.owner)
        self.saved = self.done

    def _resume(self) -> None:
        """Go on from the latest checkpoint, or start again where there is none."""
        if not (self.folder / STATE_FILE).exists():
            for spool in self.spools.values():
                spool.cut(0)
            return
        state = read_state(self.folder, self.owner)
        try:
            self._restore(state)
        except (ValueError, TypeError, LookupError, AttributeError, OverflowError, RecursionError) as error:
            raise ValueError(
                f"{self.folder / STATE_FILE} is no checkpoint of this job ({reason(error)}). Delete {self.folder} to "
                "start again"
            ) from error

    def _restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from a checkpoint.

        Raises:
            ValueError: A part of it fits none of the rows or another part.
        """
        self.piece, self.row, self.done = map(_whole, state.pop("position").reshape(3))
        self.saved = self.done
        parts: dict[int, dict[str, np.ndarray]] = {entity: {} for entity in self.names}
        for name, array in state.items():
            number, _, own = name.partition(" ")
            parts[int(number)][own] = array
        for entity, part in parts.items():
            scorer, summary = self.scorers[entity], EntitySummary.from_json(part.pop("summary").tobytes())
            size = _whole(part.pop("size"))
            scorer.restore(part)
            if summary.rows != scorer.final or summary.entity != self.names[entity]:
                raise ValueError(f"{summary.rows} scores of {summary.entity}, where {scorer.final} are known")
            self.summaries[entity] = summary
            self.spools[entity].cut(size)
        before = sum(piece.rows_of(self.names) for piece in self.pieces[: self.piece])
        here = self.pieces[self.piece].rows_of(self.names) if self.piece < len(self.pieces) else 0
        taken = sum(scorer.rows for scorer in self.scorers.values())
        if self.piece > len(self.pieces) or self.done != taken or not 0 <= taken - before <= min(self.row, here):
            raise ValueError(
                f"{self.done} rows up to row {self.row} of row group {self.piece}, where {taken} are known"
            )


def _whole(number: np.ndarray | np.generic) -> int:
    """Return a number of rows or bytes in a checkpoint."""
    if number.dtype != np.int64 or number.size != 1 or number.item() < 0:
        raise ValueError(f"{number} in place of a number of rows or bytes")
    return int(number.item())


def _bytes(summary: EntitySummary) -> np.ndarray:
    return np.frombuffer(summary.to_json(), dtype=np.uint8)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Create a folder and hold it for this process; one that holds it is waited for, and one that was killed does not.

    The lock is a file beside the folder, since its holder removes the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with append_to_file(folder.with_suffix(".lock")) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder.mkdir(parents=True, exist_ok=True)
        yield

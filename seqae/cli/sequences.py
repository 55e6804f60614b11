"""Results of saved models of sequences: one table with a row for each sequence, and reconstructions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from seqae.cli.outputs import write_sequences, write_table
from seqae.cli.session import Session
from seqae.cli.timed_tables import timed_table

if TYPE_CHECKING:
    import numpy as np
    import pandas

    from seqae.data.signals.recordings import Recording


def write_codes(session: Session) -> None:
    """Write a table with the code of each sequence."""
    assert session.abilities.encode is not None
    codes = session.abilities.encode(_read(session))
    names = [f"code_{number}" for number in range(codes.shape[1])]
    _write(session, dict(zip(names, codes.T)))
    print(f"codes  {codes.shape[1]} numbers for each of {len(codes):,} sequences")
    session.report.update(sequences=len(codes), code_size=codes.shape[1])


def write_scores(session: Session) -> None:
    """Write a table with the scores of each sequence, and print what they are together."""
    assert session.abilities.score is not None
    items = _read(session)
    columns = session.abilities.score(items)
    _write(session, columns)
    session.report["sequences"] = len(next(iter(columns.values())))
    if "score" in columns:
        _show_scores(session, columns["score"], items)
    if "prediction" in columns:
        _show_predictions(session, columns["prediction"].tolist())


def write_reconstructions(session: Session) -> None:
    """Write the reconstruction of each table to a table, and of other sequences to one file."""
    assert session.abilities.reconstruct is not None
    found = session.abilities.reconstruct(_read(session))
    names, paths = session.inputs.names, session.output_paths
    if session.inputs.kind == "tables":
        for recording, rows, each in zip(session.inputs.items, found, paths, strict=True):
            write_table(timed_table(recording, range(len(rows)), recording.channels, rows), each.table)
    else:
        write_sequences(by_name(names, found), paths[0].table)
    session.report["sequences"] = len(found)


def by_name(names: Sequence[str], items: Sequence[Any]) -> dict[str, Any]:
    """Return items by their names.

    Raises:
        ValueError: Two have the same name.
    """
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise ValueError(f"{count} sequences are called {name}, and so would their results. Give them one at a time")
    return dict(zip(names, items, strict=True))


def _read(session: Session) -> list[Any]:
    """Return the sequences; arrays that a model cuts in windows as recordings."""
    inputs = session.inputs
    if session.abilities.window is None or inputs.kind == "tables":
        return inputs.items
    from seqae.data.signals.loading import as_recordings

    return as_recordings(inputs.items)


def _write(session: Session, columns: dict[str, np.ndarray]) -> None:
    """Write a table with a row for each sequence or window."""
    import pandas

    table = pandas.concat([_index(session), pandas.DataFrame(columns)], axis=1)
    assert len(table) == len(next(iter(columns.values()))), "a row for each sequence"
    write_table(table, session.output_paths[0].table)


def _index(session: Session) -> pandas.DataFrame:
    """Return the name of each sequence, its length if its steps were given, and the first row and time of a window."""
    import pandas

    names, items, window = session.inputs.names, _read(session), session.abilities.window
    if window is not None:
        return pandas.concat([_windows(name, item, window) for name, item in zip(names, items)], ignore_index=True)
    if session.inputs.kind in ("texts", "audio"):
        return pandas.DataFrame({"name": names})
    machines = [getattr(item, "entity", "") for item in items]
    columns = {"name": names, **({"entity": machines} if any(machines) else {}), "length": list(map(len, items))}
    return pandas.DataFrame(columns)


def _windows(name: str, recording: Recording, window: int) -> pandas.DataFrame:
    import pandas

    parts = recording.segments()
    starts = [start for part in parts for start in range(part.start, part.stop, window)]
    stops = [min(start + window, part.stop) for part in parts for start in range(part.start, part.stop, window)]
    found = pandas.DataFrame({"name": [name] * len(starts), "row": starts})
    if recording.entity:
        found.insert(1, "entity", recording.entity)
    if recording.times is not None:
        found["time"] = recording.times[starts]
    return found.assign(length=[stop - start for start, stop in zip(starts, stops)])


def _show_scores(session: Session, scores: np.ndarray, items: list[Any]) -> None:
    least = int(scores.argmin())
    print(f"score  {scores.mean():.4g} on average, {scores[least]:.4g} at least (row {least} of the table)")
    session.report["score"] = {"mean": float(scores.mean()), "least": float(scores[least]), "row_of_least": least}
    if session.abilities.quality is not None:
        metric, value = session.abilities.quality(items)
        print(f"{metric:<6} {value:.3f} of all sequences together")
        session.report[metric.lower()] = value


def _show_predictions(session: Session, predictions: list[Any]) -> None:
    counts = Counter(map(str, predictions))
    print(f"class  {', '.join(f'{name}: {count}' for name, count in counts.most_common())}")
    session.report["predictions"] = dict(counts)
    if labels := session.inputs.labels:
        accuracy = sum(str(found) == true for found, true in zip(predictions, labels)) / len(labels)
        print(f"right  {accuracy:.2%} of the classes that the files tell")
        session.report["accuracy"] = accuracy

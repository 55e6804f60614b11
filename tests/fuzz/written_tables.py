"""Attempts at tables whose content is known: they are read exactly, or refused."""

import random
import re
from pathlib import Path

import numpy as np

from fuzz.mangling import one_line
from seqae.data.signals.loading import as_recordings

NAMES = ["temp", "press", "flow", "level", "T1", "Druck", "Q", "vibration"]
UNITS = ["degC", "bar", "m3/h", "mm", "%", "V", "l/min", "mm/s"]
STAMPS = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%d.%m.%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%d-%b-%Y %H:%M:%S"]
JUNK = ["Logger 7", "# restarted", "Serial: 12", "Firmware,1.2", "sep=;", "", "Site;Roof;East", "// run 12", ",,", "\f"]
JUNK += ["[Data]", "***", "Start,2024-03-01", "Name\tValue", '"quoted, text"', "END OF FILE", "(40 rows affected)", "1"]
JUNK += ["Total,820,217", "12;13", "ÄÖÜ °", "temp,press", "=SUM(A1:A9)", "2024-03-01 00:00:00", "nan", "-"]


def try_written(folder: Path, dice: random.Random) -> str:
    """Write a table, wide, long or transposed, with junk around it: it is read back as it is, or refused."""
    rows, width = dice.randint(2, 12), dice.randint(1, 4)
    names = dice.sample(NAMES, width)
    start, step = np.datetime64("2024-03-25T10:00:00"), dice.choice([1, 10, 60, 3600])
    times = start + np.arange(rows) * np.timedelta64(step, "s")
    values = np.array([[_number(dice) for _ in names] for _ in range(rows)])
    separator, decimal = dice.choice([",", ";", "\t", "|"]), dice.choice([".", ","])
    decimal = "." if separator == "," else decimal
    lines, is_timed = _table(names, times, values, separator, decimal, dice)
    junk = JUNK if is_timed else [each for each in JUNK if not _is_row(each, width, separator, decimal)]
    places = [0, 0, len(lines), dice.randint(0, len(lines))]
    if width == 1 and not is_timed:  # a line above one name is a name, and the name a unit
        places = [len(lines)]
    for place in dice.choices(places, k=dice.choice([0, 0, 1, 2])):
        lines.insert(place, dice.choice(junk))
    path = folder / dice.choice(["run.csv", "run.txt", "run.tsv", "run.dat"])
    path.write_text(dice.choice(["\n", "\r\n"]).join(lines) + "\n" * dice.randint(0, 2), encoding="utf-8", newline="")
    try:
        (found,) = as_recordings(path)
    except ValueError as error:
        assert path.name in str(error), "the error does not name the file"
        return one_line(error)
    assert sorted(found.channels) == sorted(names), f"channels {found.channels} of {names}: {lines}"
    order = [found.channels.index(name) for name in names]
    assert np.array_equal(found.values[:, order], values, equal_nan=True), f"{found.values} for {values}: {lines}"
    if is_timed:
        assert found.times is not None and np.array_equal(found.times, times.astype("M8[ns]")), f"times: {lines}"
    return ""


def _is_row(line: str, width: int, separator: str, decimal: str) -> bool:
    """Whether a line is a row of a table without times as any other, though it was meant for junk."""
    cells = line.split(separator)
    is_value = [re.fullmatch(r"-|nan|\d+", cell.replace(decimal, "")) or (not cell and width > 1) for cell in cells]
    return len(cells) == width and all(is_value)


def _number(dice: random.Random) -> float:
    return dice.choice(
        [dice.randint(-999, 999) / 10, float(dice.randint(-5, 5)), dice.randint(-99_999, 99_999) / 1000, np.nan]
    )


def _table(
    names: list[str], times: np.ndarray, values: np.ndarray, separator: str, decimal: str, dice: random.Random
) -> tuple[list[str], bool]:
    """Return the lines of a table, and whether it has times."""
    form = dice.choice(STAMPS)
    stamps = [time.astype("datetime64[s]").item().strftime(form) for time in times]
    empty = dice.choice(["", "NaN", "n/a"] if len(names) > 1 else ["NaN", "n/a"])  # a row of nothing is a blank line
    cells = [[_text(each, decimal, empty) for each in row] for row in values.tolist()]
    kind = dice.choice(["wide", "wide", "wide", "units", "timeless", "long", "transposed"])
    head = ["time", *names]
    if kind == "long":
        body = [[stamp, name, cell] for stamp, row in zip(stamps, cells) for name, cell in zip(names, row)]
        table = [["time", "tag", "value"], *body]
    elif kind == "transposed":
        table = [["time", *stamps], *([name, *column] for name, column in zip(names, zip(*cells)))]
    elif kind == "timeless":
        table = [names, *cells]
    else:
        table = [head, *([stamp, *row] for stamp, row in zip(stamps, cells))]
        if kind == "units":
            table.insert(1, ["", *dice.sample(UNITS, len(names))])
    quote = dice.choice(["", "", '"'])
    return [separator.join(f"{quote}{cell}{quote}" for cell in row) for row in table], kind != "timeless"


def _text(value: float, decimal: str, empty: str) -> str:
    return empty if np.isnan(value) else f"{value:.3f}".replace(".", decimal)

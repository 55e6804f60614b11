"""Attempts at what runs for months: pieces of text, messages of brokers, states, and what operators have said."""

import copy
import hashlib
import json
import random
import re
import shutil
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from safetensors.numpy import load, save

import seqae
from fuzz.mangling import WORDS, mangled, one_line
from generators import machine
from layouts import LAYOUTS
from seqae.anomaly.feedback.log import FOLDER, LOG_FILE, FeedbackLog
from seqae.anomaly.online.state import STATE_FILE, read_state, write_state
from seqae.data.signals.options import ReadingOptions
from seqae.service.brokers.cells import CellPayloads
from seqae.service.brokers.influx import LineProtocol
from seqae.service.brokers.interface import Message
from seqae.service.brokers.journal import Journal
from seqae.service.brokers.payloads import ChannelPayloads, RowPayloads
from seqae.service.kept_reading import KeptReading
from seqae.service.line_reader import LineReader
from seqae.service.records import records_of
from seqae.service.rejections import Rejection
from seqae.service.row_block import RowBlock
from seqae.service.state_lock import WRITER_FILE, StateLock
from seqae.service.watch import Watch, WatchOptions

CHANNELS = ("flow", "pressure")
ROWS = machine(40, seed=1).round(6)
OBJECTS = ROWS.to_json(orient="records", lines=True, date_format="iso", date_unit="ns").encode()
LINES = ROWS.to_csv(index=False).encode()
POINTS = "".join(
    f"pump,host=m flow={flow},pressure={pressure},on=t {stamp.value}\n" for stamp, flow, pressure in ROWS.values[:8]
).encode()
VALUE = b'{"value": 1.5, "ts": "2024-01-01T00:00:01Z"}'
MESSAGE_WORDS = [b"2024-01-01T00:00:00+99:99", b"9999-12-31T23:59:59", b"1e308", b"-1e18", b"9223372036854775807"]
MESSAGE_WORDS += [b'"', b"=", b",", b" ", b"\\", b"i", b"t", b"{", b"[", b"null", b"NaN", b"-0", b"1700000000000"]


FILLS = ("", "hold", "interpolate", "none")  # of a grid; "" where rows are taken as they come


@cache
def detector(fill: str = "") -> seqae.AnomalyDetector:
    """Return a detector that is fitted in a moment; one with a fill brings irregular rows to a grid."""
    rows, options = machine(400, seed=0), {"resample": "2s", "fill": fill} if fill else {}
    unfitted = seqae.AnomalyDetector(window=16, resolutions=(1,), epochs=0)
    return unfitted.fit(irregular(rows) if fill else rows, **options)


def irregular(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows whose steps in time differ, with readings that are missing in one channel."""
    delays = np.random.default_rng(2).integers(0, 900, len(rows)) * np.timedelta64(1, "ms")
    return rows.assign(time=rows["time"] + delays, flow=rows["flow"].where(rows.index % 3 != 1))


# Text in pieces


def try_splits(folder: Path, dice: random.Random) -> str:
    """Read a text twice, cut at other places: the same rows, but for spoilt quotes, in which lines wait for each other.

    What the columns mean is settled by the lines that come first, in one piece: as many both times.
    """
    text, channels = dice.choice(
        [(LINES, CHANNELS), (OBJECTS, CHANNELS), *((each.text.encode(), each.channels) for each in WRITTEN)]
    )
    is_damaged = dice.random() < 0.7
    if is_damaged:
        text = mangled(text, dice.choice([LINES, OBJECTS]), dice)
    reader = LineReader(ReadingOptions.of(channels=channels), is_strict=dice.random() < 0.3)
    ends = [match.end() for match in re.finditer(rb"\n", text)]
    start = dice.choice(ends[3:] or [len(text)])
    (first, refused), (second, again) = (_read(text, start, copy.deepcopy(reader), dice) for _ in range(2))
    if not (refused or again) or not re.search(rb'"|\r(?!\n)', text):
        rows = [[row for _, row in found] for found in (first, second)]
        assert rows[0] == rows[1], f"{[each for each in rows[0] if each not in rows[1]]} are read once alone: {text!r}"
    elif not re.search(rb"\r(?!\n)", text):  # which ends a line for some, and is not counted
        one, other = dict(first), dict(second)
        for line in one.keys() & other.keys():
            assert one[line] == other[line], f"line {line} is {one[line]} or {other[line]}: {text!r}"
    return refused or again


WRITTEN = [layout for layout in LAYOUTS.values() if isinstance(layout.text, str) and not layout.options]


def _read(text: bytes, start: int, reader: LineReader, dice: random.Random) -> tuple[list[tuple[int, str]], str]:
    """Return the lines and their rows by machine, and why something was refused, of a text cut behind its start."""
    cuts = [start, *sorted(dice.choices(range(start, len(text) + 1), k=dice.choice([0, 1, 5, 40])))]
    pieces = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)])]
    found, refused = list[tuple[int, str]](), ""
    try:
        for item in reader.blocks(pieces):
            if isinstance(item, Rejection):
                refused = one_line(ValueError(item.message))
                continue
            assert not np.isinf(item.values).any() and item.lines is not None
            times = [None] * len(item.values) if item.times is None else item.times.tolist()
            rows = [repr((item.entity, *row)) for row in zip(times, item.values.tolist())]
            found += zip(item.lines.tolist(), rows)
    except ValueError as error:
        refused = one_line(error)
    return sorted(found, key=lambda each: each[1].partition(",")[0]), refused  # machines come in any order


# Messages


def try_messages(folder: Path, dice: random.Random) -> str:
    """Give messages of a broker to a watch: each row is judged, or what is no row refused."""
    options = ReadingOptions.of(
        channels=CHANNELS,
        by=dice.choice([(), ("host",)]),
        missing=dice.choice([(), (-999, "Bad")]),
        states=dice.choice([{}, {"open": 1.0}]),
        time_unit=dice.choice([None, "s", "ms", "ns"]),
    )
    period = dice.choice([None, 1.0, 0.25])
    reader, contents = dice.choice(
        [
            (
                lambda: RowPayloads(options, None),
                [OBJECTS[:200], b"[" + OBJECTS[:300].replace(b"\n", b",") + b"]", LINES[:200]],
            ),
            (
                lambda: CellPayloads(ChannelPayloads(CHANNELS, options), CHANNELS, period, 1.0, 5.0),
                [VALUE, b"2.5", b"open"],
            ),
            (lambda: CellPayloads(LineProtocol(CHANNELS, options), CHANNELS, period, 1.0, 5.0), [POINTS[:150], POINTS]),
        ]
    )
    payloads, watch, refused = reader(), Watch(detector()), ""
    for number in range(dice.randint(1, 5)):
        messages = [_message(number, contents, dice) for _ in range(dice.randint(1, 3))]
        items = [(item, name) for name, item in payloads.take(messages)]
        items += [(block, "") for block in payloads.ready(1.7e9 + number)]
        for item, name in items:
            assert isinstance(item, Rejection) or not np.isinf(item.values).any()
            update = watch.take(item, name)
            json.dumps(records_of(update, "final", CHANNELS, is_full=True), allow_nan=False).encode()
            for each in update.rejections:
                refused = one_line(ValueError(each.message))
    for update in watch.finish():
        json.dumps(records_of(update, "final", CHANNELS, is_full=True), allow_nan=False)
    return refused


def _message(number: int, contents: list[bytes], dice: random.Random) -> Message:
    content, other = dice.choice(contents), dice.choice(contents)
    if dice.random() < 0.8:
        content = mangled(content, other, dice, WORDS + MESSAGE_WORDS)
    machine, channel = dice.choice(["m", "n", ""]), dice.choice(CHANNELS)
    return Message(str(number), f"plant/{machine}", content, 1.7e9 + number, machine, channel)


# States


@cache
def kept_state(fill: str = "") -> Path:
    """Return a folder with the state of a watch: of rows with times and, where there is no grid, of some without."""
    kept = Path(HOME.name) / f"state{fill}"
    with Watch(detector(fill), WatchOptions(state=kept)) as watch:
        values, times = rows_for(fill)
        watch.take(RowBlock(values[:30], times[:30], "m"))
        if not fill:
            watch.take(RowBlock(values[:30], None, "n"))
    return kept


def rows_for(fill: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the values and times of rows as a detector reads them."""
    rows = irregular(ROWS) if fill else ROWS
    return rows.iloc[:, 1:].to_numpy(), rows["time"].to_numpy("M8[ns]")


HOME = tempfile.TemporaryDirectory()  # of what is damaged again and again


def try_state(folder: Path, dice: random.Random) -> str:
    """Go on from a damaged state of a watch."""
    fill = dice.choice(FILLS)
    name = "m" if fill else dice.choice("mn")
    kept, state = kept_state(fill) / name / STATE_FILE, folder / f"state{fill}"
    whole = kept.read_bytes()
    (state / name).mkdir(parents=True, exist_ok=True)
    is_signed = dice.random() < 0.6
    if is_signed:
        owner = f"{Watch(detector(fill), WatchOptions(state=folder / f'other{fill}'))._owner} {name}"
        write_state(state / name, _edited(read_state(kept.parent, owner), dice), owner)
    else:
        (state / name / STATE_FILE).write_bytes(mangled(whole, b"x" * len(whole), dice))
    values, times = (rows[30:] for rows in rows_for(fill))
    watch = Watch(detector(fill), WatchOptions(state=state))
    try:
        for row in range(3):
            update = watch.take(RowBlock(values[row : row + 1], times[row : row + 1] if name == "m" else None, name))
            json.dumps(records_of(update, "final", CHANNELS, is_full=True), allow_nan=False)
        watch.take(RowBlock(values[3:], times[3:] if name == "m" else None, name))
        list(watch.finish())
    except ValueError as error:
        assert str(state) in str(error), f"the error does not name the folder: {error}"
        return one_line(error)
    finally:
        watch.release()
    assert is_signed or load((state / name / STATE_FILE).read_bytes()).keys() == load(whole).keys()
    return ""


def _edited(state: dict[str, np.ndarray], dice: random.Random) -> dict[str, np.ndarray]:
    """Return a state with an array or two changed."""
    for _ in range(dice.randint(1, 2)):
        name = dice.choice(sorted(state))
        array = state[name].copy()
        match dice.randrange(6):
            case 0:
                if len(state) > 1:
                    del state[name]
                continue
            case 1:
                array = array.astype(dice.choice(["f4", "f8", "i8", "i4", "u1", "?"]), casting="unsafe")
            case 2:
                array = np.resize(array, dice.choice([(), (0,), (1,), (3, 2), (7,), (2, 0)]))
            case 3:
                array = array[None] if dice.random() < 0.5 else array[..., :-1] if array.ndim else array
            case 4 if array.size:
                flat = array.reshape(-1)
                flat[dice.randrange(len(flat))] = np.array(dice.choice([-1, 0, 1, 7, 2**31 - 1, -(2**31)])).astype(
                    array.dtype
                )
            case _ if array.size and array.dtype.kind == "f":
                array.reshape(-1)[dice.randrange(array.size)] = dice.choice([np.nan, np.inf, -1e300, 1e30])
            case _:
                array = state[dice.choice(sorted(state))].copy()
        state[name] = array
    return state


NOTES = {
    "unacknowledged.json": b'{"m": {"3": ["a", "b"]}, "n": {"40": ["c"]}}',
    "reading.json": b'{"day_first": true}',
    WRITER_FILE: b'{"process": 1, "machine": "plant", "since": "2024-01-01T00:00:00"}',
}


def try_notes(folder: Path, dice: random.Random) -> str:
    """Go on with damaged notes beside a state: messages that were judged, the order of dates, who writes."""
    name = dice.choice(list(NOTES))
    state = folder / "notes"
    state.mkdir(exist_ok=True)
    (state / name).write_bytes(mangled(NOTES[name], dice.choice([*NOTES.values()]), dice))
    try:
        if name == WRITER_FILE:
            _refused_writer(state)
        elif name == "reading.json":
            assert KeptReading(state).day_first in (None, True, False)
        else:
            watch = Watch(detector(), WatchOptions(state=state))
            try:
                assert all(isinstance(key, str) for key in Journal(watch, 100).judged())
            finally:
                watch.release()
    except ValueError as error:
        assert str(state) in str(error), "the error does not name the folder"
        return one_line(error)
    return ""


def _refused_writer(state: Path) -> None:
    damaged = (state / WRITER_FILE).read_bytes()
    lock = StateLock(state)
    (state / WRITER_FILE).write_bytes(damaged)
    try:
        StateLock(state)
    finally:
        lock.release()


# Feedback


@cache
def kept_feedback() -> Path:
    """Return the folder of a detector about which something was said."""
    home = seqae.save(detector(), Path(HOME.name) / "model")
    log, rows = FeedbackLog(home), machine(80, seed=2)
    log.accept(detector(), rows, 20, 30, author="Ana", note="cleaning") if "time" not in rows else log.accept(
        detector(), rows, str(rows["time"][20]), str(rows["time"][30]), author="Ana", note="cleaning"
    )
    log.name_fault(detector(), rows.iloc[:, 1:], 50, 60, "worn bearing", author="Bo")
    log.undo(1, author="Cy")
    log.accept(detector(), rows.iloc[:, 1:], 20, 30, author="Ana")
    return home


def try_feedback(folder: Path, dice: random.Random) -> str:
    """Take up feedback whose files are damaged, also such that a hash was made for."""
    shutil.copytree(kept_feedback() / FOLDER, folder / FOLDER, dirs_exist_ok=True)
    log, rows = folder / FOLDER / LOG_FILE, folder / FOLDER / f"{dice.randint(1, 3)}.safetensors"
    records = json.loads(log.read_text())
    match dice.randrange(4):
        case 0:
            log.write_bytes(mangled(log.read_bytes(), NOTES["reading.json"], dice))
        case 1:
            rows.write_bytes(mangled(rows.read_bytes(), b"{}", dice))
        case 2:
            for _ in range(dice.randint(1, 2)):
                record = dice.choice(records)
                record[dice.choice(sorted(record))] = dice.choice(FEEDBACK_VALUES)
            log.write_text(json.dumps(records))
        case _:
            record = records[int(rows.stem) - 1]
            arrays = {name: np.ascontiguousarray(each) for name, each in _edited(load(rows.read_bytes()), dice).items()}
            rows.write_bytes(save(arrays))
            record["sha256"] = hashlib.sha256(rows.read_bytes()).hexdigest()
            log.write_text(json.dumps(records))
    try:
        taught = FeedbackLog(folder).apply(detector())
    except ValueError as error:
        assert str(folder) in str(error), f"the error does not name the folder: {error}"
        return one_line(error)
    assert np.isfinite(taught.score_samples(machine(60, seed=3))).all()
    return ""


FEEDBACK_VALUES = [
    None,
    True,
    -1,
    0,
    2,
    10**30,
    1e308,
    float("inf"),
    float("nan"),
    "",
    "fault",
    "x" * 5000,
    "a\nb",
    "\ud800",
]
FEEDBACK_VALUES += [[], {}, ["flow"], ["flow", "pressure"], ["flow", "flow"], "2024-01-01", "../1", "normal"]

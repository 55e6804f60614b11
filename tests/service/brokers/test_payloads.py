"""Messages of every form hold the same rows."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import seqae
from generators import machine
from seqae.data.signals.options import ReadingOptions
from seqae.service.brokers.cells import CellPayloads
from seqae.service.brokers.influx import LineProtocol
from seqae.service.brokers.interface import Message
from seqae.service.brokers.payloads import ChannelPayloads, RowPayloads
from seqae.service.line_reader import RowBlock
from seqae.service.rejections import Rejection

CHANNELS = ("flow", "pressure")
READING = ReadingOptions(channels=CHANNELS)
ROWS = machine(12, seed=0)
ROWS[["flow", "pressure [bar]"]] = ROWS[["flow", "pressure [bar]"]].round(6)  # as JSON writes them
OBJECTS = ROWS.to_json(
    orient="records", lines=True, date_format="iso", date_unit="ns", double_precision=15
).splitlines()
LINES = ROWS.to_csv(index=False).splitlines()
FORMS = {
    "an object": OBJECTS,
    "an object of several lines": [json.dumps(json.loads(each), indent=2) for each in OBJECTS],
    "an array": [f"[{','.join(OBJECTS[:5])}]", f" [{','.join(OBJECTS[5:])}] "],
    "lines of objects": ["\n".join(OBJECTS[:5]), "\r\n".join(OBJECTS[5:])],
    "CSV with a header once": LINES,
    "CSV with a header each time": [f"{LINES[0]}\n{line}\n" for line in LINES[1:]],
    "CSV lines": ["\n".join(LINES[:4]), "\n".join(LINES[4:])],
    "CSV without a header": LINES[1:],
}


def taken(reader: RowPayloads | CellPayloads, payloads: list[str | bytes], topic: str = "m") -> list[RowBlock]:
    """Return the rows in messages that come one by one; none may be refused."""
    found = []
    for number, payload in enumerate(payloads):
        content = payload if isinstance(payload, bytes) else payload.encode()
        for name, item in reader.take([Message(f"{number}", topic, content, float(number), "m")]):
            assert isinstance(item, RowBlock) and name == "m", item
            found.append(item)
        found += reader.ready(float(number))
    return found


def assert_rows(found: list[RowBlock]) -> None:
    np.testing.assert_array_equal(np.concatenate([each.values for each in found]), ROWS.iloc[:, 1:])
    np.testing.assert_array_equal(np.concatenate([each.times for each in found]), ROWS["time"].to_numpy("M8[ns]"))


@pytest.mark.parametrize("form", FORMS)
def test_rows_in_every_form(form: str):
    assert_rows(taken(RowPayloads(READING, None), FORMS[form]))


def test_after_a_restart_rows_are_read_by_the_header_and_the_order_of_the_day_from_before(tmp_path: Path):
    first = ["pressure,flow,time", "20,1.5,13/01/2024 10:00"]
    taken(RowPayloads(READING, None, tmp_path), first)
    for later in (["21,2.5,03/02/2024 10:00"], [f"{first[0]}\n21,2.5,03/02/2024 10:00"]):
        (block,) = taken(RowPayloads(READING, None, tmp_path), later)
        assert (block.values.tolist(), str(block.times[0])[:16]) == ([[2.5, 21.0]], "2024-02-03T10:00")


def test_a_row_that_holds_the_name_of_a_channel_is_no_header(tmp_path: Path):
    reading = ReadingOptions(channels=("1", "2"))
    for _ in range(2):
        blocks = taken(RowPayloads(reading, None, tmp_path), ["2024-01-13,1,2", "2024-01-14,1,2"])
        assert sum(len(block.values) for block in blocks) == 2


def test_a_header_of_other_columns_holds_from_there_on(tmp_path: Path):
    payloads = RowPayloads(READING, None, tmp_path)
    taken(payloads, ["pressure,flow,time", "20,1.5,2024-01-13"])
    messages = ["21,2.5,2024-01-14", "time,flow,pressure\n2024-01-15,3.5,22", "2024-01-16,4.5,23"]
    items = payloads.take([Message(f"{number}", "m", text.encode(), 0.0, "m") for number, text in enumerate(messages)])
    blocks = [block for _, block in items if isinstance(block, RowBlock)]
    assert np.concatenate([block.values for block in blocks]).tolist() == [[2.5, 21], [3.5, 22], [4.5, 23]]


def test_messages_that_come_together_are_read_as_one_by_one():
    messages = [Message(f"{number}", "m", text.encode(), 0.0, "m") for number, text in enumerate(OBJECTS)]
    messages.insert(3, Message("bad", "m", b"{", 0.0, "m"))
    items = [item for _, item in RowPayloads(READING, None).take(messages)]
    assert_rows([item for item in items if isinstance(item, RowBlock)])
    assert [item.text for item in items if isinstance(item, Rejection)] == ["{"]


def read_together(payloads: list[str], *counts: int) -> tuple[list[list[float]], list[str]]:
    """Return the rows and the rejected texts of messages, so many of which are read together each time."""
    reader, rows, texts = RowPayloads(READING, None), [], []
    messages = [Message(f"{number}", "m", text.encode(), 0.0, "m") for number, text in enumerate(payloads)]
    for count in counts:
        for _, item in reader.take([messages.pop(0) for _ in range(count)]):
            if isinstance(item, Rejection):
                texts.append(item.text.strip())
            else:
                rows += item.values.tolist()
    assert not messages
    return rows, texts


@pytest.mark.parametrize("counts", product((0, 1), repeat=5))
def test_bad_messages_are_told_alike_whatever_comes_with_them(counts: tuple[int, ...]):
    ends = [place for place, is_end in enumerate((*counts, 1), start=1) if is_end]
    sizes = [end - start for start, end in zip([0, *ends], ends)]
    rows, texts = read_together(["\0", "null", '"text"', "<html>", "1" * 5000, "a,b\n1,2"], *sizes)
    assert not rows and [text[:8] for text in texts] == ["\0", "null", "<html>", "11111111", "a,b\n1,2"]


def test_a_header_that_fits_no_row_is_told_and_the_rows_are_kept():
    rows, texts = read_together(["time,Flow,Pressure", "2024-01-15,1.5,20", "<html>", "2024-01-16,2.5,21"], 1, 1, 1, 1)
    assert (rows, texts) == ([[1.5, 20], [2.5, 21]], ["time,Flow,Pressure", "<html>"])


def points(unit: str = "ns") -> list[str]:
    counts = {"ns": 1, "ms": 10**6}[unit]
    stamps = ROWS["time"].to_numpy("M8[ns]").astype(np.int64) // counts
    return [
        f'pump,host=m flow={flow},note="a b",pump.x=1i {stamp}\n# remark\nother,host=m pressure={pressure} {stamp}'
        for stamp, flow, pressure in zip(stamps, ROWS["flow"], ROWS["pressure [bar]"])
    ]


@pytest.mark.parametrize("unit", ["ns", "ms"])
def test_points_of_influx_are_joined_by_their_times(unit: str):
    reader = LineProtocol(CHANNELS, ReadingOptions(by=("host",), time_unit=unit))
    found = taken(CellPayloads(reader, CHANNELS, None, None, 5.0), points(unit))
    assert_rows(found)
    assert {each.entity for each in found} == {"m"}


def test_fields_of_influx_are_found_with_their_measurement_and_words_are_states():
    reader = LineProtocol(("pump.flow", "valve"), ReadingOptions(states={"open": 1.0}, missing=(-999,)))
    text = b'pump flow=2.5,valve="open",x="y" 5000000000\npump valve=t,flow=-999 6000000000'
    cells = list(reader.cells(Message("1", "t", text, 0.0)))
    assert {(cell.channel, str(cell.value), str(cell.time)) for cell in cells} == {
        ("pump.flow", "2.5", "1970-01-01T00:00:05.000000000"),
        ("valve", "1.0", "1970-01-01T00:00:05.000000000"),
        ("valve", "1.0", "1970-01-01T00:00:06.000000000"),
        ("pump.flow", "nan", "1970-01-01T00:00:06.000000000"),
    }


@pytest.mark.parametrize(
    "text", [b"pump", b"pump flow=", b"pump flow=1 soon", b'pump valve="shut"', b"\xff", b"m valve=1 9" + b"9" * 25]
)
def test_a_line_that_is_none_of_influx_is_named(text: bytes):
    payloads = CellPayloads(LineProtocol(("valve",), ReadingOptions()), ("valve",), 1.0, 1.0, 5.0)
    ((_, refused),) = payloads.take([Message("1", "telegraf", text, 0.0)])
    assert isinstance(refused, Rejection) and refused.message


def values_of(channel: str, column: str) -> list[str]:
    return [
        json.dumps({"value": value, "ts": stamp.isoformat() + "Z", "unit": "x"})
        for value, stamp in zip(ROWS[column], ROWS["time"])
    ]


def channel_messages(form: str) -> list[Message]:
    """Return the values of both channels as messages, a second from row to row."""
    start = ROWS["time"][0].timestamp()
    found = []
    for number, (flow, pressure) in enumerate(zip(values_of("flow", "flow"), values_of("pressure", "pressure [bar]"))):
        for channel, text in (("flow", flow), ("pressure", pressure)):
            payload = text if form == "objects" else str(json.loads(text)["value"])
            found.append(Message(f"{number}{channel}", "t", payload.encode(), start + number + 0.3, "m", channel))
    return found


@pytest.mark.parametrize("form", ["objects", "numbers"])
def test_values_of_channels_are_joined_by_stamp_or_by_the_period_of_their_arrival(form: str):
    payloads = CellPayloads(ChannelPayloads(CHANNELS, READING), CHANNELS, None, 1.0, 5.0)
    found = []
    for message in channel_messages(form):
        assert not list(payloads.take([message]))
        found += payloads.ready(message.arrival)
        assert message.is_held == (message.channel == "flow")
    assert_rows(found)


def test_a_message_is_held_until_the_last_of_its_rows_is_there():
    reader = LineProtocol(CHANNELS, ReadingOptions(by=("host",)))
    payloads = CellPayloads(reader, CHANNELS, None, None, 5.0)
    texts = (
        "p,host=a flow=1 1\np,host=a flow=2 2\np,host=b flow=3 1",
        "p,host=a pressure=4 1",
        "p,host=b pressure=5 1",
        "p,host=a pressure=6 2",
    )
    messages = [Message(f"{number}", "t", text.encode(), 0.0) for number, text in enumerate(texts)]
    held = []
    for message in messages:
        assert not list(payloads.take([message]))
        list(payloads.ready(0.0))
        held.append([each.is_held for each in messages])
    assert held == [[True, False, False, False]] * 3 + [[False] * 4]


def test_a_row_waits_for_its_values_only_so_long_and_what_is_too_late_is_told():
    payloads = CellPayloads(ChannelPayloads(CHANNELS, READING), CHANNELS, None, 1.0, 5.0)
    flow, pressure, later, *_ = channel_messages("objects")
    assert not [*payloads.take([flow]), *payloads.ready(flow.arrival + 4.9)]
    (row,) = payloads.ready(flow.arrival + 5)
    assert np.isnan(row.values[0, 1]) and not np.isnan(row.values[0, 0]) and not flow.is_held
    assert not [*payloads.take([pressure]), *payloads.ready(flow.arrival + 99)]  # of the same row: left out
    assert not [*payloads.take([later]), *payloads.ready(later.arrival)]
    list(payloads.ready(later.arrival + 9))
    ((_, refused),) = payloads.take([pressure])
    assert isinstance(refused, Rejection) and "1 s too late" in refused.message


@pytest.mark.parametrize(
    ("payload", "value"),
    [
        ("1.5", 1.5),
        (" -2e3\n", -2000),
        ("nan", None),
        ("", None),
        ("ON", 1),
        ("true", 1),
        ("-999", None),
        ('{"v": null}', None),
        ('{"value": "2.5"}', 2.5),
        ("1_0", ...),
        ("1,5", ...),
        ("inf", ...),
        ("0x10", ...),
        ("\u0661", ...),
        ("{}", ...),
        ("[1]", ...),
        ('{"value": [1]}', ...),
        ('{"value": 1, "value": 2}', ...),
        ("1" * 1000, ...),
        ('{"value": 1, "time": "soon"}', ...),
    ],
)
def test_what_is_a_number_and_what_is_not(payload: str, value: float | None):
    reader = ChannelPayloads(("flow",), ReadingOptions(states={"ON": 1.0}, missing=(-999,)))
    message = Message("1", "t", payload.encode(), 0.0, "m", "flow")
    if value is ...:
        with pytest.raises(ValueError, match=r"\(t"):
            list(reader.cells(message))
    else:
        (cell,) = reader.cells(message)
        assert cell.value == value or (value is None and np.isnan(cell.value))


@pytest.mark.parametrize("payload", ["1e999", '{"value": "-1e999"}'])
def test_a_value_that_no_float_holds_is_refused_and_its_row_goes_on_without_it(payload: str):
    payloads = CellPayloads(ChannelPayloads(CHANNELS, READING), CHANNELS, None, 1.0, wait=2.0)
    messages = [
        Message("1", "t", payload.encode(), 1.7e9, "m", "flow"),
        Message("2", "t", b"2.5", 1.7e9, "m", "pressure"),
    ]
    ((_, refused),) = payloads.take(messages)
    assert isinstance(refused, Rejection) and "'flow' is infinite (t)" in refused.message
    (block,) = payloads.ready(1.7e9 + 9)
    np.testing.assert_array_equal(block.values, [[np.nan, 2.5]])


@pytest.mark.parametrize("seconds", ["1e308", "-1e308", "1e15"])
def test_seconds_of_a_clock_that_no_row_can_have_are_refused(seconds: str):
    payloads = CellPayloads(ChannelPayloads(CHANNELS, ReadingOptions(time_epoch="none")), CHANNELS, None, 1.0, wait=2.0)
    message = Message("1", "t", f'{{"value": 1, "t": {seconds}}}'.encode(), 1.7e9, "m", "flow")
    ((_, refused),) = payloads.take([message])
    assert isinstance(refused, Rejection) and "(t). Expected seconds" in refused.message
    assert not [*payloads.ready(1.7e9 + 9)]


@pytest.mark.parametrize("stamp", ["2024-01-13T00:00:00.25", "2024-01-13 01:00:00+01:00", "2024-01-13T00:00:00Z"])
def test_times_are_read_as_in_tables(stamp: str):
    reader = ChannelPayloads(("flow",), ReadingOptions())
    text = json.dumps({"value": 1, "time": stamp}).encode()
    (cell,) = reader.cells(Message("1", "t", text, 0.0, "m", "flow"))
    from seqae.data.signals.timestamps import TimeReader

    assert cell.time == TimeReader().read(pd.Series([stamp]), "", "time", str)[0]


def test_a_detector_knows_the_machines_of_a_fleet():
    fleet = pd.concat([machine(600, seed=seed).assign(unit=unit) for seed, unit in enumerate("AB")])
    detector = seqae.AnomalyDetector(epochs=0).fit(fleet, by="unit")
    payloads = RowPayloads(ReadingOptions(channels=tuple(detector.channels_)), detector.reading_)
    rows = fleet.iloc[[0, 600]].to_json(orient="records", date_format="iso").encode()
    blocks = [item for _, item in payloads.take([Message("1", "t", rows, 0.0)])]
    assert [block.entity for block in blocks] == ["A", "B"]

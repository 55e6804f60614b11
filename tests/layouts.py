"""One table in many layouts, as loggers, spreadsheets, databases and people write it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

ROWS = 40
STAMPS = np.datetime64("2024-03-01T00:00:00", "ns") + np.arange(ROWS) * np.timedelta64(10, "s")
VALUES = np.stack([20.5 + np.arange(ROWS) % 7, np.round(5 + np.arange(ROWS) % 10 / 10, 1)], axis=1)
CHANNELS = ("temp", "press")


@dataclass(frozen=True)
class Layout:
    """A table as it is written to a file.

    Attributes:
        text: The content of the file.
        options: The reading options without which the file is refused, with a message that names them.
        channels: The names of its channels.
        units: Their units.
        values: `(row, channel)`.
        times: `(row,)`; None if the table has none.
        remark: Part of a warning that tells what was skipped.
        machines: The machines that the table is of; each has these values.
        ending: How the name of the file ends.
    """

    text: str | bytes
    options: Mapping[str, object] = field(default_factory=dict)
    channels: tuple[str, ...] = CHANNELS
    units: Mapping[str, str] = field(default_factory=dict)
    values: np.ndarray = field(default_factory=lambda: VALUES)
    times: np.ndarray | None = field(default_factory=lambda: STAMPS)
    remark: str = ""
    machines: tuple[str, ...] = ("",)
    ending: str = ".csv"


def cells() -> list[list[str]]:
    """The cells of the table: stamp, temperature, pressure."""
    return [
        [f"{str(stamp)[:19].replace('T', ' ')}", f"{temp:.1f}", f"{press:.1f}"]
        for stamp, (temp, press) in zip(STAMPS, VALUES.tolist())
    ]


def table(separator: str = ",", header: str = "time,temp,press", decimal: str = ".", end: str = "\n") -> str:
    """The table with a header."""
    lines = [header.replace(",", separator)] if header else []
    lines += [separator.join([stamp, *(cell.replace(".", decimal) for cell in row)]) for stamp, *row in cells()]
    return end.join(lines) + end


UNITS = {"temp": "degC", "press": "bar"}
HEAD, _, BODY = table().partition("\n")
HALF = len(BODY) // 2  # all rows are equally long
SECONDS = np.arange(ROWS) * 10.0


def _mapped(header: str, row: str) -> str:
    """A table with another header, and rows after a pattern of the time, the two values and the row number."""
    rows = [row.format(t=stamp, a=temp, b=press, n=number) for number, (stamp, temp, press) in enumerate(cells())]
    return "\n".join([header, *rows]) + "\n"


def _long(row: str, tags: tuple[str, str] = CHANNELS, header: str = "") -> str:
    """A table with one row for each value, after a pattern of the time, the tag and the value."""
    lines = [row.format(t=stamp, tag=tag, v=value) for stamp, *row_ in cells() for tag, value in zip(tags, row_)]
    return "\n".join([header, *lines] if header else lines) + "\n"


def _stamped(header: str, stamp: Callable[[np.datetime64], object], row: str = "{t},{a},{b}") -> str:
    """A table whose stamps are written in another way."""
    rows = [row.format(t=stamp(time), a=temp, b=press) for time, (_, temp, press) in zip(STAMPS, cells())]
    return "\n".join([header, *rows]) + "\n"


def _counted(start: str, units: float) -> Callable[[np.datetime64], str]:
    """Time since a date, in units of so many seconds."""
    return lambda time: repr(float((time - np.datetime64(start)) / np.timedelta64(1, "s")) / units)


def _written(form: str) -> Callable[[np.datetime64], str]:
    return lambda time: time.astype("datetime64[s]").item().strftime(form)


def _with_words(values: np.ndarray, rows: list[int]) -> np.ndarray:
    changed = values.copy()
    changed[rows, 0] = np.nan
    return changed


TIDY = {"tag_column": "tag", "value_column": "value", "time_column": "time"}
INFLUX = "#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string\n"
INFLUX += "#default,_result,,,,,,,\n,result,table,_start,_stop,_time,_value,_field,_measurement\n"
FAULTY = [temp if row not in (7, 8) else "Bad Input" for row, (_, temp, _) in enumerate(cells())]
ON = np.stack([VALUES[:, 0], np.arange(ROWS) % 9 > 4], axis=1).astype(np.float64)
HOURS = np.datetime64("2024-03-01T00", "ns") + np.arange(ROWS) * np.timedelta64(1, "h")
AUTUMN = np.datetime64("2024-10-27T00:00", "ns") + np.arange(ROWS) * np.timedelta64(10, "m")
AUTUMN[18:] -= np.timedelta64(1, "h")  # local times, which go back at three o'clock

LAYOUTS = {
    # lines above
    "separator line": Layout("sep=;\n" + table(";"), remark="sep=;"),
    "separator line and decimal commas": Layout("sep=;\r\n" + table(";", decimal=",", end="\r\n"), remark="sep=;"),
    "separator line with an unusual sign": Layout("sep=^\n" + table("^"), remark="sep=^"),
    "comments": Layout(f"# logger 7\n# firmware 1.2, rev. 3\n{table()}", remark="lines 1 and 2"),
    "comments of a plotter": Layout(f"% run 12\n% 2 channels\n{table()}", remark="run 12"),
    "comments of a programmer": Layout(f"// run 12\n{table()}", remark="run 12"),
    "header in a comment": Layout(f"# logger 7\n# {table()}", remark="the header is line 2"),
    "header stuck to a sign": Layout(f"#{table(';')}", remark="the header is line 1"),
    "free text": Layout(f"Weather station, roof\nNo. 12345\n\n{table()}", remark="lines 1 and 2"),
    "names and values of a logger": Layout(
        f"Logger,7\nFirmware,1.2\nStart,2024-03-01\n\n{table()}", remark="Firmware,1.2"
    ),
    "names and values with colons": Layout(f"Serial: 12\nStart: 2024-03-01 00:00:00\nRate: 10 s\n{table(';')}"),
    "lines that a spreadsheet filled up": Layout(f"Logger 7,,\nSerial,123,\n,,\n{table()}", remark="lines 1 to 3"),
    "words as long as the table": Layout(f"Site,Roof,East\n{table()}", {"skip_lines": 1}),
    "free text and no header": Layout(f"Logger 7\nrev. 3\n{BODY}", {"skip_lines": 2}, ("0", "1")),
    "a form feed of a printer above": Layout(f"\f\nReport\n{table()}"),
    # rows of units
    "units": Layout(f"{HEAD}\nUTC,degC,bar\n{BODY}", units=UNITS, remark="line 2 holds units"),
    "units in brackets": Layout(f"{HEAD}\n,[degC],[bar]\n{BODY}", units=UNITS, remark="line 2"),
    "units in the header": Layout(table(header="time,temp [degC],press (bar)".replace("(", " (")), units=UNITS),
    "units and types": Layout(
        f'"TOA5","roof","CR1000","1.2","prog"\n"time","temp","press"\n"TS","degC","bar"\n"","Avg","Smp"\n{BODY}',
        units=UNITS,
        remark="line 4 holds no values",
    ),
    "types": Layout(f"{HEAD}\ndatetime,double,double\n{BODY}", remark="'double'"),
    "units behind numbers": Layout(_mapped(HEAD, "{t},{a} degC,{b} bar"), units=UNITS),
    "percent": Layout(_mapped(HEAD, "{t},{a}%,{b}%"), units={"temp": "%", "press": "%"}),
    "descriptions": Layout(f"{HEAD}\nwhen,inlet side,outlet side\n{BODY}", {"comment": "when"}),
    "groups": Layout(
        f",Pump,Pump\n{table()}", channels=("Pump temp", "Pump press"), remark="put together from 2 lines"
    ),
    "groups of a frame": Layout(f",a,b\n,x,x\ntime,,\n{BODY}", channels=("a x", "b x"), remark="put together"),
    # lines within and below
    "comments within": Layout(f"{HEAD}\n{BODY[:HALF]}# restarted, by hand\n{BODY[HALF:]}", remark="line 22"),
    "header repeated": Layout(f"{HEAD}\n{BODY[:HALF]}{HEAD}\n{BODY[HALF:]}", remark="line 22"),
    "words within": Layout(f"{HEAD}\n{BODY[:HALF]}Logger restarted\n{BODY[HALF:]}", {"comment": "Logger restarted"}),
    "end of file": Layout(f"{table()}END OF FILE\n", remark="'END OF FILE'"),
    "count of rows": Layout(f"{table()}\n(40 rows affected)", remark="'(40 rows affected)'"),
    "summary": Layout(f"{table()}Total,820,217\n", {"comment": "Total"}),
    "rows of a spreadsheet that are empty": Layout(f"{table()},,\n,,\n", remark="lines 42 and 43"),
    # separators
    "semicolons and decimal commas": Layout(table(";", decimal=",")),
    "tabs": Layout(table("\t")),
    "bars": Layout(table("|")),
    "carets": Layout(table("^"), {"separator": "^"}),
    "blanks": Layout(_mapped("temp press", " {a} {b}"), {"separator": "blank"}, times=None),
    "columns that are aligned": Layout(
        _mapped(f"{'time':20}{'temp':>8}{'press':>8}", "{t:20}{a:>8}{b:>8}"), {"separator": "blank"}
    ),
    "separators at the end of all rows": Layout(_mapped(HEAD, "{t},{a},{b},")),
    "separators at all ends": Layout(_mapped(f"{HEAD},", "{t},{a},{b},"), remark="column 4"),
    "quotes everywhere": Layout(_mapped('"time","temp","press"', '"{t}","{a}","{b}"')),
    "line ends of all kinds": Layout(table(end="\r\n").replace("\r\n", "\r", 3).replace("\r\n", "\n", 3)),
    # numbers
    "signs in front": Layout(_mapped(HEAD, "{t},+{a},+{b}")),
    "exponents": Layout(_mapped(HEAD, "{t},{a}E+00,{b}e0")),
    "thousands": Layout(_mapped(HEAD, '{t},"1,0{a}",{b}'), {"decimal": "."}, values=VALUES + np.array([1000, 0])),
    "thousands with decimal commas": Layout(
        _mapped("time;temp;press", "{t};1.0{a};{b}").replace(".5;", ",5;").replace(";5.", ";5,"),
        {"decimal": ","},
        values=VALUES + np.array([1000, 0]),
    ),
    "three decimals": Layout(_mapped("time;temp;press", "{t};{a}00;{b}00").replace(".", ","), {"decimal": ","}),
    "quoted decimal commas": Layout(_mapped("time,temp,press", '{t},"{a}","{b}"').replace(".", ","), {"decimal": ","}),
    # headers
    "no header": Layout(BODY, channels=("0", "1"), remark="no header"),
    "header without the index": Layout(
        _mapped("temp,press", "{n},{a},{b}"), times=None, remark="column 1 has no name and counts the rows"
    ),
    "header without the time": Layout(_mapped("temp;press", "{t};{a};{b}")),
    "day and clock under one name": Layout(_mapped("time;temp;press", "{t};{a};{b}").replace(" ", ";")),
    "names with blanks": Layout(table(header="Date Time , temp in , press 2"), channels=("temp in", "press 2")),
    # databases
    "annotations of a database": Layout(
        "#datatype,dateTime:RFC3339,double,double\n#group,false,false,false\n#default,,,\n"
        + _mapped(f",{HEAD}", ",{t},{a},{b}"),
        remark="lines 1 to 3",
    ),
    "a table of a console": Layout(_mapped(" time | temp | press ", " {t} | {a} | {b} ")),
    # encodings
    "UTF-16": Layout(table("\t", "time,temp [°C],press").encode("utf-16"), units={"temp": "°C"}),
    "UTF-8 with a mark": Layout(table().encode("utf-8-sig")),
    "Windows-1252": Layout(
        table(";", "time,temp [°C],press [µbar]").encode("cp1252"), units={"temp": "°C", "press": "µbar"}
    ),
    # one row for each value
    "tidy": Layout(_long("{t},{tag},{v}", header="time,tag,value"), TIDY),
    "a dashboard, series after series": Layout(
        "Series;Time;Value\n"
        + "".join(f"{tag};{row[0]};{row[number]}\n" for number, tag in enumerate(CHANNELS, 1) for row in cells()),
        {"tag_column": "Series", "value_column": "Value", "time_column": "Time"},
    ),
    "a historian": Layout(
        _long('"{tag}";"{t}";{v};1;45352250000', header="VarName;TimeString;VarValue;Validity;Time_ms"),
        {"tag_column": "VarName", "value_column": "VarValue", "time_column": "TimeString"},
        remark="left out beside the values: 'Validity', 'Time_ms'",
    ),
    "a historian with numbered tags": Layout(
        _long("{tag},NULL,{v},NULL,192,{t}", ("7", "8"), "tagid,intvalue,floatvalue,stringvalue,dataintegrity,t_stamp"),
        {"tag_column": "tagid", "value_column": "floatvalue", "time_column": "t_stamp"},
        channels=("7", "8"),
    ),
    "an annotated query": Layout(
        INFLUX + _long(",,0,2024-03-01T00:00:00Z,2024-03-02T00:00:00Z,{t}Z,{v},{tag},pump"),
        {"tag_column": "_field", "value_column": "_value", "time_column": "_time"},
        remark="lines 1 and 2 above the header",
    ),
    "a broker's log": Layout(
        _long("{t} plant/{tag} {v}").replace(" 00:", "T00:"),
        {"separator": "blank", "tag_column": "0", "value_column": "1"},
        channels=("plant/temp", "plant/press"),
        remark="no header",
    ),
    "topic and payload": Layout(
        _long('{{"ts": "{t}", "topic": "plant/{tag}", "payload": "{v}"}}'),
        {"tag_column": "topic", "value_column": "payload", "time_column": "ts"},
        channels=("plant/temp", "plant/press"),
        ending=".jsonl",
    ),
    "a payload with members": Layout(
        _mapped("", '{{"ts": "{t}", "payload": {{"temp": {a}, "press": {b}}}}}'),
        channels=("payload.temp", "payload.press"),
        ending=".jsonl",
    ),
    "home automation": Layout(
        _long("sensor.{tag},{v},{t}", header="entity_id,state,last_changed").replace("temp,21.5", "temp,unavailable"),
        {
            "tag_column": "entity_id",
            "value_column": "state",
            "time_column": "last_changed",
            "missing": ["unavailable"],
        },
        channels=("sensor.temp", "sensor.press"),
        values=_with_words(VALUES, list(range(1, ROWS, 7))),
    ),
    "transposed": Layout(
        "\n".join(",".join(row) for row in zip(("name", *CHANNELS), *cells())) + "\n", {"transposed": True}
    ),
    # machines
    "machines in turn": Layout(
        _mapped("time,machineID,temp,press", "{t},1,{a},{b}\n{t},2,{a},{b}"), {"by": "machineID"}, machines=("1", "2")
    ),
    "machines one after the other": Layout(
        f"pump_id,{HEAD}\n" + "".join(f"{name},{row}\n" for name in "AB" for row in BODY.splitlines()),
        {"by": "pump_id"},
        machines=("A", "B"),
    ),
    "units and cycles": Layout(
        "".join(f"{unit} {n + 1} {a} {b}  \n" for unit in (1, 2, 3) for n, (_, a, b) in enumerate(cells())),
        {"separator": "blank", "by": "0", "time_column": "1"},
        channels=("2", "3"),
        times=np.arange(ROWS) + 1.0,
        machines=("1", "2", "3"),
    ),
    # stamps
    "14 digits": Layout(_stamped("time,temp,press", _written("%Y%m%d%H%M%S")), remark="14 digits"),
    "10 digits": Layout(
        "MESS_DATUM;temp;press\n"
        + "".join(f"{_written('%Y%m%d%H')(hour)};{a};{b}\n" for hour, (_, a, b) in zip(HOURS, cells())),
        {"time_format": "%Y%m%d%H"},
        times=HOURS,
    ),
    "milliseconds from 1970": Layout(_stamped("ts,temp,press", lambda time: int(time.astype(np.int64)) // 10**6)),
    "nanoseconds from 1970": Layout(_stamped("time,temp,press", lambda time: int(time.astype(np.int64)))),
    "a name that tells the unit": Layout(_stamped("epoch_ms,temp,press", lambda time: time.astype(np.int64) // 10**6)),
    "100 nanoseconds from 1601": Layout(
        _stamped("FileTime,temp,press", lambda time: int(time.astype(np.int64)) // 100 + 116_444_736 * 10**9),
        remark="time_epoch='filetime'",
    ),
    "seconds from 1904": Layout(_stamped("time,temp,press", _counted("1904-01-01", 1)), remark="time_epoch='labview'"),
    "historian's months": Layout(_stamped("Timestamp,temp,press", _written("%d-%b-%y %H:%M:%S"))),
    "dates of Germany": Layout(_stamped("Datum;temp;press", _written("%d.%m.%Y %H:%M:%S"), "{t};{a};{b}")),
    "dates of America": Layout(
        _stamped("time,temp,press", _written("%m/%d/%Y %I:%M:%S %p")).replace("03/01/", "03/11/"),
        {"day_first": False},
        times=STAMPS + np.timedelta64(10, "D"),
    ),
    "years of two digits": Layout(_stamped("time,temp,press", _written("%m/%d/%y %I:%M:%S %p")), {"day_first": False}),
    "year, month, day, hour": Layout(
        "year,month,day,hour,temp,press\n"
        + "".join(f"{_written('%Y,%-m,%-d,%-H')(hour)},{a},{b}\n" for hour, (_, a, b) in zip(HOURS, cells())),
        times=HOURS,
        remark="tell the time together",
    ),
    "a buoy": Layout(
        "#YY  MM DD hh mm temp press\n#yr  mo dy hr mn degC  bar\n"
        + "".join(f"{_written('%Y %m %d %H %M')(hour)} {a} {b}\n" for hour, (_, a, b) in zip(HOURS, cells())),
        {"separator": "blank"},
        units=UNITS,
        times=HOURS,
    ),
    "stamps at the end": Layout(_mapped("temp,press,recorded_at", "{a},{b},{t}Z")),
    "offsets to Greenwich": Layout(_mapped(HEAD, "{t}+02:00,{a},{b}"), times=STAMPS - np.timedelta64(2, "h")),
    "newest first": Layout("\n".join([HEAD, *reversed(BODY.splitlines())]) + "\n", {"sort": True}),
    "the night in which summer time ends": Layout(
        "time,temp,press\n" + "".join(f"{str(time)[:16]},{a},{b}\n" for time, (_, a, b) in zip(AUTUMN, cells())),
        times=AUTUMN,
        remark="time_zone='Europe/Berlin'",
    ),
    # missing values and states
    "a word for missing": Layout(
        f"{HEAD}\n" + "".join(f"{row[0]},{temp},{row[2]}\n" for row, temp in zip(cells(), FAULTY)),
        {"missing": ["Bad Input"]},
        values=_with_words(VALUES, [7, 8]),
    ),
    "marks of databases": Layout(
        f"{HEAD}\n"
        + "".join(f"{row[0]},{temp},{row[2]}\n" for row, temp in zip(cells(), FAULTY)).replace("Bad Input", "\\N"),
        values=_with_words(VALUES, [7, 8]),
    ),
    "states": Layout(
        "time,temp,press\n"
        + "".join(f"{row[0]},{row[1]},{'ON' if on else 'OFF'}\n" for row, (_, on) in zip(cells(), ON)),
        {"states": {"OFF": 0, "ON": 1}},
        values=ON,
    ),
    "labels": Layout(_mapped(f"{HEAD},machine_state", "{t},{a},{b},ok"), {"ignore": ["machine_state"]}),
    "percent with decimal commas": Layout(
        _mapped("time;temp;press", "{t};{a} %;{b}%").replace(".", ","), units={"temp": "%", "press": "%"}
    ),
    "thousands in quotes": Layout(
        _mapped("time,temp", '{t},"1,2{n:02}"'),
        {"decimal": "."},
        channels=("temp",),
        values=1200.0 + np.arange(ROWS)[:, None],
    ),
    # loggers
    "a measurement of a laboratory": Layout(
        "LabVIEW Measurement\t\nSeparator\tTab\n***End_of_Header***\t\n\t\nSamples\t40\t40\t\n"
        "***End_of_Header***\t\t\t\nX_Value\ttemp\tpress\tComment\n"
        + "".join(f"{10 * n:.6f}\t{a}\t{b}\n" for n, (_, a, b) in enumerate(cells())),
        times=SECONDS,
        remark="'Comment'",
        ending=".lvm",
    ),
    "a weather logger": Layout(
        '"TOA5","roof","CR1000X","1.2"\n"TIMESTAMP","temp","press"\n"TS","Deg C","Volts"\n"","Avg","Smp"\n' + BODY,
        units={"temp": "Deg C", "press": "Volts"},
        ending=".dat",
    ),
    "serial numbers in the header": Layout(
        '"Plot Title: roof"\n'
        + _mapped('"Date Time","temp, °C (S/N: 12, SEN: 34)","press, bar (S/N: 12, SEN: 35)"', "{t},{a},{b}"),
        units={"temp": "°C", "press": "bar"},
    ),
    "a word below, in quotes": Layout(
        _mapped("name;time;temp;press", "pump;{t};{a};{b}") + '"$COUNT$"  40\n',
        {"comment": "$COUNT$", "ignore": ["name"]},
    ),
    "the time in the name of the file": Layout(
        "".join(f"{a}\t{b}\n" for _, a, b in cells()), channels=("0", "1"), times=None, ending=".10.32.39"
    ),
}

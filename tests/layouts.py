"""One table in many layouts, as loggers, spreadsheets, databases and people write it."""

from __future__ import annotations

from collections.abc import Mapping
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
    """

    text: str | bytes
    options: Mapping[str, object] = field(default_factory=dict)
    channels: tuple[str, ...] = CHANNELS
    units: Mapping[str, str] = field(default_factory=dict)
    values: np.ndarray = field(default_factory=lambda: VALUES)
    times: np.ndarray | None = field(default_factory=lambda: STAMPS)
    remark: str = ""


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
}

"""Any table, written with any signs and any lines around it, is read back exactly or refused: never differently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from seqae.data.signals.loading import as_recordings

words = st.text("abcdefgmst VAK°#%", min_size=1, max_size=8).map(str.strip).filter(bool)
notes = st.lists(
    st.one_of(
        words,
        st.tuples(words, words).map(": ".join),
        st.tuples(words, st.sampled_from(",;\t:"), st.integers(0, 99)).map(lambda each: f"{each[0]}{each[1]}{each[2]}"),
        words.map(lambda text: f"# {text}"),
        st.just(""),
    ),
    max_size=4,
)
NAMES = ("temp", "press", "flow", "level")
UNITS = ("degC", "bar", "m3/h", "mm")


@dataclass(frozen=True)
class Written:
    """A table as text, and what it holds."""

    text: str
    values: np.ndarray
    channels: tuple[str, ...]
    decimal: str


@st.composite
def tables(draw: st.DrawFn) -> Written:
    width, rows = draw(st.integers(1, 4)), draw(st.integers(3, 12))
    numbers = st.integers(-99_999, 99_999).map(lambda number: number / 1000)
    values = np.array(draw(st.lists(st.lists(numbers, min_size=width, max_size=width), min_size=rows, max_size=rows)))
    separator, decimal = draw(st.sampled_from([",", ";", "\t", "|", "^"])), draw(st.sampled_from([".", ","]))
    if separator == decimal:
        decimal = "."
    quote, end = draw(st.sampled_from(["", '"'])), draw(st.sampled_from(["\n", "\r\n"]))
    form = draw(st.sampled_from(["{:.3f}", "{:+.4f}", "{:.6g}", "{:_.3f}"]))
    grouping = "." if decimal == "," else ","
    if grouping == separator:
        form = form.replace("_", "")
    timed, has_units = draw(st.booleans()), draw(st.booleans())
    lines = [[f"2024-03-01 10:{row:02d}:00"] * timed for row in range(rows)]
    for cells, row in zip(lines, values.tolist()):
        cells += [form.format(each).replace(".", "~").replace("_", grouping).replace("~", decimal) for each in row]
    head = [["time"] * timed + list(NAMES[:width])]
    if has_units:
        head.append(["UTC"] * timed + list(UNITS[:width]))
    table = [separator.join(f"{quote}{cell}{quote}" for cell in cells) for cells in head + lines]
    inner = draw(st.integers(len(head) + 1, len(table)))
    table[inner:inner] = draw(st.sampled_from([[], ["# restarted"], [table[0]]]))
    below = draw(st.sampled_from([[], ["END"], ["", "Rows: 7"]]))
    text = end.join([*draw(notes), *table, *below]) + draw(st.sampled_from(["", end]))
    read_back = np.array([[float(form.format(each).replace("_", "")) for each in row] for row in values])
    return Written(text, read_back, NAMES[:width], decimal)


@settings(deadline=None, max_examples=100)
@given(tables(), st.sampled_from([{}, {"decimal": ""}, {"comment": "#"}, {"separator": ";"}]))
def test_a_table_is_read_back_or_refused(tmp_path_factory: Any, table: Written, options: dict[str, str]):
    options = {name: value or table.decimal for name, value in options.items()}
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(table.text.encode())
    try:
        (recording,) = as_recordings(path, **options)
    except ValueError as error:
        assert "\n" not in str(error) and len(str(error)) < 700
        return
    np.testing.assert_array_equal(recording.values, table.values)
    assert recording.channels == table.channels
